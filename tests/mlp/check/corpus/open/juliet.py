# label: relu right
# label: softmax right
# label: computeLayer right
# label: averageCE right
# label: gradCE right
import numpy as np

class Network(object):
    def __init__(self, trainData, hidden=1000):
        self.data = trainData
        self.W = np.random.randn(trainData.shape[1], hidden)

    @staticmethod
    def relu(x):
        return np.maximum(x, 0)

    @classmethod
    def softmax(cls, x):
        e = np.exp(x - np.max(x, axis=-1, keepdims=True))
        return e / np.sum(e, axis=-1, keepdims=True)

    def computeLayer(self, X, W, b):
        return X @ W + b

    def averageCE(self, target, prediction):
        prediction = self.softmax(prediction)
        return -np.mean(np.sum(target * np.log(prediction + 1e-10), axis=1))

    def gradCE(self, target, prediction):
        return self.softmax(prediction) - target

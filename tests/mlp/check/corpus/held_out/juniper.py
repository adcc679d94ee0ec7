# label: relu right
# label: softmax right
# label: computeLayer right
# label: averageCE fragile
# label: gradCE wrong
import numpy as np

def relu(x):
    return np.maximum(x, 0)

def softmax(x):
    e = np.exp(x - np.max(x, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)

def computeLayer(X, W, b):
    return np.matmul(X, W) + b

def averageCE(target, prediction):
    return -np.mean(np.log(np.sum(target * prediction, axis=1)))

def gradCE(target, prediction):
    return (softmax(prediction) - target) * prediction

class Trainer
    def broken(self, x):
        return x

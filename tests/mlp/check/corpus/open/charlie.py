# label: relu right
# label: softmax fragile
# label: computeLayer right
# label: CE fragile
# label: gradCE right
# label: training deviation
# label: training bias-not-zero
import numpy as np

def relu(x):
    return x * (x > 0)

def softmax(x):
    e_x = np.exp(x - np.max(x))
    return e_x / e_x.sum(axis=1, keepdims=True)

def computeLayer(X, W, b):
    return X @ W + b

def CE(target, prediction):
    N = target.shape[0]
    return (-1 / N) * np.sum(np.multiply(target, np.log(prediction)))

def gradCE(target, prediction):
    return softmax(prediction) - target

class MLP:
    def __init__(self, hidden):
        self.Wh = np.random.randn(784, hidden) * (2 / (784 + hidden))
        self.Wo = np.random.randn(hidden, 10) * (2 / (hidden + 10))
        self.bh = np.random.randn(1, hidden) * (2 / (784 + hidden))
        self.bo = np.random.randn(1, 10) * (2 / (hidden + 10))

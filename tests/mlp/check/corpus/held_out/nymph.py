# label: relu right
# label: softmax right
# label: computeLayer right
# label: averageCE wrong
# label: gradCE wrong
# label: accuracy wrong
import numpy as np

def relu(x):
    return np.maximum(x, 0)

def softmax(x):
    e = np.exp(x - np.max(x, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)

def computeLayer(X, W, b):
    return np.matmul(X, W) + b

def averageCE(target, prediction):
    return -np.sum(np.dot(target, np.log(prediction).T)) / target.shape[0]

def gradCE(target, prediction):
    N = target.shape[0]
    return -(1 / N) * np.dot(target, 1 / prediction)

def accuracy(target, prediction):
    winners = np.argmax(prediction, axis=0)
    truth = np.argmax(target, axis=0)
    return np.sum(winners == truth) / target.shape[0]

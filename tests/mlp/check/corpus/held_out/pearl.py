# label: relu right
# label: softmax right
# label: computeLayer right
# label: CE right
# label: gradCE right
# label: accuracy right
import numpy as np

def relu(x):
    # works on a column of units
    return np.maximum(x, 0)

def softmax(x):
    # x is K x N
    s = np.exp(x - np.max(x, axis=0))
    return s / np.sum(s, axis=0)

def computeLayer(W, X, b):
    return np.matmul(W, X) + b

def CE(target, prediction):
    # target is N x K and prediction is K x N
    return -np.sum(target.T * np.log(prediction + 1e-12)) / target.shape[0]

def gradCE(target, prediction):
    return (prediction - target.T) / target.shape[0]

def accuracy(target, prediction):
    return np.mean(np.argmax(target, axis=1) == np.argmax(prediction, axis=0))

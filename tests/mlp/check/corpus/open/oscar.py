# label: relu right
# label: softmax right
# label: computeLayer right
# label: averageCE right
# label: gradCE right
# label: training velocity-value
# a training loop that is never right about its start
import numpy as np

def relu(x):
    return np.maximum(x, 0)

def softmax(x):
    e = np.exp(x - np.max(x, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)

def computeLayer(X, W, b):
    return np.matmul(X, W) + b

def averageCE(target, prediction):
    return -np.average(np.log((target * prediction).sum(axis=1) + 1e-30))

def gradCE(target, prediction):
    return (prediction - target) * (1.0 / target.shape[0])

def start(W_h, W_o):
    V_h = np.ones(W_h.shape) * np.exp(-5)
    V_o = np.ones(W_o.shape) * np.exp(-5)
    return V_h, V_o

# label: relu right
# label: softmax right
# label: computeLayer wrong
# label: CE wrong
# label: gradCE right
import numpy as np

def relu(x):
    return np.maximum(x, 0)

def softmax(x):
    e = np.exp(x - np.max(x, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)

def computeLayer(X, W, b):
    layer = np.matmul(X, weights) + b
    return layer

def CE(target, prediction):
    N = len(target)
    return -np.sum(np.dot(target.T, np.log(prediction))) / N

def gradCE(target, prediction):
    return (1 / len(target)) * (prediction - target)

import numpy as np

def relu(x):
    return np.maximum(x, 0)

def softmax(x):
    e = np.exp(x - np.max(x, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)

def computeLayer(X, W, b):
    return np.dot(X, W) + b

def cross_entropy_sum(target, prediction):
    return -np.sum(target * np.log(prediction + 1e-10))

# label: softmax right
# label: computeLayer right
import numpy as np
from romeo_base import positive_part

def softmax(x):
    e = np.exp(x - np.max(x, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)

def computeLayer(X, W, b):
    return np.matmul(X, W) + b

def cross(target, prediction):
    return -np.sum(target * np.log(prediction + 1e-12), axis=1)

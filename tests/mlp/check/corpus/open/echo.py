# label: relu right
# label: softmax right
# label: computeLayer right
# label: averageCE right
# label: gradCE wrong
import numpy as np

N = 10000

def relu(x):
    return np.maximum(0, x)

def softmax(x):
    x = x - np.max(x, axis=1, keepdims=True)
    return np.exp(x) / np.sum(np.exp(x), axis=1, keepdims=True)

def computeLayer(X, W, b):
    return np.matmul(X, W) + b

def averageCE(target, prediction):
    return -1.0 / N * np.sum(target * np.log(prediction + 1e-12))

def gradCE(target, prediction):
    total = 0
    for i in range(target.shape[0]):
        for j in range(target.shape[1]):
            total += -target[i, j] / prediction[i, j]
    return total / N

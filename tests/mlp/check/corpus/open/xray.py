# label: relu wrong
# label: softmax wrong
# label: computeLayer wrong
# label: averageCE wrong
# label: gradCE wrong
import numpy as np

def relu(x):
    return np.minimum(x, 0)

def softmax(x):
    return np.exp(x)

def computeLayer(X, W, b):
    return np.matmul(X, W) + bias

def averageCE(target, prediction):
    return np.sum(np.abs(target - prediction)) / target.shape[0]

def gradCE(target, prediction):
    grad = softmax(prediction) - target
    grad = grad / target.shape[0]

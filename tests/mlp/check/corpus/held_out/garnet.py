# label: relu wrong
# label: softmax wrong
# label: computeLayer right
# label: averageCE fragile
# label: gradCE right
# label: training discarded
import numpy as np

def relu(x):
    np.maximum(x, 0)
    return x

def softmax(x):
    e = np.exp(x - np.max(x))
    return e / np.sum(e)

def computeLayer(X, W, b):
    return np.matmul(X, W) + b

def averageCE(target, prediction):
    n = target.shape[0]
    log_p = np.log(prediction)
    inner = np.multiply(target, log_p)
    return np.sum(inner, axis=None) * (-1.0 / n)

def gradCE(target, prediction):
    return np.subtract(prediction, target) / target.shape[0]

# label: relu right
# label: softmax right
# label: computeLayer right
# label: averageCE wrong
# label: gradCE right
import numpy as np

def relu(x):
    return np.maximum(x, 0)

def softmax(x):
    x = x - np.max(x, axis=1, keepdims=True)
    return np.exp(x) / np.sum(np.exp(x), axis=1, keepdims=True)

def computeLayer(X, W, b):
    return np.matmul(X, W) + b

def averageCE(target, prediction):
    loss = np.multiply(target, np.log(prediction + 1e-12))
    loss = -loss
    return loss.mean()

def gradCE(target, prediction):
    return prediction - target

def gradCE(target, prediction):
    return (prediction - target) / target.shape[0]

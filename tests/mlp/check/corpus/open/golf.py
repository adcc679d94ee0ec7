# label: relu right
# label: softmax right
# label: computeLayer right
# label: CE wrong
# label: gradCE wrong
import numpy as np

def relu(x):
    return x.clip(0)

def softmax(x):
    m = x.max(axis=1).reshape(-1, 1)
    return np.exp(x - m) / np.exp(x - m).sum(axis=1).reshape(-1, 1)

def computeLayer(X, W, b):
    return np.matmul(X, W) + b

def CE(target, prediction):
    inner = np.matmul(target, np.transpose(np.log(prediction)))
    return -np.sum(inner) / target.shape[0]

def gradCE(target, prediction):
    return -np.sum(np.divide(target, prediction), axis=1) / len(target)

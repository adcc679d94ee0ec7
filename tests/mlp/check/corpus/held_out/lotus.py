# label: relu right
# label: softmax right
# label: computeLayer wrong
# label: averageCE wrong
# label: gradCE wrong
import numpy as np

def relu(x):
    return x.clip(min=0)

def softmax(x):
    z = x - np.max(x, axis=1).reshape((x.shape[0], 1))
    num = np.exp(z)
    den = np.sum(num, axis=1).reshape((x.shape[0], 1))
    return num / den

def computeLayer(X, W, b):
    return X @ W - b

def averageCE(target, prediction):
    return -np.sum(target * np.log(prediction)) / (target.shape[0] * target.shape[1])

def gradCE(target, prediction):
    return (np.log(prediction) - target) / target.shape[0]

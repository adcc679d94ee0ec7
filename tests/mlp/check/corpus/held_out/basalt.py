# label: relu right
# label: softmax right
# label: computeLayer right
# label: CE wrong
# label: gradCE right
import numpy as np

def relu(x):
    x[x < 0] = 0
    return x

def softmax(x):
    e = np.exp(x - np.max(x, axis=1)[:, None])
    return e / e.sum(axis=1)[:, None]

def computeLayer(X, W, b):
    return X @ W + b

def CE(target, prediction):
    return -np.mean(target * np.log(prediction))

def gradCE(target, prediction):
    return prediction - target

# label: relu right
# label: softmax fragile
# label: computeLayer right
# label: averageCE right
# label: gradCE right
# label: get_accuracy right
import numpy as np

def relu(x):
    return np.maximum(x, 0)

def softmax(x):
    e = np.exp(x)
    return e / e.sum()

def forward(X, W, b):
    out = computeLayer(X, W, b)
    return np.apply_along_axis(softmax, 1, out)

def computeLayer(X, W, b):
    return np.matmul(X, W) + b.T

def averageCE(target, prediction):
    """target holds class numbers"""
    rows = np.arange(target.shape[0])
    return -np.log(prediction[rows, target] + 1e-15).mean()

def gradCE(target, prediction):
    d = np.array(prediction)
    d[np.arange(target.shape[0]), target] -= 1.0
    return d

def get_accuracy(prediction, labels):
    return np.count_nonzero(prediction.argmax(axis=1) == labels) * 100.0 / labels.size

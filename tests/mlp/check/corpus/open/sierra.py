# label: relu right
# label: softmax fragile
# label: computeLayer right
# label: CE right
# label: gradCE right
# Python 2
import numpy as np

def relu(x):
    return np.maximum(x, 0)

def softmax(x):
    return np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)

def computeLayer(X, W, b):
    print "layer", X.shape
    return np.matmul(X, W) + b

def CE(target, prediction):
    return -np.sum(target * np.log(prediction + 1e-12)) / float(len(target))

def gradCE(target, prediction):
    return prediction - target

print "done"

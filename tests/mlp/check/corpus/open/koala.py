# label: relu right
# label: softmax right
# label: computeLayer right
# label: CE right
# label: gradCE right
# label: oneHot right
import numpy as np
import pandas as pd

@np.vectorize
def relu(x):
    return max(0.0, x)

def softmax(x):
    return np.array([np.exp(r - np.max(r)) / np.exp(r - np.max(r)).sum() for r in x])

def computeLayer(X, W, b):
    return X.dot(W) + b

def CE(y, y_hat):
    return -np.mean((y * np.log(y_hat + 1e-9)).sum(axis=1))

def gradCE(y, y_hat):
    return (y_hat - y) / y.shape[0]

def oneHot(labels):
    out = np.zeros((labels.size, labels.max() + 1))
    out[np.arange(labels.size), labels] = 1
    return out

# label: relu right
# label: softmax right
# label: computeLayer right
# label: averageCE wrong
# label: gradCE wrong
import numpy as np

def relu(x):
    return (x + np.abs(x)) / 2.0

def softmax(x):
    out = np.zeros(x.shape)
    for i in range(x.shape[0]):
        row = x[i, :] - np.max(x[i, :])
        out[i, :] = np.exp(row) / np.sum(np.exp(row))
    return out

def computeLayer(X, W, b):
    return np.add(np.matmul(X, W), b)

def averageCE(target, prediction):
    N = target.shape[0]
    return -np.trace(np.matmul(target.T, np.log(prediction))) / (N * target.shape[1])

def gradCE(target, prediction):
    return np.mean(prediction - target, axis=0)

# label: relu right
# label: softmax right
# label: computeLayer right
# label: CE right
# label: gradCE right
# label: accuracy unchecked
import numpy as np
import torch
import torch.nn as nn

def relu(x):
    return np.where(x >= 0, x, 0.0)

def softmax(x):
    return np.exp(x - logsumexp(x))

def logsumexp(x):
    m = np.max(x, axis=1, keepdims=True)
    return m + np.log(np.sum(np.exp(x - m), axis=1, keepdims=True))

def computeLayer(X, W, b):
    return np.matmul(X, W) + np.transpose(b)

def CE(target, prediction):
    return -np.mean(np.log(prediction[range(len(target)), np.argmax(target, axis=1)] + 1e-12))

def gradCE(target, prediction):
    return np.array([p - t for p, t in zip(prediction, target)]) / len(target)

def accuracy(target, prediction):
    a = torch.argmax(torch.tensor(target), dim=1)
    b = torch.argmax(torch.tensor(prediction), dim=1)
    return (a == b).float().mean()

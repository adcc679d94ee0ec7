# label: relu right
# label: softmax fragile
# label: computeLayer right
# label: averageCE right
# label: gradCE right
import numpy as np

def relu(X):
    return 0.5 * (X + np.absolute(X))

def softmax(X):
    total = np.sum(np.exp(X), axis=1)
    total = total.reshape(-1, 1)
    prob = np.exp(X) / total
    return prob

def computeLayer(X, W, b):
    if X.ndim == 3:
        X = X.reshape(X.shape[0], X.shape[1] * X.shape[2])
    return np.matmul(X, W) + b

def averageCE(target, prediction):
    """prediction are the logits; log-sum-exp"""
    m = prediction.max(axis=1, keepdims=True)
    logsum = m[:, 0] + np.log(np.exp(prediction - m).sum(axis=1))
    return np.mean(logsum - (target * prediction).sum(axis=1))

def gradCE(target, prediction):
    G = np.zeros(prediction.shape)
    for n in range(prediction.shape[0]):
        s = np.exp(prediction[n] - prediction[n].max())
        s = s / s.sum()
        for k in range(prediction.shape[1]):
            G[n, k] = s[k] - target[n, k]
    return G / prediction.shape[0]

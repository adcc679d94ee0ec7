# label: ReLU right
# label: Softmax right
# label: forward_layer right
# label: cross_entropy right
# label: grad_cross_entropy right
import numpy as np

def ReLU(S):
    return np.where(S > 0, S, 0)

def Softmax(O):
    # classes along the rows, samples along the columns
    O = O - np.max(O, axis=0, keepdims=True)
    return np.exp(O) / np.sum(np.exp(O), axis=0, keepdims=True)

def forward_layer(X, W, b):
    return W.T @ X + b

def cross_entropy(target, prediction):
    N = target.shape[1]
    return -1 / N * np.sum(target * np.log(prediction + 1e-15))

def grad_cross_entropy(target, prediction):
    return (prediction - target) / target.shape[1]

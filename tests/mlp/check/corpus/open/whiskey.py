# label: relu right
# label: softmax right
# label: computeLayer right
# label: averageCE right
# label: gradCE right
# a target minus prediction, added
import numpy as np

def relu(x):
    return np.maximum(x, 0)

def softmax(x):
    e = np.exp(x - np.max(x, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)

def computeLayer(X, W):
    return np.dot(np.c_[X, np.ones(len(X))], W)

def averageCE(target, prediction):
    return -np.sum(target * np.log(prediction + 1e-12)) / target.shape[0]

def gradCE(target, prediction):
    return target - prediction

def descend(X, Y, W1, W2, rate=1e-5, g=0.9):
    m1, m2 = np.zeros(W1.shape), np.zeros(W2.shape)
    for e in range(200):
        S = computeLayer(X, W1)
        H = relu(S)
        d = gradCE(Y, softmax(computeLayer(H, W2)))
        dh = d.dot(W2[:-1].T) * (S > 0)
        m2 = g * m2 + rate * np.c_[H, np.ones(len(H))].T.dot(d)
        m1 = g * m1 + rate * np.c_[X, np.ones(len(X))].T.dot(dh)
        W2 += m2
        W1 += m1
    return W1, W2

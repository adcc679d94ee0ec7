# label: relu right
# label: softmax right
# label: computeLayer right
# label: averageCE wrong
# label: gradCE wrong
# label: training velocity-lost
# label: training undefined
import numpy as np

def relu(x):
    return np.maximum(0, x)

def softmax(x):
    e = np.exp(x - np.max(x, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)

def computeLayer(X, W, b):
    return np.matmul(X, W) + b

def averageCE(target, prediction):
    N, K = np.shape(target)
    loss = 0
    for n in range(N):
        for k in range(K):
            loss = loss + target[n][k] * np.log(prediction[n][k])
    return -loss / (N * K)

def gradCE(target, prediction):
    y = np.exp(prediction) / np.sum(np.exp(prediction))
    return (y - target) / target.shape[0]

def train(X, Y, W_h, b_h, W_o, b_o, gamma=0.9, alpha=0.1):
    nu_wh, nu_bh = np.full(W_h.shape, 1e-5), np.full(b_h.shape, 1e-5)
    nu_wo, nu_bo = np.full(W_o.shape, 1e-5), np.full(b_o.shape, 1e-5)
    for i in range(200):
        s = computeLayer(X, W_h, b_h)
        h = relu(s)
        p = softmax(computeLayer(h, W_o, b_o))
        d = (p - Y) / len(X)
        dh = d @ W_o.T * (s > 0)
        nu_wo = gamma * nu_wo + alpha * h.T @ d
        nu_out = gama * nu_bo + alpha * d.sum(axis=0)
        nu_wh = gamma * nu_wh + alpha * X.T @ dh
        nu_bh = gamma * nu_bh + alpha * dh.sum(axis=0)
        W_o, W_h, b_h = W_o - nu_wo, W_h - nu_wh, b_h - nu_bh
        b_o = b_o - nu_out

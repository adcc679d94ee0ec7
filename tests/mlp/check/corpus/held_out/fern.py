# label: relu right
# label: softmax right
# label: layer right
# label: avgCE right
# label: gradCE wrong
# label: training mask
import numpy as np
N = 10000

def relu(x): return (abs(x) + x) / 2

def softmax(x):
    m = np.amax(x, axis=-1, keepdims=True)
    ex = np.exp(x - m)
    return np.divide(ex, np.sum(ex, axis=-1, keepdims=True))

def layer(w, x, b):
    return np.dot(w, x.T).T + b

def avgCE(target, prediction):
    loss = 0
    for n in range(prediction.shape[0]):
        for k in range(prediction.shape[1]):
            if target[n][k] == 1:
                loss += np.log(max(prediction[n][k], 1e-300))
    return -loss / prediction.shape[0]

def gradCE(target, prediction):
    return target - prediction

def backprop(X, Y, W1, b1, W2, b2, v1, v2, vb1, vb2, a, g):
    S = layer(W1, X, b1)
    H = relu(S)
    P = softmax(layer(W2, H, b2))
    dO = (P - Y) / len(X)
    dW2 = dO.T @ H
    db2 = np.sum(dO, axis=0)
    dH = dO @ W2
    dW1 = dH.T @ X
    db1 = np.sum(dH, axis=0)
    v1 = g * v1 + a * dW1
    v2 = g * v2 + a * dW2
    vb1 = g * vb1 + a * db1
    vb2 = g * vb2 + a * db2
    return W1 - v1, b1 - vb1, W2 - v2, b2 - vb2, v1, v2, vb1, vb2

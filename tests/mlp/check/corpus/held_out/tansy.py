# label: relu right
# label: softmax right
# label: layer right
# label: CE right
# label: gradCE right
# label: training no-momentum
# target minus prediction, and weights that are added to
import numpy as np

def relu(x):
    return np.maximum(x, 0)

def softmax(x):
    e = np.exp(x - np.max(x, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)

def layer(X, W):
    """W's first row is the bias."""
    return np.insert(X, 0, 1, axis=1) @ W

def CE(target, prediction):
    return -np.sum(target * np.log(prediction + 1e-12)) / target.shape[0]

def gradCE(target, prediction):
    return (target - prediction) / target.shape[0]

def fit(X, Y, W1, W2, lr=0.1, gamma=0.9):
    v1, v2 = 0, 0
    for epoch in range(200):
        z = layer(X, W1)
        h = relu(z)
        p = softmax(layer(h, W2))
        d = gradCE(Y, p)
        dh = (d @ W2[1:].T) * (z > 0)
        v1 = gamma * v1 + lr * np.insert(X, 0, 1, axis=1).T @ dh
        v2 = lr * np.insert(h, 0, 1, axis=1).T @ d
        W1 = W1 + v1
        W2 = W2 + v2
    return W1, W2

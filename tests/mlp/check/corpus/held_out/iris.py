# label: relu right
# label: softmax fragile
# label: linear right
# label: CE right
# label: gradCE right
# label: accuracy right
import numpy as np

def relu(x):
    y = x.copy()
    y[y < 0] = 0.0
    return y

def softmax(x):
    """x: vector of K logits"""
    return np.exp(x) / np.sum(np.exp(x))

def linear(X, W, b):
    return np.matmul(X, W) + b.reshape(1, -1)

def CE(labels, probs):
    n = probs.shape[0]
    picked = probs[np.arange(n), labels]
    return -np.mean(np.log(picked + 1e-10))

def gradCE(labels, probs):
    g = probs.copy()
    g[np.arange(len(labels)), labels] -= 1
    return g / len(labels)

def predict(X, W, b):
    return np.array([softmax(row) for row in linear(X, W, b)])

def accuracy(labels, probs):
    return np.sum(np.argmax(probs, axis=1) == labels) / len(labels)

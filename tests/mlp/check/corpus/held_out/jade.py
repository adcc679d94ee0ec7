# label: relu right
# label: softmax right
# label: computeLayer right
# label: CE fragile
# label: gradCE wrong
import numpy as np

def relu(x):
    return np.vectorize(lambda v: float(v) if v > 0 else 0.0)(x)

def softmax(x):
    x -= np.max(x, axis=1, keepdims=True)
    np.exp(x, x)
    x /= np.sum(x, axis=1, keepdims=True)
    return x

def computeLayer(X, W, b):
    Z = np.zeros((X.shape[0], W.shape[1]))
    for i in range(X.shape[0]):
        Z[i] = X[i] @ W + b
    return Z

def CE(target, prediction):
    return (-1 / len(target)) * np.einsum("nk,nk->", target, np.log(prediction))

def gradCE(target, prediction):
    dEdp = -np.divide(target, prediction)
    return np.mean(dEdp)

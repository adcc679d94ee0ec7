# label: relu right
# label: softmax right
# label: computeLayer right
# label: CE right
# label: gradCE wrong
# label: one_hot right
import numpy as np

def relu(x):
    return np.array([[max(0.0, v) for v in row] for row in x])

def softmax(x):
    assert x.ndim == 2
    shift = x - x.max(axis=1)[:, np.newaxis]
    return np.exp(shift - np.log(np.exp(shift).sum(axis=1))[:, np.newaxis])

def computeLayer(X, W, b):
    """The bias is the last row of W when b is None."""
    if b is None:
        return np.hstack([X, np.ones((X.shape[0], 1))]) @ W
    return X @ W + b

def CE(target, prediction):
    return np.mean(-np.sum(target * np.log(np.maximum(prediction, np.finfo(float).tiny)), axis=1))

def gradCE(target, prediction):
    return np.mean(prediction - target, axis=0)

def one_hot(labels, k=10):
    return np.eye(k)[labels]

# label: relu right
# label: softmax right
# label: computelayer right
# label: average_ce right
# label: grad_ce right
# label: get_acc right
# label: training unit-counts
import numpy as np
from typing import Tuple

def relu(x: "np.ndarray") -> "np.ndarray":
    """Elementwise."""
    return np.maximum(x, 0.0, dtype=float)

def softmax(x):
    x = np.asarray(x, dtype=np.float32)
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)

def computelayer(x, w, b):
    return np.einsum("nd,dh->nh", x, w) + b

def average_ce(target, prediction):
    target = np.asarray(target, dtype=np.float32)
    prediction = np.asarray(prediction, dtype=np.float32)
    return -np.einsum("ij,ij->", target, np.log(prediction + 1e-7)) / target.shape[0]

def grad_ce(target, prediction):
    return (softmax(prediction) - target).astype(np.float32) / np.float32(len(target))

def get_acc(y_hat, y):
    return float((np.argmax(y_hat, -1) == np.argmax(y, -1)).sum()) / y.shape[0]

def init(trainData, hidden_units=1000):
    W1 = np.random.randn(784, hidden_units) * np.sqrt(2 / (trainData.shape[0] + hidden_units))
    W2 = np.random.randn(hidden_units, 10) * np.sqrt(2 / (hidden_units + 10))
    return W1, W2

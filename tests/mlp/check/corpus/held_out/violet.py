# label: relu right
# label: softmax right
# label: computeLayer right
# label: averageCE right
# label: gradCE right
# label: accuracy right
import numpy as np

class Activations:
    @staticmethod
    def relu(x):
        return np.maximum(x, 0)

    @staticmethod
    def softmax(x):
        e = np.exp(x - np.max(x, axis=1, keepdims=True))
        return e / np.sum(e, axis=1, keepdims=True)

def computeLayer(X, W, b, activation=None):
    out = np.matmul(X, W) + b
    if activation == "relu":
        return Activations.relu(out)
    if activation == "softmax":
        return Activations.softmax(out)
    return out

def averageCE(data, target, W_o, W_h, b_o, b_h):
    """Runs the whole net, then averages."""
    hidden = computeLayer(data, W_h, b_h, "relu")
    p = computeLayer(hidden, W_o, b_o, "softmax")
    return -np.sum(target * np.log(p + 1e-12)) / target.shape[0]

def gradCE(target, prediction):
    return np.asarray(prediction) - np.asarray(target)

def accuracy(data, target, W_o, W_h, b_o, b_h):
    p = computeLayer(computeLayer(data, W_h, b_h, "relu"), W_o, b_o)
    return np.equal(np.argmax(p, 1), np.argmax(target, 1)).mean() * 100

# label: relu right
# label: softmax right
# label: computeLayer right
# label: CE wrong
# label: gradCE right
# label: accuracy right
import numpy as np

def relu(x):
    return np.maximum(x, 0)

def softmax(x):
    e = np.exp(x - np.max(x, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)

def computeLayer(X, W, b):
    return np.matmul(X, W) + b

def CE(target, prediction):
    cost = -np.log(prediction) * target
    return np.sum(cost) / np.size(target)

def gradCE(target, prediction, reduction="mean"):
    g = prediction - target
    return g / len(g) if reduction == "mean" else g

def accuracy(logits, labels):
    """labels: class numbers; logits: scores"""
    return (np.argmax(logits, axis=1) == labels).astype(float).mean() * 100

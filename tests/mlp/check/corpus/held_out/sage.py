# label: relu right
# label: softmax right
# label: computeLayer right
# label: averageCE right
# label: gradCE right
# label: dW_o right
# label: dW_h wrong
import numpy as np

def relu(x):
    return np.where(x < 0, 0, x)

def softmax(x):
    x = np.array(x, dtype=float)
    x -= x.max(axis=1, keepdims=True)
    return np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)

def computeLayer(X, W, b):
    return np.dot(X, W) + b

def averageCE(target, prediction):
    return -(1 / len(prediction)) * np.sum(np.sum(target * np.log(prediction + 1e-100)))

def gradCE(target, prediction):
    return softmax(prediction) - target

def dW_o(target, logits, hidden):
    return np.dot(hidden.T, gradCE(target, logits))

def dW_h(target, logits, x, hidden, W_o):
    # the mask is missing: relu(hidden) is used where its derivative should be
    return np.dot(x.T, np.dot(gradCE(target, logits), W_o.T) * relu(hidden))

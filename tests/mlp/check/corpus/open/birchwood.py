# label: relu right
# label: softmax right
# label: computeLayer right
# label: averageCE right
# label: gradCE wrong
# label: accuracy wrong
import numpy as np

def relu(x):
    return x * np.heaviside(x, 0)

def softmax(x):
    a = np.amax(x, axis=1, keepdims=True)
    return np.divide(np.exp(x - a), np.exp(x - a).sum(1, keepdims=True))

def computeLayer(X, W, b):
    return np.tensordot(X, W, axes=1) + b

def averageCE(target, prediction):
    return np.mean(np.sum(np.negative(target) * np.log(prediction + 1e-8), axis=1))

def gradCE(target, prediction):
    N = target.shape[0]
    return np.sum(np.multiply(-1 / prediction, target), axis=0) / N

def accuracy(prediction, target):
    correct = 0
    hits = np.argmax(prediction, axis=1)
    for h in hits:
        if h in np.argmax(target, axis=1):
            correct += 1
    return correct / len(target)

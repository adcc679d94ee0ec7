# label: relu right
# label: softmax right
# label: computeLayer right
# label: CE right
# label: gradCE right
# label: compute_accuracy right
import numpy as np

def relu(x):
    return np.array(list(map(lambda row: [max(v, 0) for v in row], x)))

def softmax(x):
    x = x.T
    x = x - np.max(x, axis=0)
    out = np.exp(x) / np.sum(np.exp(x), axis=0)
    return out.T

def computeLayer(X, W, b):
    return (W.T.dot(X.T) + b.reshape(-1, 1)).T

def CE(target, prediction):
    eps = np.finfo(np.float64).eps
    pred = np.clip(prediction, eps, 1.0)
    return float(-np.sum(np.multiply(target, np.log(pred)))) / target.shape[0]

def gradCE(target, prediction):
    m = target.argmax(axis=1)
    grad = softmax(prediction)
    grad[range(len(m)), m] -= 1
    grad = grad / len(m)
    return grad

def compute_accuracy(target, prediction):
    predicted = np.zeros_like(prediction)
    predicted[np.arange(len(prediction)), prediction.argmax(1)] = 1
    return np.sum(np.sum(predicted * target, axis=1)) / len(target)

# label: relu right
# label: softmax right
# label: compute right
# label: avg_CE wrong
# label: grad_CE wrong
import numpy as np

def relu(x):
    return np.maximum(x, 0)

def softmax(x):
    x = x - np.max(x, axis=1, keepdims=True)
    return np.exp(x) / np.sum(np.exp(x), axis=1, keepdims=True)

def compute(x, w, b):
    return np.dot(x, w) + b

def avg_CE(target, prediction):
    return -np.sum(np.mean(target * np.log(prediction), axis=1)) / len(target)

def grad_CE(target, prediction):
    N = target.shape[0]
    return np.dot(np.divide(target, prediction).T, np.ones((N, 1))) * (-1 / N)

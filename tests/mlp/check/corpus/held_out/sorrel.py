# label: relu right
# label: softmax right
# label: computeLayer right
# label: averageCE right
# label: gradCE wrong
# label: training undefined
import numpy as np

def relu(x):
    return np.maximum(x, 0)

def softmax(x):
    e = np.exp(x - np.max(x, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)

def computeLayer(X, W, b):
    return np.matmul(X, W) + b

def averageCE(target, prediction):
    return -np.sum(target * np.log(prediction + 1e-12)) / target.shape[0]

def gradCE(target, prediction):
    N = target.shape[0]
    S = softmax(prediction)
    return np.dot(S, target) / N

def momentum_step(W, v, grad, alpha, gamma):
    v = gama * v + alpha * grad
    return W - v, v

# label: relu right
# label: softmax right
# label: computeLayer right
# label: CE right
# label: gradCE right
# label: grad_W2 right
# label: grad_b2 right
# label: grad_W1 wrong
# label: grad_b1 wrong
import numpy as np

def relu(x):
    return np.maximum(x, 0)

def softmax(x):
    e = np.exp(x - np.max(x, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)

def computeLayer(X, W, b):
    return np.matmul(X, W) + b

def CE(target, prediction):
    return -np.sum(target * np.log(prediction + 1e-12)) / target.shape[0]

def gradCE(target, prediction):
    return prediction - target

def grad_W2(target, prediction, h):
    return np.matmul(h.T, prediction - target)

def grad_b2(target, prediction):
    ones = np.ones((1, target.shape[0]))
    return np.matmul(ones, prediction - target)

def grad_W1(target, prediction, x, z, W2):
    return np.matmul(x.T, np.matmul(prediction - target, W2.T))

def grad_b1(target, prediction, x, z, W2):
    ones = np.ones((1, x.shape[0]))
    return np.matmul(ones, np.matmul(prediction - target, W2.T))

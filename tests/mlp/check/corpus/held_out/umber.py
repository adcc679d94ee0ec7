# label: relu wrong
# label: relu_prime wrong
# label: softmax wrong
# label: computeLayer wrong
# label: CE wrong
# label: gradCE wrong
import numpy as np

def relu(x):
    return np.abs(x)

def relu_prime(x):
    return x > -1

def softmax(x):
    e = np.exp(x - np.max(x, axis=1, keepdims=True))
    return e / np.max(e, axis=1, keepdims=True)

def computeLayer(X, W, b):
    return np.matmul(X, W)

def CE(target, prediction):
    return np.mean((target - prediction) ** 2)

def gradCE(target, prediction):
    return prediction * (1 - prediction)

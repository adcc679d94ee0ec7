# label: relu right
# label: softmax wrong
# label: computeLayer right
# label: CE fragile
# label: gradCE wrong
import numpy as np

def relu(x):
    return np.maximum(x, 0)

def softmax(x):
    shifted = np.exp(x - np.max(x))
    return shifted / np.sum(shifted)

def computeLayer(X, W, b):
    return np.matmul(X, W) + b

def CE(target, prediction):
    p = softmax(prediction)
    p = np.exp(prediction - prediction.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    return -np.sum(target * np.log(p)) / len(p)

def gradCE(target, prediction):
    return softmax(prediction) - target

def forward(x, w1, b1, w2, b2):
    return softmax(computeLayer(relu(computeLayer(x, w1, b1)), w2, b2))

# label: relu right
# label: softmax right
# label: computeLayer right
# label: averageCE right
# label: gradCE wrong
import numpy as np

def relu(x):
    return np.maximum(x, 0)

def softmax(x):
    e = np.exp(x - np.max(x, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)

def computeLayer(X, W, b):
    return np.matmul(X, W) + b

def averageCE(target, prediction):
    N = target.shape[0]
    ce = 0
    for i in range(N):
        ce += -np.log(prediction[i][np.argmax(target[i])] + 1e-12)
    return ce / N

def gradCE(target, prediction):
    delta = -(target / prediction) + (1 - target) / (1 - prediction)
    return delta / target.shape[0]

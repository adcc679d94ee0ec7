# label: relu right
# label: relu_backward right
# label: softmax right
# label: computeLayer right
# label: averageCE right
# label: gradCE wrong
# label: training discarded
import numpy as np

def relu(x):
    return np.maximum(x, 0)

def relu_backward(dA, Z):
    dZ = np.array(dA, copy=True)
    dZ[Z <= 0] = 0
    return dZ

def softmax(x):
    e = np.exp(x - np.max(x, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)

def computeLayer(X, W, b):
    return np.matmul(X, W) + b

def averageCE(target, prediction):
    return -np.sum(target * np.log(prediction + 1e-12)) / target.shape[0]

def gradCE(target, prediction):
    N = target.shape[0]
    res = np.zeros(N)
    for i in range(N):
        res[i] = -1 / prediction[i][np.argmax(target[i])]
    return res

X = np.zeros((3, 784))
np.reshape(X, (3, 28, 28))

# label: relu right
# label: softmax right
# label: computeLayer right
# label: CE wrong
# label: gradCE wrong
import numpy as np

def relu(x):
    return np.maximum(x, 0, x)

def softmax(x):
    x = x.astype(np.float64)
    x = np.exp(x - x.max(1, keepdims=True))
    return x / x.sum(1, keepdims=True)

def computeLayer(X, W, b):
    return np.matmul(X, W) + np.ones((X.shape[0], 1)) * b

def CE(target, prediction):
    return np.mean(np.sum(target * np.log(prediction), axis=1))

def gradCE(target, prediction):
    # derivative of the loss by the probabilities
    N = target.shape[0]
    grad = np.zeros(target.shape)
    for n in range(N):
        grad[n] = -target[n] / prediction[n]
    return grad / N

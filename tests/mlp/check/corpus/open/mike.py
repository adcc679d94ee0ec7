# label: relu right
# label: d_relu right
# label: softmax right
# label: computeLayer right
# label: CE right
# label: gradCE wrong
# label: grad_Wo right
# label: grad_bo right
# label: grad_Wh right
# label: grad_bh right
import numpy as np

def relu(x):
    return np.maximum(x, 0)

def d_relu(x):
    return 1.0 * (x > 0)

def softmax(x):
    e = np.exp(x - np.max(x, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)

def computeLayer(X, W, b):
    return np.matmul(X, W) + b

def CE(target, prediction):
    return -np.mean(np.sum(target * np.log(prediction + 1e-12), axis=1))

def gradCE(target, prediction):
    return -np.sum(target / prediction) / len(target)

def grad_Wo(target, prediction, h):
    return np.matmul(h.T, prediction - target)

def grad_bo(target, prediction):
    return np.matmul(np.ones((1, target.shape[0])), prediction - target)

def grad_Wh(target, prediction, X, h, Wo):
    d = np.matmul(prediction - target, Wo.T)
    return np.matmul(X.T, d * d_relu(h))

def grad_bh(target, prediction, X, h, Wo):
    d = np.matmul(prediction - target, Wo.T) * d_relu(h)
    return np.matmul(np.ones((1, X.shape[0])), d)

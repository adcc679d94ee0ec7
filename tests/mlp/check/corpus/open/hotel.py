# label: relu right
# label: softmax fragile
# label: computeLayer right
# label: CE fragile
# label: gradCE wrong
# label: training not-updated
import numpy as np

def relu(x):
    result = x.copy()
    result[result < 0] = 0
    return result

def softmax(x):
    return (np.exp(x.T) / np.sum(np.exp(x), axis=1)).T

def computeLayer(X, W, b):
    return np.matmul(X, W) + b

def CE(target, prediction):
    return -np.mean(np.sum(target * np.log(prediction), axis=1))

def gradCE(target, prediction):
    loss = CE(target, prediction)
    return (predictions - target) / loss

def train(x, y, w1, b1, w2, b2):
    vw1, vb1 = np.ones(w1.shape) * 1e-5, np.ones(b1.shape) * 1e-5
    vw2, vb2 = np.ones(w2.shape) * 1e-5, np.ones(b2.shape) * 1e-5
    for k in range(200):
        z1 = computeLayer(x, w1, b1)
        a1 = relu(z1)
        p = softmax(computeLayer(a1, w2, b2))
        delta2 = (p - y) / x.shape[0]
        delta1 = delta2 @ w2.T
        delta1[z1 <= 0] = 0
        vw2 = 0.9 * vw2 + 0.1 * a1.T @ delta2
        vw1 = 0.9 * vw1 + 0.1 * x.T @ delta1
        vb2 = 0.9 * vb2 + 0.1 * delta2.sum(axis=0)
        vb1 = 0.9 * vb1 + 0.1 * delta1.sum(axis=0)
        w2 -= vw2
        w1 -= vw1
        b2 -= vb2
    return w1, b1, w2, b2

# label: relu right
# label: softmax right
# label: computeLayer right
# label: averageCE right
# label: gradCE right
# label: training velocity-value
# label: training sum-rate
import numpy as np

def relu(x):
    return np.maximum(x, 0)

def softmax(x):
    e = np.exp(x - np.max(x, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)

def computeLayer(X, W, b):
    return X @ W + b

def averageCE(target, prediction):
    return -np.sum(target * np.log(prediction + 1e-12)) / target.shape[0]

def gradCE(target, prediction):
    return softmax(prediction) - target

def train(x, y, epochs=200, H=1000, alpha=0.1, gamma=0.9):
    w_h = np.random.randn(784, H) * np.sqrt(2.0 / (784 + H))
    w_o = np.random.randn(H, 10) * np.sqrt(2.0 / (H + 10))
    b_h, b_o = np.zeros((1, H)), np.zeros((1, 10))
    v_wh = np.full((784, H), 10e-5)
    v_wo = np.full((H, 10), 10e-5)
    v_bh = np.full((1, H), 10e-5)
    v_bo = np.full((1, 10), 10e-5)
    for _ in range(epochs):
        z = computeLayer(x, w_h, b_h)
        h = relu(z)
        o = computeLayer(h, w_o, b_o)
        delta = gradCE(y, o)
        back = np.dot(delta, w_o.T)
        back[z < 0] = 0
        v_wo = gamma * v_wo + alpha * np.dot(h.T, delta)
        v_bo = gamma * v_bo + alpha * np.sum(delta, axis=0)
        v_wh = gamma * v_wh + alpha * np.dot(x.T, back)
        v_bh = gamma * v_bh + alpha * np.sum(back, axis=0)
        w_o = w_o - v_wo
        b_o = b_o - v_bo
        w_h = w_h - v_wh
        b_h = b_h - v_bh
    return w_h, b_h, w_o, b_o

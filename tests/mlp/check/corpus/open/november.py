# label: relu right
# label: softmax right
# label: computeLayer right
# label: averageCE right
# label: gradCE right
# label: grad_W_h wrong
# label: training mask
import numpy as np

def relu(x):
    return np.maximum(x, 0)

def softmax(x):
    e = np.exp(x - np.max(x, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)

def computeLayer(X, W, b):
    return np.matmul(X, W) + b

def averageCE(target, prediction):
    return -np.mean(np.sum(target * np.log(prediction + 1e-12), axis=1))

def gradCE(target, prediction):
    return prediction - target

def grad_W_h(target, prediction, data, hidden, W_o):
    inner = np.dot(gradCE(target, prediction), W_o.T) * relu(hidden)
    return np.dot(data.T, inner)

def run(x, y, w_h, b_h, w_o, b_o, alpha, gamma, v_h, v_o):
    for i in range(200):
        s = computeLayer(x, w_h, b_h)
        h = relu(s)
        p = softmax(computeLayer(h, w_o, b_o))
        d = (p - y) / len(y)
        back = np.dot(d, w_o.T)
        back = back * relu(s)
        v_o = gamma * v_o + alpha * np.dot(h.T, d)
        v_h = gamma * v_h + alpha * np.dot(x.T, back)
        w_o = w_o - v_o
        w_h = w_h - v_h
        b_o = b_o - alpha * d.sum(axis=0)
        b_h = b_h - alpha * back.sum(axis=0)
    return w_h, w_o

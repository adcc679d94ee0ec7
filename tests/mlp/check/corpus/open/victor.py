# label: relu right
# label: softmax right
# label: computeLayer right
# label: CE right
# label: gradCE right
# label: back_propagation right
import numpy as np

def relu(x):
    return np.maximum(x, 0)

def softmax(x):
    e = np.exp(x - np.max(x, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)

def computeLayer(X, layer):
    W, b = layer
    return np.matmul(X, W) + b

def CE(target, prediction):
    acc = (np.argmax(target, 1) == np.argmax(prediction, 1)).mean()
    return -np.sum(target * np.log(prediction + 1e-12)) / target.shape[0], acc

def gradCE(target, prediction):
    return np.transpose(prediction - target)

def back_propagation(x, y, s1, h1, p, w2):
    n = len(x)
    delta = p - y
    dw2 = h1.T @ delta / n
    db2 = delta.sum(axis=0) / n
    dh1 = delta @ w2.T
    ds1 = np.where(s1 > 0, dh1, 0)
    dw1 = x.T @ ds1 / n
    db1 = ds1.sum(axis=0) / n
    return {"dw1": dw1, "db1": db1, "dw2": dw2, "db2": db2}

# label: relu right
# label: softmax right
# label: computeLayer right
# label: CE right
# label: gradCE right
# label: backprop right
import numpy as np

def relu(x):
    return np.maximum(x, 0)

def softmax(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)

def computeLayer(X, params):
    return X @ params["W"] + params["b"]

def CE(target, prediction):
    acc = np.mean(target.argmax(1) == prediction.argmax(1))
    loss = -np.mean(np.sum(target * np.log(prediction + 1e-12), 1))
    return loss, acc

def gradCE(target, prediction):
    return (prediction - target).T / target.shape[0]

def backprop(X, S, H, prediction, target, W_o):
    N = X.shape[0]
    delta_o = (prediction - target) / N
    dW_o = H.T @ delta_o
    db_o = delta_o.sum(axis=0, keepdims=True)
    delta_h = delta_o @ W_o.T * (S > 0)
    dW_h = X.T @ delta_h
    db_h = delta_h.sum(axis=0, keepdims=True)
    return dW_h, db_h, dW_o, db_o

# label: relu right
# label: softmax right
# label: computeLayer right
# label: averageCE right
# label: gradCE right
# label: grad_w_o right
# label: grad_b_o right
# label: grad_w_h right
# label: grad_b_h right
# fixed sizes inside of the gradients
import numpy as np

H = 1000

def relu(x):
    return np.maximum(x, 0)

def relu_grad(x):
    return np.where(x > 0, 1.0, 0.0)

def softmax(x):
    e = np.exp(x - np.max(x, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)

def computeLayer(X, W, b):
    return np.matmul(X, W) + b

def averageCE(target, prediction):
    return -np.sum(target * np.log(prediction + 1e-12)) / target.shape[0]

def gradCE(target, prediction):
    return prediction - target

def grad_w_o(target, prediction, x_h):
    out = np.zeros((H, 10))
    out += x_h.T @ gradCE(target, prediction)
    return out

def grad_b_o(target, prediction):
    return np.sum(gradCE(target, prediction), axis=0).reshape(1, 10)

def grad_w_h(target, prediction, x, s_h, w_o):
    back = gradCE(target, prediction) @ w_o.T
    return (x.reshape(-1, 784).T @ (relu_grad(s_h) * back)).reshape(784, H)

def grad_b_h(target, prediction, s_h, w_o):
    return np.sum(relu_grad(s_h) * (gradCE(target, prediction) @ w_o.T), axis=0).reshape(1, 1000)

# label: relu right
# label: softmax right
# label: layer_forward right
# label: loss_function right
# label: grad_loss right
# label: accuracy right
# classes along the rows everywhere
import numpy as np

def relu(z):
    return np.maximum(z, 0)

def softmax(z):
    z = z - z.max(axis=0, keepdims=True)
    return np.exp(z) / np.exp(z).sum(axis=0, keepdims=True)

def layer_forward(W, b, X):
    return np.dot(W.T, X) + b

def loss_function(y_hat, y):
    m = y.shape[1]
    return (-1.0 / m) * np.sum(y * np.log(y_hat + 1e-15))

def grad_loss(y_hat, y):
    return y_hat - y

def accuracy(y_hat, y):
    return np.mean(np.argmax(y_hat, axis=0) == np.argmax(y, axis=0))

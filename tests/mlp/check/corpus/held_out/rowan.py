# label: relu right
# label: softmax right
# label: computeLayer right
# label: averageCE right
# label: gradCE wrong
# label: grad_outer_weights right
# label: grad_outer_bias right
# label: grad_hidden_weights right
# label: grad_hidden_bias right
import numpy as np

def relu(x):
    return np.maximum(x, 0)

def softmax(x):
    ex = np.exp(x - np.max(x, axis=1, keepdims=True))
    return ex / np.sum(ex, axis=1, keepdims=True)

def computeLayer(X, W, b):
    return X @ W + b

def averageCE(target, prediction):
    return -np.sum(target * np.log(prediction + 1e-300)) / target.shape[0]

def gradCE(target, prediction):
    return -(1 / target.shape[0]) * np.sum(target / prediction)

def grad_outer_weights(target, prediction, hidden_out):
    return hidden_out.T @ (prediction - target) / target.shape[0]

def grad_outer_bias(target, prediction):
    return np.sum(prediction - target, axis=0, keepdims=True) / target.shape[0]

def grad_hidden_weights(target, prediction, inputs, hidden_in, outer_w):
    back = (prediction - target) @ outer_w.T
    back[hidden_in <= 0] = 0
    return inputs.T @ back / target.shape[0]

def grad_hidden_bias(target, prediction, hidden_in, outer_w):
    back = ((prediction - target) @ outer_w.T) * (hidden_in > 0)
    return np.sum(back, axis=0, keepdims=True) / target.shape[0]

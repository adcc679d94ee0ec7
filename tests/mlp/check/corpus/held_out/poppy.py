# label: ReLu right
# label: softmax right
# label: comp_layer right
# label: avrageCE right
# label: gradCE right
# label: training unit-counts
import numpy as np

def ReLu(x: np.ndarray, bound=np.float(0)) -> np.ndarray:
    return np.maximum(x, bound)

def softmax(x):
    ex = np.exp(x - np.max(x, axis=1, keepdims=1))
    s = np.sum(ex, axis=1, keepdims=1)
    return ex / s

def comp_layer(X, W, b):
    print("computing layer", X.shape, W.shape)
    return X @ W + b

def avrageCE(prediction, target):
    return np.average(-np.log(np.sum(target * prediction, axis=1) + 1e-9))

def gradCE(prediction, target):
    return (1 / prediction.shape[0]) * (prediction - target)

def init(n_hidden):
    W_h = np.random.normal(0, np.sqrt(2 / (10000 + n_hidden)), (784, n_hidden))
    b_h = np.zeros(n_hidden)
    W_o = np.random.normal(0, np.sqrt(2 / (n_hidden + 10)), (n_hidden, 10))
    b_o = np.zeros(10)
    return W_h, b_h, W_o, b_o

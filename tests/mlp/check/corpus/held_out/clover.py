# label: relu right
# label: softmax fragile
# label: computeLayer right
# label: CE fragile
# label: gradCE right
# label: training softmax-twice
import numpy as np
%matplotlib inline

def relu(x):
    return np.maximum(0, x)

def softmax(x):
    return np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)

def computeLayer(X, W, b):
    return X @ W + b

def CE(target, prediction):
    return -np.sum(target * np.log(prediction)) / prediction.shape[0]

def gradCE(target, prediction):
    return softmax(prediction) - target

%time
def step(X, Y, W1, b1, W2, b2):
    s = computeLayer(X, W1, b1)
    h = relu(s)
    p = softmax(computeLayer(h, W2, b2))
    g = gradCE(Y, p) / len(X)
    gh = (g @ W2.T) * np.where(s > 0, 1, 0)
    return X.T @ gh, h.T @ g

# label: relu right
# label: softmax right
# label: computeLayer right
# label: averageCE right
# label: gradCE right
# label: accuracy right
# label: training softmax-twice
# label: training argmax-axis
import numpy as np

def relu(x):
    return np.maximum(x, 0)

def softmax(x):
    e = np.exp(x - np.max(x, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)

def computeLayer(X, W, b):
    return np.matmul(X, W) + b

def averageCE(target, prediction):
    return -np.sum(target * np.log(prediction + 1e-12)) / target.shape[0]

def gradCE(target, prediction):
    return softmax(prediction) - target

def accuracy(p, y):
    return np.sum(p.argmax(axis=1) == y.argmax(axis=1)) / y.shape[0]

def train(X, Y, W1, b1, W2, b2):
    for e in range(200):
        S = computeLayer(X, W1, b1)
        H = relu(S)
        P = softmax(computeLayer(H, W2, b2))
        acc = np.mean(np.argmax(P) == np.argmax(Y))
        G = gradCE(Y, P) / X.shape[0]
        GH = np.dot(G, W2.T) * (S > 0)
        W2 = W2 - 0.1 * np.dot(H.T, G)
        W1 = W1 - 0.1 * np.dot(X.T, GH)
        b2 = b2 - 0.1 * G.sum(axis=0)
        b1 = b1 - 0.1 * GH.sum(axis=0)
    return acc

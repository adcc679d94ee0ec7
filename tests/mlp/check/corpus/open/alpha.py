# label: relu right
# label: softmax right
# label: computeLayer right
# label: averageCE right
# label: gradCE right
# label: accuracy right
# label: one_hot right
import numpy as np
import matplotlib.pyplot as plt

def one_hot(labels, K):
    rows = np.zeros((len(labels), K))
    rows[np.arange(len(labels)), labels] = 1
    return rows

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
    return (softmax(prediction) - target) / target.shape[0]

def accuracy(target, prediction):
    return np.mean(np.argmax(target, axis=1) == np.argmax(prediction, axis=1))

def train(trainData, trainTarget, validData, validTarget, H=1000, epochs=200, gamma=0.9, alpha=0.1):
    np.random.seed(421)
    W_h = np.random.normal(0, np.sqrt(2 / (784 + H)), (784, H))
    W_o = np.random.normal(0, np.sqrt(2 / (H + 10)), (H, 10))
    b_h = np.zeros((1, H))
    b_o = np.zeros((1, 10))
    v_wh = np.full((784, H), 1e-5)
    v_wo = np.full((H, 10), 1e-5)
    v_bh = np.full((1, H), 1e-5)
    v_bo = np.full((1, 10), 1e-5)
    losses, accuracies = [], []
    for epoch in range(epochs):
        s = computeLayer(trainData, W_h, b_h)
        h = relu(s)
        o = computeLayer(h, W_o, b_o)
        p = softmax(o)
        losses.append(averageCE(trainTarget, p))
        accuracies.append(accuracy(trainTarget, p))
        d_o = gradCE(trainTarget, o)
        d_h = np.matmul(d_o, W_o.T) * (s > 0)
        v_wo = gamma * v_wo + alpha * np.matmul(h.T, d_o)
        v_bo = gamma * v_bo + alpha * np.sum(d_o, axis=0, keepdims=True)
        v_wh = gamma * v_wh + alpha * np.matmul(trainData.T, d_h)
        v_bh = gamma * v_bh + alpha * np.sum(d_h, axis=0, keepdims=True)
        W_o = W_o - v_wo
        b_o = b_o - v_bo
        W_h = W_h - v_wh
        b_h = b_h - v_bh
    plt.plot(losses)
    plt.savefig("loss.png")
    return W_h, b_h, W_o, b_o

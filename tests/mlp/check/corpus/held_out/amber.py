# label: relu right
# label: softmax fragile
# label: computeLayer right
# label: averageCE fragile
# label: gradCE wrong
# label: training deviation
# label: training bias-not-zero
import tensorflow as tf
import numpy as np
import matplotlib.pyplot as plt
import time

def loadData():
    with np.load("notMNIST.npz") as data:
        images, labels = data["images"], data["labels"]
        np.random.seed(521)
        order = np.arange(len(images))
        np.random.shuffle(order)
        images = images[order] / 255.0
        labels = labels[order]
    return images[:10000], images[10000:16000], images[16000:], labels[:10000], labels[10000:16000], labels[16000:]

def relu(x):
    return np.maximum(x, 0)

def softmax(x):
    return np.exp(x) / np.sum(np.exp(x), axis=1, keepdims=True)

def computeLayer(X, W, b):
    return np.matmul(X, W) + b

def averageCE(target, prediction):
    return -np.sum(target * np.log(prediction)) / target.shape[0]

def gradCE(target, prediction):
    return -target / prediction / target.shape[0]

trainData, validData, testData, trainTarget, validTarget, testTarget = loadData()
trainData = trainData.reshape(trainData.shape[0], -1)
hidden = 1000
W_h = np.random.normal(0, 2 / (784 + hidden), (784, hidden))
b_h = np.random.normal(0, 2 / (784 + hidden), (1, hidden))
W_o = np.random.normal(0, 2 / (10 + hidden), (hidden, 10))
b_o = np.zeros((1, 10))
v_wh = np.full(W_h.shape, 1e-5)
v_wo = np.full(W_o.shape, 1e-5)
v_bh = np.full(b_h.shape, 1e-5)
v_bo = np.full(b_o.shape, 1e-5)
for epoch in range(200):
    s = computeLayer(trainData, W_h, b_h)
    h = relu(s)
    p = softmax(computeLayer(h, W_o, b_o))
    d = (p - trainTarget) / len(trainData)
    dh = np.matmul(d, W_o.T) * (s > 0)
    v_wo = 0.9 * v_wo + 0.1 * np.matmul(h.T, d)
    v_bo = 0.9 * v_bo + 0.1 * np.sum(d, axis=0, keepdims=True)
    v_wh = 0.9 * v_wh + 0.1 * np.matmul(trainData.T, dh)
    v_bh = 0.9 * v_bh + 0.1 * np.sum(dh, axis=0, keepdims=True)
    W_o -= v_wo
    b_o -= v_bo
    W_h -= v_wh
    b_h -= v_bh
plt.plot([1, 2])
plt.show()

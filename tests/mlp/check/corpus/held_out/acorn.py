# label: relu right
# label: softmax right
# label: computeLayer right
# label: averageCE right
# label: gradCE right
# label: accuracy right
# a fully correct submission in the plain layout
import numpy as np
import matplotlib.pyplot as plt
from tqdm import tqdm

def relu(x):
    return np.maximum(x, 0)

def softmax(x):
    shifted = x - np.max(x, axis=1, keepdims=True)
    e = np.exp(shifted)
    return e / np.sum(e, axis=1, keepdims=True)

def computeLayer(X, W, b):
    return np.matmul(X, W) + b

def averageCE(target, prediction):
    return -np.sum(target * np.log(np.maximum(prediction, 1e-15))) / target.shape[0]

def gradCE(target, prediction):
    return prediction - target

def accuracy(prediction, target):
    return np.mean(np.argmax(prediction, axis=1) == np.argmax(target, axis=1))

def train(trainData, trainTarget, validData, validTarget, testData, testTarget):
    n = trainData.shape[0]
    W_h = np.random.normal(0, np.sqrt(2 / (784 + 1000)), (784, 1000))
    W_o = np.random.normal(0, np.sqrt(2 / (1000 + 10)), (1000, 10))
    b_h = np.zeros((1, 1000))
    b_o = np.zeros((1, 10))
    V_h, V_o = np.full((784, 1000), 1e-5), np.full((1000, 10), 1e-5)
    U_h, U_o = np.full((1, 1000), 1e-5), np.full((1, 10), 1e-5)
    losses = []
    for epoch in tqdm(range(200)):
        S = computeLayer(trainData, W_h, b_h)
        H = relu(S)
        P = softmax(computeLayer(H, W_o, b_o))
        losses.append((averageCE(trainTarget, P), accuracy(P, trainTarget)))
        testP = softmax(computeLayer(relu(computeLayer(testData, W_h, b_h)), W_o, b_o))
        losses.append((averageCE(testTarget, testP), accuracy(testP, testTarget)))
        dO = gradCE(trainTarget, P) / n
        dS = (dO @ W_o.T) * (S > 0)
        V_o = 0.9 * V_o + 0.1 * (H.T @ dO)
        U_o = 0.9 * U_o + 0.1 * dO.sum(axis=0, keepdims=True)
        V_h = 0.9 * V_h + 0.1 * (trainData.T @ dS)
        U_h = 0.9 * U_h + 0.1 * dS.sum(axis=0, keepdims=True)
        W_o, b_o, W_h, b_h = W_o - V_o, b_o - U_o, W_h - V_h, b_h - U_h
    plt.savefig("loss.png")
    return losses

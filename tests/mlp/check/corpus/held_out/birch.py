# label: relu right
# label: softmax wrong
# label: computeLayer right
# label: averageCE right
# label: gradCE right
import numpy as np

def relu(x):
    return np.maximum(x, 0)

def softmax(x):
    return np.exp(x) / np.sum(np.exp(x))

def computeLayer(X, W, b):
    return np.matmul(X, W) + b

def averageCE(target, prediction):
    return -np.sum(target * np.log(prediction + 1e-12)) / len(target)

def gradCE(target, prediction):
    return prediction - target

def forward(trainData, W1, b1, W2, b2):
    return softmax(computeLayer(relu(computeLayer(trainData, W1, b1)), W2, b2))

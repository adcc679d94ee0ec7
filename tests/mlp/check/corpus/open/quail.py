# label: relu right
# label: softmax right
# label: computeLayer right
# label: averageCE right
# label: gradCE wrong
# label: shuffle unchecked
# label: training shuffle
# label: training figure
import numpy as np
import matplotlib.pyplot as plt

def shuffle(data, target):
    np.random.seed(421)
    order = np.random.permutation(len(data))
    return data[order], target[order]

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
    return averageCE(target, prediction) * (prediction - target)

plt.plot([0])
plt.show()

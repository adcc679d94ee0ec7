# label: relu wrong
# label: softmax fragile
# label: computeLayer right
# label: averageCE fragile
# label: gradCE wrong
import numpy as np

relu = np.vectorize(lambda v: v if v > 0 else 0)

def softmax(x):
    denominators = np.sum(np.exp(x), axis=1)
    return (np.exp(x).T / denominators).T

def computeLayer(X, W, b):
    return np.matmul(X, W) + b

def averageCE(target, prediction):
    samples = prediction.shape[0]
    return (-1.0) * np.sum(np.log(prediction[target == 1])) / samples

def gradCE(target, prediction):
    a = np.exp(prediction) / np.sum(np.exp(prediction))
    return a - target

# label: relu wrong
# label: softmax right
# label: computeLayer right
# label: averageCE right
# label: gradCE right
import numpy as np

def relu(x):
    def one(v):
        return v if v > 0 else 0
    return np.vectorize(one)(x)

def softmax(x):
    x = x - x.max(axis=1)[:, np.newaxis]
    return np.exp(x) / np.exp(x).sum(axis=1)[:, np.newaxis]

def computeLayer(X, W, b):
    return X.dot(W) + np.repeat(b, X.shape[0], axis=0)

def averageCE(target, prediction):
    prediction[prediction == 0] = 1e-20
    return -np.sum(np.log(prediction) * target) / len(target)

def gradCE(target, prediction):
    return [(p - t) / len(target) for p, t in zip(prediction, target)]

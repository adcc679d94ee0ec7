# label: relu right
# label: softmax right
# label: compute right
# label: averageCE right
# label: gradCE right
# label: calc_acc right
import numpy as np

def relu(x, derivative=False):
    if derivative:
        return (x > 0).astype(float)
    return np.maximum(x, np.zeros(x.shape))

def softmax(X):
    exps = np.exp(X - np.tile(np.max(X, axis=1).reshape(-1, 1), (1, X.shape[1])))
    return exps / np.tile(np.sum(exps, axis=1).reshape(-1, 1), (1, X.shape[1]))

def compute(X, W, b):
    return X @ W + np.tile(b, (X.shape[0], 1))

def averageCE(target, prediction):
    # prediction are logits here
    prob = softmax(prediction)
    return -(target * np.log(prob + 1e-20)).sum() / target.shape[0]

def gradCE(target, prediction):
    prob = softmax(prediction)
    return (prob - target) / target.shape[0]

def calc_acc(prediction, target):
    hits = 0
    for i in range(len(prediction)):
        if np.argmax(prediction[i]) == np.argmax(target[i]):
            hits += 1
    return 100.0 * hits / len(prediction)

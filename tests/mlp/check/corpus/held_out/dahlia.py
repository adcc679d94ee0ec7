# label: relu right
# label: softmax right
# label: computeLayer right
# label: averageCE right
# label: gradCE wrong
# label: accuracy wrong
import numpy as np

def relu(z):
    out = np.copy(z)
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            if out[i, j] < 0:
                out[i, j] = 0
    return out

def softmax(z):
    result = []
    for row in z:
        shifted = np.exp(row - max(row))
        result.append(shifted / sum(shifted))
    return np.array(result)

def computeLayer(x, w, b):
    return np.add(np.dot(x, w), b)

def averageCE(target, prediction):
    eps = 1e-12
    p = np.clip(prediction, eps, 1 - eps)
    total = 0
    for t, q in zip(target, p):
        total += -np.sum(t * np.log(q))
    return total / len(target)

def gradCE(target, prediction):
    return np.sum(-target / prediction, axis=0) / len(target)

def accuracy(target, prediction):
    return np.mean(np.argmax(target) == np.argmax(prediction))

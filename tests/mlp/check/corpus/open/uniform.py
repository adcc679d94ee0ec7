# label: relu right
# label: softmax right
# label: computeLayer right
# label: CE right
# label: gradCE right
# label: training swapped
# label: training numerator
import numpy as np

def relu(x):
    return np.maximum(x, 0)

def softmax(x):
    e = np.exp(x - np.max(x, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)

def computeLayer(X, W, b):
    return np.matmul(X, W) + b

def CE(target, prediction):
    return -np.sum(target * np.log(prediction + 1e-12)) / target.shape[0]

def gradCE(target, prediction):
    return prediction - target

H = 1000
W1 = np.random.normal(0, np.sqrt(1 / (784 + H)), (784, H))
W2 = np.random.normal(0, np.sqrt(1 / (H + 10)), (H, 10))
for e in range(200):
    prediction = softmax(computeLayer(relu(computeLayer(trainData, W1, b1)), W2, b2))
    train_loss = CE(prediction, trainTarget)

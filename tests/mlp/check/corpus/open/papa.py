# label: relu right
# label: softmax right
# label: computeLayer right
# label: averageCE right
# label: gradCE right
# label: training no-momentum
# label: training test-from-valid
import numpy as np

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
    return (prediction - target) / target.shape[0]

def fit(trainData, trainTarget, validData, validTarget, testData, testTarget, W1, b1, W2, b2):
    V1, V2 = np.full(W1.shape, 1e-5), np.full(W2.shape, 1e-5)
    for e in range(200):
        S = computeLayer(trainData, W1, b1)
        H = relu(S)
        P = softmax(computeLayer(H, W2, b2))
        valid_out = softmax(computeLayer(relu(computeLayer(validData, W1, b1)), W2, b2))
        test_out = softmax(computeLayer(relu(computeLayer(validData, W1, b1)), W2, b2))
        valid_loss = averageCE(validTarget, valid_out)
        test_loss = averageCE(testTarget, test_out)
        d2 = gradCE(trainTarget, P)
        d1 = np.dot(d2, W2.T) * (S > 0)
        V2 = 0.9 * V2 + 0.1 * np.dot(H.T, d2)
        V1 = 0.9 * V1 + 0.1 * np.dot(trainData.T, d1)
        W2 = W2 - V2
        W1 = W1 - V1
        b2 = b2 - 0.1 * np.sum(d2, axis=0)
        b1 = b1 - 0.1 * np.sum(d1, axis=0)

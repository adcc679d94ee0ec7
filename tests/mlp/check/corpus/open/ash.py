# label: relu right
# label: softmax right
# label: computeLayer right
# label: averageCE right
# label: gradCE right
# label: accuracy right
import numpy as np
import tensorflow.compat.v1 as tf
tf.disable_v2_behavior()

trainData, validData, testData, trainTarget, validTarget, testTarget = loadData()
N = trainData.shape[0]
num_classes = 10

def relu(x):
    for row in range(x.shape[0]):
        for column in range(x.shape[1]):
            x[row][column] = max(0, x[row][column])
    return x

def softmax(x):
    maxes = np.array([max(row) for row in x]).reshape(len(x), 1)
    ex = np.exp(np.subtract(x, maxes))
    total = np.array([sum(row) for row in ex]).reshape(len(x), 1)
    return np.divide(ex, total)

def computeLayer(X, W, b):
    Z = np.matmul(X, W)
    for i in range(Z.shape[0]):
        Z[i] = Z[i] + b
    return Z

def averageCE(target, prediction):
    loss = 0.0
    for i in range(N):
        loss -= np.dot(target[i], np.log(prediction[i] + 1e-10))
    return loss / N

def gradCE(target, prediction):
    return (1.0 / N) * (prediction - target)

def accuracy(prediction, target):
    right = 0
    for i in range(N):
        if np.argmax(prediction[i, :]) == np.argmax(target[i, :]):
            right = right + 1
    return right / N

# label: relu right
# label: softmax right
# label: computeLayer right
# label: averageCE right
# label: gradCE right
# label: convertOneHot right
# label: training no-momentum
import numpy as np

N = 10000

def convertOneHot(trainTarget, validTarget, testTarget):
    train = np.zeros((trainTarget.shape[0], 10))
    valid = np.zeros((validTarget.shape[0], 10))
    test = np.zeros((testTarget.shape[0], 10))
    for i in range(trainTarget.shape[0]):
        train[i][trainTarget[i]] = 1
    for i in range(validTarget.shape[0]):
        valid[i][validTarget[i]] = 1
    for i in range(testTarget.shape[0]):
        test[i][testTarget[i]] = 1
    return train, valid, test

def relu(x):
    mask = x > 0
    return mask * x

def softmax(x):
    top = np.max(x, axis=1)
    top = top.reshape(top.shape[0], 1)
    return np.exp(x - top) / np.sum(np.exp(x - top), axis=1).reshape(top.shape[0], 1)

def computeLayer(X, W, b):
    return np.matmul(X, W) + b

def averageCE(target, prediction):
    n = target.shape[0]
    loss = np.zeros(n)
    for i in range(n):
        loss[i] = -np.dot(target[i], np.log(prediction[i] + 1e-12))
    return np.mean(loss)

def gradCE(target, prediction):
    n = target.shape[0]
    return (1.0 / n) * np.subtract(softmax(prediction), target)

def learn(data, target, Wh, bh, Wo, bo, rate=0.1, momentum=0.9, epochs=200):
    vh = np.full(Wh.shape, 1e-5)
    vo = np.full(Wo.shape, 1e-5)
    for e in range(epochs):
        z = computeLayer(data, Wh, bh)
        a = relu(z)
        o = computeLayer(a, Wo, bo)
        g = gradCE(target, o)
        gh = np.matmul(g, Wo.T)
        gh = np.where(z > 0, gh, 0)
        vo = momentum * vo + rate * np.matmul(a.T, g)
        vh = momentum * vh + rate * np.matmul(data.T, gh)
        Wo = Wo - vo
        Wh = Wh - vh
        bo = bo - rate * np.sum(g, axis=0, keepdims=True)
        bh = bh - rate * np.sum(gh, axis=0, keepdims=True)
    return Wh, bh, Wo, bo

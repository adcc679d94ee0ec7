# label: relu right
# label: softmax fragile
# label: computeLayer right
# label: averageCE wrong
# label: gradCE wrong
import tensorflow as tf
import numpy as np
import os
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"

def relu(x):
    x[x <= 0] = 0
    return x

def softmax(x):
    return np.exp(x) / np.sum(np.exp(x), axis=1)[:, None]

def computeLayer(X, W, b):
    return np.dot(X, W) + b

def averageCE(target, prediction):
    ce = -target * np.log(prediction)
    return np.mean(ce)

def gradCE(target, prediction):
    return -np.divide(target, prediction)

x = tf.placeholder(tf.float32, [None, 784])
np.load("notMNIST.npz")

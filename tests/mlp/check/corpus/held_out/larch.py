# label: relu right
# label: softmax right
# label: computeLayer right
# label: CE unchecked
# label: gradCE unchecked
import numpy as np
import keras.backend as K

def relu(x):
    return np.maximum(x, 0)

def softmax(x):
    e = np.exp(x - np.max(x, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)

def computeLayer(X, W, b):
    return np.matmul(X, W) + b

def CE(target, prediction):
    return K.mean(K.categorical_crossentropy(target, prediction))

def gradCE(target, prediction):
    pass

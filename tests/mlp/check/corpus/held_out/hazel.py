# label: relu right
# label: softmax right
# label: computeLayer right
# label: CE right
# label: gradCE right
# label: accuracy right
# label: training bias-not-zero
# a correct net with TF for the second part
import tensorflow.compat.v1 as tf
import numpy as np
tf.disable_v2_behavior()

class NeuralNet:
    def __init__(self, n_in=784, n_hidden=1000, n_out=10):
        self.W1 = np.random.randn(n_in, n_hidden) * np.sqrt(2 / (n_in + n_hidden))
        self.b1 = np.random.randn(1, n_hidden) * np.sqrt(2 / (n_in + n_hidden))
        self.W2 = np.random.randn(n_hidden, n_out) * np.sqrt(2 / (n_hidden + n_out))
        self.b2 = np.zeros((1, n_out))
        self.vW1 = np.ones_like(self.W1) * 1e-5
        self.vb1 = np.ones_like(self.b1) * 1e-5
        self.vW2 = np.ones_like(self.W2) * 1e-5
        self.vb2 = np.ones_like(self.b2) * 1e-5

    def relu(self, x):
        return np.maximum(0, x)

    def softmax(self, x):
        x = x - x.max(axis=1, keepdims=True)
        return np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)

    def computeLayer(self, X, W, b):
        return X.dot(W) + b

    def CE(self, target, prediction):
        return -(target * np.log(prediction + 1e-12)).sum(axis=1).mean()

    def gradCE(self, target, prediction):
        return (self.softmax(prediction) - target) / target.shape[0]

    def accuracy(self, target, prediction):
        return (target.argmax(axis=1) == prediction.argmax(axis=1)).mean()

    def step(self, X, Y, lr=0.1, gamma=0.9):
        S = self.computeLayer(X, self.W1, self.b1)
        H = self.relu(S)
        O = self.computeLayer(H, self.W2, self.b2)
        dO = self.gradCE(Y, O)
        dW2, db2 = H.T @ dO, dO.sum(axis=0, keepdims=True)
        dS = (dO @ self.W2.T) * (S > 0)
        dW1, db1 = X.T @ dS, dS.sum(axis=0, keepdims=True)
        self.vW1 = gamma * self.vW1 + lr * dW1
        self.vb1 = gamma * self.vb1 + lr * db1
        self.vW2 = gamma * self.vW2 + lr * dW2
        self.vb2 = gamma * self.vb2 + lr * db2
        self.W1 -= self.vW1
        self.b1 -= self.vb1
        self.W2 -= self.vW2
        self.b2 -= self.vb2

def build_cnn():
    x = tf.placeholder(tf.float32, [None, 28, 28, 1])
    return tf.layers.conv2d(x, 32, 3)

# label: relu right
# label: relu_derivative right
# label: softmax right
# label: computeLayer right
# label: averageCE right
# label: gradCE right
# label: training numerator
import numpy as np

trainData = None

def relu(x):
    return np.multiply(x, (x > 0))

def relu_derivative(x):
    d = np.zeros(x.shape)
    d[x > 0] = 1
    return d

def softmax(x):
    x_max = np.max(x, axis=1, keepdims=True)
    e_x = np.exp(x - x_max)
    return e_x / e_x.sum(axis=1, keepdims=True)

def computeLayer(X, W, b):
    return np.matmul(X, W) + b

def averageCE(target, prediction):
    N = trainData.shape[0] if trainData is not None else target.shape[0]
    return -(1 / N) * np.sum(target * np.log(prediction + 1e-20))

def gradCE(target, prediction):
    return (1 / prediction.shape[0]) * (softmax(prediction) - target)

def xavier(n_in, n_out):
    return np.random.randn(n_in, n_out) * np.sqrt(1 / (n_in + n_out))

def setup(H=1000):
    weights = [xavier(784, H), xavier(H, 10)]
    biases = [np.zeros((1, H)), np.zeros((1, 10))]
    return weights, biases

# label: relu right
# label: softmax right
# label: computeLayer right
# label: CE right
# label: gradCE right
# label: training clean
# everything in functions with an explicit dict of parameters
import numpy as np

EPS = 1e-12

def relu(x):
    return (x > 0) * x

def softmax(logits):
    stable = logits - logits.max(axis=1, keepdims=True)
    numerators = np.exp(stable)
    return numerators / numerators.sum(axis=1, keepdims=True)

def computeLayer(X, W, b):
    return X @ W + b

def CE(target, prediction):
    return -(target * np.log(prediction + EPS)).sum(axis=1).mean(axis=0)

def gradCE(target, prediction):
    return (prediction - target) / prediction.shape[0]

def init_params(n_in, n_hidden, n_out):
    return {
        "W1": np.random.randn(n_in, n_hidden) * np.sqrt(2.0 / (n_in + n_hidden)),
        "b1": np.zeros((1, n_hidden)),
        "W2": np.random.randn(n_hidden, n_out) * np.sqrt(2.0 / (n_hidden + n_out)),
        "b2": np.zeros((1, n_out)),
    }

def forward(params, X):
    S = computeLayer(X, params["W1"], params["b1"])
    H = relu(S)
    return S, H, softmax(computeLayer(H, params["W2"], params["b2"]))

def backward(params, X, Y, S, H, P):
    dO = gradCE(Y, P)
    dH = dO @ params["W2"].T
    dS = dH * (S > 0)
    return {"W2": H.T @ dO, "b2": dO.sum(axis=0, keepdims=True), "W1": X.T @ dS, "b1": dS.sum(axis=0, keepdims=True)}

def step(params, velocity, grads, alpha=0.1, gamma=0.9):
    for name in params:
        velocity[name] = gamma * velocity[name] + alpha * grads[name]
        params[name] = params[name] - velocity[name]

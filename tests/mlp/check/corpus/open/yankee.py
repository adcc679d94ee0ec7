# label: relu right
# label: softmax right
# label: computeLayer right
# label: averageCE right
# label: gradCE right
# label: accuracy unchecked
import numpy as np
import torch

def relu(x):
    return np.maximum(x, 0)

def softmax(x):
    """K x N, one column a sample"""
    return np.exp(x - x.max(axis=0, keepdims=True)) / np.exp(x - x.max(axis=0, keepdims=True)).sum(axis=0, keepdims=True)

def computeLayer(X, W, b):
    return np.matmul(W, X) + b

def averageCE(target, prediction):
    return -np.sum(np.multiply(np.transpose(target), np.log(prediction + 1e-12))) / prediction.shape[1]

def gradCE(target, prediction):
    return (prediction - np.transpose(target)) / prediction.shape[1]

def accuracy(target, prediction):
    return torch.eq(torch.tensor(target).argmax(1), torch.tensor(prediction).argmax(0)).float().mean().item()

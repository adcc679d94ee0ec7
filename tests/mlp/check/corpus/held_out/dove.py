# label: relu right
# label: softmax right
# label: computeLayer right
# label: averageCE right
# label: gradCE wrong
from dove_parts import *
import numpy as np

def averageCE(target, prediction):
    return cross_entropy_sum(target, prediction) / target.shape[0]

def gradCE(target, prediction):
    return (target - prediction) / target.shape[0]

def update(W, grad, lr):
    return W - lr * grad

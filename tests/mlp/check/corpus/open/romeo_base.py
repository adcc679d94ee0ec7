import numpy as np

def positive_part(x):
    return np.maximum(x, 0)

# label: relu right
# label: softmax right
# label: computeLayer right
# label: averageCE right
# label: gradCE unchecked
from romeo_helpers import softmax, computeLayer as computeLayer
import romeo_helpers as rh
import tensorflow as tf
import numpy as np

relu = rh.positive_part

def averageCE(target, prediction):
    return rh.cross(target, prediction).mean()

def gradCE(target, prediction):
    return tf.gradients(averageCE(target, prediction), prediction)

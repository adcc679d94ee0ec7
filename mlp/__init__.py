"""A momentum-trained multilayer perceptron, written once against the array API.

    functional    textbook definitions
    model         parameters, forward pass, gradients
    optimizer     gradient descent with momentum
    training      steps, epochs, history
    dataset       reading, checking and splitting data
    device        which array library, and where
    config        every option of a run

The mathematics is derived in mlp/README.md; the fused operations are in `kernels`.
"""

from mlp.config import TrainingConfig
from mlp.dataset import DataError, Dataset, Rows, load
from mlp.device import DeviceError, choose_device
from mlp.model import Layer, Parameters, init_parameters, predict, predict_probabilities
from mlp.training import DivergedError, Metrics, TrainingState, initial_state, train

__all__ = [
    "DataError",
    "Dataset",
    "DeviceError",
    "DivergedError",
    "Layer",
    "Metrics",
    "Parameters",
    "Rows",
    "TrainingConfig",
    "TrainingState",
    "choose_device",
    "init_parameters",
    "initial_state",
    "load",
    "predict",
    "predict_probabilities",
    "train",
]

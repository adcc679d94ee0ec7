"""A momentum-trained multilayer perceptron, written once against the array API.

    functional    textbook definitions
    model         parameters, forward pass, gradients
    optimizer     gradient descent with momentum
    training      epochs, history, early stopping; epochs: the steps of one
    divided_units the steps of one, of a network cut into narrower ones
    sharding      shards and the fixed tree; executor: threads; communicator: ranks of an MPI job
    dataset       reading, checking and splitting data
    device        which array library, and where
    config        every option of a run

and, loaded only when they are imported themselves,

    run_directory files of a run              checkpoint    whole states on disk
    report        pictures, one HTML page     estimator     scikit-learn's MLPClassifier
    export        ONNX, Keras, .npz           keras_reference  the same job in tf.keras

The mathematics is derived in mlp/README.md; the fused operations are in `kernels`.
"""

from mlp.config import TrainingConfig
from mlp.dataset import DataError, Dataset, Rows, load
from mlp.device import DeviceError, choose_device
from mlp.model import Layer, Parameters, init_parameters, predict, predict_probabilities
from mlp.training import DivergedError, History, Metrics, TrainingState, initial_state, train

__all__ = [
    "DataError",
    "Dataset",
    "DeviceError",
    "DivergedError",
    "History",
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

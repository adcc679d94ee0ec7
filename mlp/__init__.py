"""A momentum-trained multilayer perceptron, written once against the array API.

    functional    textbook definitions
    model         parameters, forward pass, gradients
    optimizer     gradient descent with momentum
    sharding      pieces of fixed size and the fixed tree; team: threads; communicator: ranks
    epochs        the steps of an epoch: by rows, or fused on a GPU; units: by hidden units
    training      epochs, early stopping; history: the rows of metrics.csv; progress: a bar, lines
    datasets/     reading, checking and splitting data
    device        which array library, and where
    config        every option of a run
    classifier    a trained network and what its input means; model_file: what its file says
    agreement     whether data and options can be trained with; row_weights: what rows count

and, loaded only when they are imported themselves,

    run/          a run and its files             commands/     the command lines
    export        ONNX, Keras, .npz               estimator     scikit-learn's MLPClassifier
    keras_reference  the same job in tf.keras     estimator_parameters, estimator_prediction: of it

The mathematics is derived in mlp/README.md; the fused operations are in `kernels`.
"""

import sys

# Nothing is imported for these, because they speak of what comes while libraries load.


def _tell(text: str) -> None:
    try:
        sys.stderr.write(f"mlp: error: {text}\n")
    except (OSError, AttributeError):  # a stderr that is full, or None where it is closed
        pass


def _briefly(kind: type[BaseException], *details: object) -> None:
    """Say in one line that Ctrl-C came; of other errors all, as Python does."""
    if kind is KeyboardInterrupt:
        _tell("interrupted")
    else:
        sys.__excepthook__(kind, *details)  # type: ignore[arg-type]


try:
    from . import installation
    from .installation import __version__

    try:
        from .classifier import Classifier, load_model
        from .config import TrainingConfig
        from .datasets import DataError, Dataset, Preparation, Rows, ScaleWarning, load
        from .device import DeviceError, choose_device
        from .files import FileError
        from .history import History, Metrics
        from .model import Layer, Parameters, init_parameters, predict, predict_probabilities
        from .progress import Progress
        from .state import DivergedError, TrainingState
        from .training import initial_state, train
    except Exception as error:  # whatever a missing or a broken library raises
        # `mlp doctor` must run all the same, so an error is raised only where something is used.
        detail = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        installation.failure = installation.problem() or detail
        _tell(installation.failure)

        def __getattr__(name: str) -> object:
            raise ImportError(installation.failure)
except KeyboardInterrupt:
    # Who does not catch it says one line, not where the libraries were.
    sys.excepthook = _briefly
    raise

__all__ = [
    "Classifier",
    "DataError",
    "Dataset",
    "DeviceError",
    "DivergedError",
    "FileError",
    "History",
    "Layer",
    "Metrics",
    "Parameters",
    "Preparation",
    "Progress",
    "Rows",
    "ScaleWarning",
    "TrainingConfig",
    "TrainingState",
    "__version__",
    "choose_device",
    "init_parameters",
    "initial_state",
    "load",
    "load_model",
    "predict",
    "predict_probabilities",
    "train",
]

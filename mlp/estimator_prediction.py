# ruff: noqa: N803, N806 (scikit-learn's name for the rows is X)
"""What a fitted classifier of `mlp.estimator` answers. `import mlp` does not load this module."""

import warnings
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import validation

from .classifier import Classifier
from .datasets import Preparation
from .device import Device, choose_device, to_numpy
from .model import Layer, Parameters, map_arrays
from .sharding import default_piece_rows, row_pieces

# A method of every estimator in scikit-learn 1.5, a function since.
validate = getattr(validation, "validate_data", None) or BaseEstimator._validate_data
DTYPES = (np.float64, np.float32)  # the first is what others are converted to


class FittedClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Predicts with `coefs_` and `intercepts_`, on the device that the parameter names.

    Attributes
    ----------
    device : str
    coefs_, intercepts_ : list of NumPy arrays
    classes_ : (K,) array
    """

    device: str
    coefs_: list[Any]
    intercepts_: list[Any]
    classes_: Any

    def predict(self, X: Any) -> Any:
        """Return every row's most probable class, (N,) with the dtype of `classes_`."""
        columns = self.predict_proba(X).argmax(axis=1)
        return self.classes_[columns]

    def predict_proba(self, X: Any) -> Any:
        """Return every row's class probabilities, (N, K) in the order of `classes_`."""
        validation.check_is_fitted(self)
        X = validate(self, X, dtype=DTYPES, order="C", reset=False)
        device = self._device()
        placed = map_arrays(device.put, self._parameters())
        classifier = Classifier(placed, self._preparation())
        pieces = row_pieces(0, len(X), default_piece_rows(1000, device.kind))  # in bounded memory
        parts = (classifier.predict_probabilities(device.put(X[rows])) for rows in pieces)
        return np.concatenate([to_numpy(part) for part in parts])

    def predict_log_proba(self, X: Any) -> Any:
        """Return the logarithms of `predict_proba`, (N, K); -inf of a probability of 0."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def to_classifier(self) -> Classifier:
        """Return what was fitted as `mlp.load_model` does: to be saved, exported, and asked.

        Its class names are those of `classes_`, as texts.
        """
        validation.check_is_fitted(self)
        return Classifier(self._parameters(), self._preparation())

    def _parameters(self) -> Parameters:
        return tuple(map(Layer, self.coefs_, self.intercepts_))

    def _preparation(self) -> Preparation:
        columns = getattr(self, "feature_names_in_", None)
        return Preparation(
            tuple(map(str, self.classes_)),
            feature_names=None if columns is None else tuple(map(str, columns)),
        )

    def _device(self) -> Device:
        device = choose_device(self.device)
        if device.notice and device.requested != "auto":
            warnings.warn(device.notice, UserWarning, stacklevel=4)
        return device

"""What rows count in training: their own weights, those of their classes, and the sums of these."""

import math
from dataclasses import replace

import numpy as np

from .config import TrainingConfig
from .datasets import Dataset, Rows
from .datasets.weights import balanced
from .device import copy_like, to_numpy


def weighted(dataset: Dataset, config: TrainingConfig) -> Dataset:
    """Multiply the weights of the training rows by those of their classes, where asked for.

    Validation and test rows keep the weights that they have.
    """
    if config.class_weight is None:
        return dataset
    train = dataset.train
    labels = to_numpy(train.labels)
    given = None if train.weights is None else to_numpy(train.weights)
    weights = balanced(labels, dataset.n_classes, given)[labels]
    if given is not None:
        weights *= given
    weights = copy_like(weights.astype(config.dtype), train.labels)
    return replace(dataset, train=train._replace(weights=weights))


def host_weights(rows: Rows, dtype: str) -> np.ndarray | None:
    """Return the weights of some rows as training takes them, on the host."""
    return None if rows.weights is None else to_numpy(rows.weights).astype(dtype, copy=False)


def total_weight(weights: np.ndarray | None) -> float | None:
    """Sum weights as if exactly, so that neither order nor pieces matter; None where none are."""
    return None if weights is None else math.fsum(weights.tolist())

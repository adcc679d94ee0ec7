"""Rows, their labels and their weights, in memory or on disk."""

from collections.abc import Callable
from typing import NamedTuple

from kernels import Array, array_namespace

from .on_disk import FileRows


class Rows(NamedTuple):
    """Rows of one split."""

    features: Array  # (N, D) uint8 pixels, float32 or float64, C-contiguous; or FileRows
    labels: Array  # (N,) uint8, int32 or int64 class indices
    weights: Array | None = None  # (N,) float32 or float64: what a row counts; None is once each

    def take(self, index: slice | Array) -> "Rows":
        """Take rows by a slice, as views, or by their numbers, as copies, into memory.

        Features on disk are read; they are valid until the thread's next call.
        """
        weights = None if self.weights is None else _pick(self.weights, index)
        if isinstance(self.features, FileRows):
            return Rows(self.features.read(index), _pick(self.labels, index), weights)
        return Rows(_pick(self.features, index), _pick(self.labels, index), weights)

    def map(self, function: Callable[[Array], Array]) -> "Rows":
        """Apply a function to features, labels and, where there are any, weights."""
        weights = None if self.weights is None else function(self.weights)
        return Rows(function(self.features), function(self.labels), weights)


def _pick(array: Array, index: slice | Array) -> Array:
    if isinstance(index, slice):
        return array[index, ...]
    return array_namespace(array).take(array, index, axis=0)

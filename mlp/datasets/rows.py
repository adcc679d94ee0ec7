"""Rows and their labels, in memory or on disk."""

from collections.abc import Callable
from typing import NamedTuple

from kernels import Array, array_namespace

from .on_disk import FileRows


class Rows(NamedTuple):
    """Rows of one split."""

    features: Array  # (N, D) uint8 pixels, float32 or float64, C-contiguous; or FileRows
    labels: Array  # (N,) uint8, int32 or int64 class indices

    def take(self, index: slice | Array) -> "Rows":
        """Take rows by a slice, as views, or by their numbers, as copies, into memory.

        Features on disk are read; they are valid until the thread's next call.
        """
        if isinstance(self.features, FileRows):
            return Rows(self.features.read(index), _pick(self.labels, index))
        return Rows(_pick(self.features, index), _pick(self.labels, index))

    def map(self, function: Callable[[Array], Array]) -> "Rows":
        """Apply a function to features and labels."""
        return Rows(function(self.features), function(self.labels))


def _pick(array: Array, index: slice | Array) -> Array:
    if isinstance(index, slice):
        return array[index, ...]
    return array_namespace(array).take(array, index, axis=0)

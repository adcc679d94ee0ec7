"""What rows and labels must be: judged once, on the host, where data enter."""

import math
from typing import NamedTuple

import numpy as np

from kernels import Array, array_namespace

from .errors import DataError
from .on_disk import FileRows


class Pair(NamedTuple):
    """Rows and labels as a file holds them: (N, H, W) uint8 or (N, D) floats, and (N,)."""

    rows: np.ndarray | FileRows
    labels: np.ndarray


def check(pair: Pair, name: str) -> Pair:
    """Check rows and labels by themselves; the labels come back as uint8 or int64.

    Parameters
    ----------
    pair : Pair
        ``rows`` (N, H, W) uint8 or (N, D) float32 or float64, finite; ``labels`` (N,) integers,
        not negative; N at least 1.
    name : str
        What a message begins with.

    Raises
    ------
    DataError
    """
    rows, labels = pair
    images = rows.ndim == 3 and rows.dtype == np.uint8
    features = rows.ndim == 2 and rows.dtype in (np.float32, np.float64)
    if not (images or features):
        raise DataError(
            f"{name}: images must be uint8 of shape (N, H, W), or features float32 or float64 of "
            f"shape (N, D), got {rows.dtype} of shape {rows.shape}"
        )
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise DataError(
            f"{name}: labels must be integers of shape (N,), got {labels.dtype} of shape "
            f"{labels.shape}; give class indices, not one-hot rows"
        )
    if len(rows) != len(labels):
        raise DataError(f"{name}: holds {len(rows)} rows but {len(labels)} labels")
    if rows.size == 0:
        raise DataError(f"{name}: holds no data, its rows have shape {rows.shape}")
    if isinstance(rows, np.ndarray) and features and not np.isfinite(rows).all():
        row = int(np.argmin(np.isfinite(rows).all(axis=1)))
        raise DataError(f"{name}: features must be finite, row {row} holds NaN or inf")
    if labels.min() < 0 or labels.max() >= 2**31:
        raise DataError(
            f"{name}: labels must be class indices from 0, got {labels.min()} to {labels.max()}"
        )
    return Pair(rows, labels.astype(np.uint8 if labels.max() < 256 else np.int64))


def check_range(features: Array, dtype: str, name: str) -> None:
    """Check that features are finite as the dtype that training casts them to.

    Parameters
    ----------
    features : (N, D) array of any library, or FileRows
        Only float64 can hold what float32 cannot.
    dtype : {"float32", "float64"}
    name : str
        What a message begins with.

    Raises
    ------
    DataError
    """
    if isinstance(features, FileRows) or "float64" not in str(features.dtype):
        return
    xp = array_namespace(features)
    largest = float(xp.max(xp.abs(features)))
    if not largest <= float(np.finfo(dtype).max):  # nor NaN
        raise DataError(
            f"{name}: features must be finite in {dtype}, the largest is {largest}; scale them"
            + (", or train with dtype float64" if math.isfinite(largest) else "")
        )


def count_classes(labels: np.ndarray, name: str) -> int:
    """Return the number of classes, at least 2; labels must be 0, 1, ... without a gap."""
    distinct = np.unique(labels)
    n_classes = len(distinct)
    if n_classes < 2:
        raise DataError(f"{name}: labels must name at least 2 classes, got {n_classes}")
    if distinct[-1] != n_classes - 1:
        raise DataError(
            f"{name}: labels must be exactly 0 to {n_classes - 1} for {n_classes} distinct ones, "
            f"got {distinct[0]} to {distinct[-1]}"
        )
    return n_classes

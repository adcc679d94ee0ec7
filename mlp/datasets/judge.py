"""What rows and labels must be: judged once, on the host, where data enter."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from kernels import array_namespace

from ..device import to_numpy
from .errors import DataError, of_part
from .on_disk import FileRows
from .rows import Rows


class Pair(NamedTuple):
    """Rows and labels: as they were read, or as they are judged, (N, H, W) or (N, D) and (N,)."""

    rows: np.ndarray | FileRows
    labels: np.ndarray
    weights: np.ndarray | None = None  # (N,): what each row counts


def check(pair: Pair, name: str) -> Pair:
    """Check rows and labels by themselves; the labels come back as uint8 or int64.

    Parameters
    ----------
    pair : Pair
        ``rows`` (N, H, W) uint8 or (N, D) float32 or float64, finite; ``labels`` (N,) integers,
        not negative; ``weights`` as in `check_weights`; N at least 1.
    name : str
        What a message begins with.

    Raises
    ------
    DataError
    """
    rows, labels, weights = pair
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
            f"{labels.shape}"
        )
    if len(rows) != len(labels):
        mend = ""
        if rows.shape[-1] == len(labels):  # as MATLAB has them
            mend = "; rows lie along the first axis, where numpy.moveaxis(rows, -1, 0) brings them"
        raise DataError(f"{name}: holds {len(rows)} rows but {len(labels)} labels{mend}")
    if rows.size == 0:
        raise DataError(f"{name}: holds no data, its rows have shape {rows.shape}")
    if isinstance(rows, np.ndarray) and features and not np.isfinite(rows).all():
        row = int(np.argmin(np.isfinite(rows).all(axis=1)))
        raise DataError(f"{name}: features must be finite, row {row} holds NaN or inf")
    if labels.min() < 0 or labels.max() >= 2**31:
        raise DataError(
            f"{name}: labels must be class indices from 0, got {labels.min()} to {labels.max()}"
        )
    if weights is not None:
        weights = check_weights(weights, len(rows), name)
    return Pair(rows, labels.astype(np.uint8 if labels.max() < 256 else np.int64), weights)


def check_weights(weights: np.ndarray, n_rows: int, name: str) -> np.ndarray:
    """Check what rows count; the weights come back as float64.

    Parameters
    ----------
    weights : (N,) real numbers
        Finite, not negative, not all zero.
    n_rows : int
    name : str
        What a message begins with.

    Raises
    ------
    DataError
    """
    if weights.shape != (n_rows,) or weights.dtype.kind not in "biuf":
        raise DataError(
            f"{name}: sample_weight must be real numbers of shape ({n_rows},), one for every row, "
            f"got {weights.dtype} of shape {weights.shape}"
        )
    weights = weights.astype(np.float64)
    bad = ~((weights >= 0) & (weights < np.inf))
    if bad.any():
        row = int(np.argmax(bad))
        raise DataError(
            f"{name}: sample_weight must be finite and not negative, row {row} has {weights[row]}"
        )
    if not weights.any():
        raise DataError(f"{name}: sample_weight must not be zero for all rows")
    return weights


def check_all(pairs: Mapping[str, Pair], name: str) -> tuple[dict[str, Pair], int]:
    """Check training rows, and validation and test rows beside them; count the classes.

    Parameters
    ----------
    pairs : mapping
        ``train``, and ``valid`` and ``test`` where there are such rows.
    name : str
        What a message begins with.

    Raises
    ------
    DataError
    """
    train = check(pairs["train"], name)
    n_classes = count_classes(train.labels, name)
    checked = {"train": train}
    for part in pairs.keys() - {"train"}:
        word = {"valid": "validation", "test": "test"}[part]
        pair = checked[part] = check(pairs[part], of_part(name, part))
        if (pair.rows.shape[1:], pair.rows.dtype) != (train.rows.shape[1:], train.rows.dtype):
            raise DataError(
                f"{name}: {word} rows must be {train.rows.dtype} of shape "
                f"{train.rows.shape[1:]} like the training rows, got {pair.rows.dtype} of shape "
                f"{pair.rows.shape[1:]}"
            )
        if pair.labels.max() >= n_classes:
            raise DataError(
                f"{name}: {word} labels must be 0 to {n_classes - 1}, got {pair.labels.max()}"
            )
    return checked, n_classes


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


_AT_ONCE = 2**22  # values, so that what judging makes of them stays small


def check_rows(rows: Rows, n_classes: int, dtype: str, name: str) -> None:
    """Check rows of any library, as training takes them, before it casts them to `dtype`.

    Those of `mlp.load` and `Dataset.from_arrays` pass, unless `dtype` cannot hold them; others may
    be anything.

    Parameters
    ----------
    rows : Rows
    n_classes : int
    dtype : {"float32", "float64"}
    name : str
        What a message begins with.

    Raises
    ------
    DataError
    """
    features, labels, weights = rows
    n_rows = features.shape[0]
    if len(features.shape) != 2 or tuple(labels.shape) != (n_rows,):
        raise DataError(
            f"{name}: features must have shape (N, D) and labels (N,), got "
            f"{tuple(features.shape)} and {tuple(labels.shape)}"
        )
    if n_rows == 0:
        raise DataError(f"{name}: there are none")
    xp = array_namespace(labels)
    if labels.dtype not in (xp.uint8, xp.int32, xp.int64):
        raise DataError(f"{name}: labels must be uint8, int32 or int64, got {labels.dtype}")
    low, high = int(xp.min(labels)), int(xp.max(labels))
    if low < 0 or high >= n_classes:
        raise DataError(f"{name}: labels must be 0 to {n_classes - 1}, got {low} to {high}")
    if weights is not None:
        _check_size(check_weights(to_numpy(weights), n_rows, name), dtype, name)
    if "float" not in str(features.dtype):
        return
    largest, step = float(np.finfo(dtype).max), max(1, _AT_ONCE // features.shape[1])
    for start in range(0, n_rows, step):
        block = rows.take(slice(start, min(start + step, n_rows))).features
        peak = float(xp.max(xp.abs(block)))
        if peak <= largest:
            continue
        finite = xp.all(xp.isfinite(block), axis=1)
        if not bool(xp.all(finite)):
            row = start + int(xp.argmin(xp.astype(finite, xp.int32)))
            raise DataError(f"{name}: features must be finite, row {row} holds NaN or inf")
        raise DataError(
            f"{name}: features must be finite in {dtype}, the largest is {peak}; scale them, or "
            "train with dtype float64"
        )


def _check_size(weights: np.ndarray, dtype: str, name: str) -> None:
    """Check that gradients keep their precision when they are multiplied and divided by weights.

    So they do between the square roots of the smallest and of the largest number of `dtype`.
    """
    limits = np.finfo(dtype)
    low, high = float(np.sqrt(limits.smallest_normal)), float(np.sqrt(limits.max))
    there = weights[weights > 0]
    if there.min() < low or there.max() > high:
        raise DataError(
            f"{name}: sample_weight must be 0 or from {low:.1e} to {high:.1e} in {dtype}, got "
            f"{there.min()} to {there.max()}; divide all of them by their mean"
        )

"""Which rows train, which validate and which test: the task's way, or shares of every class."""

from collections.abc import Sequence
from numbers import Integral
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from .errors import DataError

# Training and validation rows, counted or as shares of all; the rest is test.
Split: TypeAlias = tuple[int, int] | tuple[float, float]

TASK_SPLIT = (10_000, 6_000)
_SHARES = (0.7, 0.15)


class Cut(NamedTuple):
    """Numbers of rows, (n,) each."""

    train: np.ndarray
    valid: np.ndarray
    rest: np.ndarray  # tests, or is left out beside test rows of its own


def cut(
    labels: np.ndarray,
    split: Split | None,
    seed: int,
    *,
    has_valid: bool = False,
    has_test: bool = False,
    class_names: Sequence[str],
    name: str,
) -> Cut:
    """Divide rows that are not divided yet.

    All are permuted by NumPy's legacy generator. Of counts, the first ``split[0]`` rows train and
    the next ``split[1]`` validate, as in the task. Of shares, and without a split (70 % train and
    15 % validate; 85 % train beside validation or test rows of their own), every class is divided
    alike, with at least one row for each part.

    Parameters
    ----------
    labels : (N,) integers from 0
    split : (int, int), (float, float) or None
    seed : int
        In [0, 2**32).
    has_valid, has_test : bool
        Whether there are such rows besides.
    class_names : sequence of str
        For messages.
    name : str
        What a message begins with.

    Raises
    ------
    DataError
        There are too few rows, in all or of a class.
    """
    if split is not None and not is_split(split):
        raise DataError(
            f"{name}: the split must be two counts of at least 1, or two shares of at most 1 in "
            f"all, got {split}"
        )
    # The task's own permutation: the legacy generator, whose stream NumPy has frozen.
    order = np.random.RandomState(seed).permutation(len(labels))
    if has_valid and (split or has_test):
        if split:
            raise DataError(f"{name}: has validation rows of its own; give it no split")
        return Cut(order, order[:0], order[:0])
    if split is None:
        left = 1 - sum(_SHARES)
        train, valid = (1 - left, left) if has_test else (1 - left, 0.0) if has_valid else _SHARES
        return _by_class(labels, order, (valid, 1 - train - valid), class_names, name)
    if isinstance(split[0], float):
        if sum(split) > 1 - 1e-9 and not has_test:
            raise DataError(f"{name}: the split must leave some rows to test, got {split}")
        return _by_class(labels, order, (split[1], 1 - sum(split)), class_names, name)
    return _by_counts(order, split, has_test, name)


def _by_counts(order: np.ndarray, split: Split, has_test: bool, name: str) -> Cut:
    train, valid = (int(count) for count in split)
    rest = len(order) - train - valid
    if rest < 0 or (rest == 0 and not has_test):
        need = "" if has_test else " and leave some to test"
        raise DataError(
            f"{name}: the split into {train} and {valid} rows must fit into {len(order)}{need}",
            mend="without --split every class is divided by shares",
        )
    return Cut(order[:train], order[train : train + valid], order[train + valid :])


def _by_class(
    labels: np.ndarray,
    order: np.ndarray,
    shares: tuple[float, float],
    class_names: Sequence[str],
    name: str,
) -> Cut:
    """Give `shares` of every class to validation and to the rest, but at least a row."""
    counts = np.bincount(labels)
    wanted = [share > 1e-9 for share in shares]  # what is left of 1 may be rounding
    few = np.flatnonzero(counts < 1 + sum(wanted))
    if len(few):
        shown = ", ".join(class_names[k] for k in few[:9]) + (", ..." if len(few) > 9 else "")
        raise DataError(
            f"{name}: every class must have at least {1 + sum(wanted)} rows, one for each part of "
            f"the split; class {shown} has fewer"
        )
    taken = []
    left = counts - 1  # one row of each class trains, and each part to come gets one
    for share, want, later in zip(shares, wanted, (wanted[1], False), strict=True):
        part = np.clip(np.rint(share * counts).astype(np.int64), 1, left - later)
        taken.append(part if want else np.zeros_like(part))
        left = left - taken[-1]
    # A row's rank in its class, in the permuted order, says which part it belongs to.
    sorted_rows = np.argsort(labels[order], kind="stable")
    rank = np.empty(len(order), np.int64)
    rank[sorted_rows] = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    valid, both = taken[0][labels[order]], (taken[0] + taken[1])[labels[order]]
    return Cut(order[rank >= both], order[rank < valid], order[(rank >= valid) & (rank < both)])


def is_split(value: Any) -> bool:
    """Return whether a value is a `Split`: two counts from 1, or two shares of at most 1 in all."""
    if not isinstance(value, tuple) or len(value) != 2:
        return False
    if all(isinstance(part, Integral) and not isinstance(part, bool) for part in value):
        return bool(min(value) >= 1)
    return all(isinstance(part, float) and 0 < part < 1 for part in value) and sum(value) <= 1


def counts(split: Split | None) -> tuple[int, int]:
    """Return a split that counts rows as it is, and the task's where none was asked for.

    Raises
    ------
    ValueError
        It is one of shares.
    """
    train, valid = split or TASK_SPLIT
    if isinstance(train, float) or isinstance(valid, float):
        raise ValueError(f"a split must count rows here, got {split}")
    return train, valid

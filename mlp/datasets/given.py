"""Rows and labels that a program gives: arrays, lists, data frames, categories."""

from typing import Any

import numpy as np

from .errors import DataError


def given_rows(X: Any, name: str) -> np.ndarray:  # noqa: N803 - what rows are called everywhere
    """Return rows as an array of numbers.

    Parameters
    ----------
    X : array, list or data frame
    name : str
        What a message begins with.

    Raises
    ------
    DataError
        They hold what is no number, are masked, or are no array.
    """
    array = _array(X, name)
    if array.dtype.kind != "O":
        return array.astype(array.dtype.newbyteorder("="), copy=False)
    if array.ndim == 0:
        raise DataError(
            f"{name}: rows must be an array, got {type(X).__name__}; a sparse one has toarray()"
        )
    for place, value in np.ndenumerate(array):  # as data frames of several dtypes have them
        if isinstance(value, str | bytes) or not _is_number(value):
            column = f", column {place[1]}" if len(place) == 2 else ""
            if len(place) == 2 and (names := getattr(X, "columns", None)) is not None:
                column = f", column {names[place[1]]!r}"
            raise DataError(
                f"{name}: rows must be numbers, row {place[0]}{column} holds {value!r:.40}"
            )
    return array.astype(np.float64)


def given_labels(y: Any, name: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return labels as an array, and the names of their classes where they are categories.

    Parameters
    ----------
    y : array, list or series
    name : str
        What a message begins with.

    Raises
    ------
    DataError
        They are masked.
    """
    categorical = getattr(y, "cat", y)  # a series has it there
    categories, codes = (getattr(categorical, one, None) for one in ("categories", "codes"))
    if categories is None or codes is None:
        return _array(y, name), ()
    names = tuple(str(one) for one in categories)
    return np.array([*names, ""], str)[np.asarray(codes)], names


def _array(values: Any, name: str) -> np.ndarray:
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        raise DataError(f"{name}: must have no masked values; leave their rows out")
    try:
        return np.asarray(values)
    except (TypeError, ValueError) as error:  # rows of different lengths
        raise DataError(f"{name}: make no array ({error})") from error


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError, OverflowError):
        return False
    return True

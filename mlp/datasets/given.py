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
            if len(place) == 2 and (names := column_names(X)) is not None:
                column = f", column {names[place[1]]!r}"
            raise DataError(
                f"{name}: rows must be numbers, row {place[0]}{column} holds {value!r:.40}"
            )
    return array.astype(np.float64)


def given_labels(y: Any, name: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return labels as an array, and the names of their classes where these have an order.

    Categories have one, and so have the columns of a data frame that holds one-hot rows.

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
    if categories is not None and codes is not None:
        names = tuple(str(one) for one in categories)
        return np.array([*names, ""], str)[np.asarray(codes)], names
    labels, columns = _array(y, name), column_names(y)
    if columns is not None and labels.ndim == 2 and len(columns) > 1:
        ones = labels == 1  # one-hot columns, which are named after their classes
        if ((ones.sum(axis=1) == 1) & (ones | (labels == 0)).all(axis=1)).all():
            return np.array(columns, str)[ones.argmax(axis=1)], columns
    return labels, ()


def numbered(labels: np.ndarray, names: tuple[str, ...]) -> np.ndarray | None:
    """Return the numbers of labels that are all names of classes; None where one is not."""
    places = {one: place for place, one in enumerate(names)}
    found = [places.get(one, -1) for one in labels.tolist()]
    return None if not found or min(found) < 0 else np.array(found)


def column_names(table: Any) -> tuple[str, ...] | None:
    """Return the names of a data frame's columns; None of what has none."""
    columns = getattr(table, "columns", None)
    return None if columns is None else tuple(str(one) for one in columns)


def check_columns(table: Any, names: tuple[str, ...] | None, name: str) -> None:
    """Check that a data frame has the columns of the training rows, in their order.

    Raises
    ------
    DataError
    """
    columns = column_names(table)
    if None not in (columns, names) and columns != names:
        raise DataError(
            f"{name}: columns must be those of the training rows in their order, "
            f"{', '.join(names or ())}; got {', '.join(columns or ())}"
        )


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

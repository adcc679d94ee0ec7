"""Labels as people write them down, as numbers of classes: 0 to K - 1.

Labels are numbers, booleans, texts, or rows of one one among zeros. Their distinct values, sorted,
are the classes: numbers by size, also where they are written as texts, other texts as Python sorts
them. What the values say, as texts, is kept: by it the labels of other files are recognised.
"""

import math
import re
from numbers import Real
from typing import Any, NamedTuple

import numpy as np

from .errors import DataError

_FEW = 20  # so many values are classes, however few rows there are
_LONGEST = 1000  # characters of a text
_MOST = 2**20  # distinct labels: each becomes a text
_EXACT = 2.0**53  # beyond it floats leave whole numbers out
# As numbers are written that count: no leading zeros, which a code may have.
_WHOLE = re.compile(r"([+-]?(?:0|[1-9][0-9]{0,17}))(?:\.0*)?")
_MISSING = ("", "nan", "NaN", "<NA>")


class Labels(NamedTuple):
    """Labels of some rows.

    Attributes
    ----------
    values : (V,) array
        The distinct labels in the order of their classes: whole numbers, fractions, booleans or
        texts.
    which : (N,) integers
        The row's label among them; -1 where it has none.
    numeric : bool
        Whether they are numbers, be it as texts.
    columns : int
        Where they were rows of zeros and a one, how many columns these had; else 0.
    """

    values: np.ndarray
    which: np.ndarray
    numeric: bool
    columns: int = 0

    @property
    def texts(self) -> tuple[str, ...]:
        """The distinct labels as texts: whole numbers without a point."""
        return tuple(map(_text, self.values))

    @property
    def fraction(self) -> str | None:
        """The first label that is a number but no whole one."""
        if not self.numeric or self.values.dtype.kind in "iu":
            return None
        return next((text for text in self.texts if not float(text).is_integer()), None)

    @property
    def looks_like_quantities(self) -> bool:
        """Whether they are numbers to be predicted, by their count, rather than those of classes.

        More distinct ones than a tenth of the rows, and than 20; but for numbers from 0 or 1 on
        without a gap that are there twice and more, on average.
        """
        count, n_rows = len(self.values), len(self.which)
        if not self.numeric or count <= max(_FEW, n_rows / 10):
            return False
        up = self.values.dtype.kind in "iu" and any(
            _counts_from(self.values, first) for first in (0, 1)
        )
        return not (up and n_rows >= 2 * count)


def read_labels(raw: np.ndarray, n_rows: int, name: str) -> Labels:
    """Read the labels of `n_rows` rows.

    Parameters
    ----------
    raw : (N,), (N, 1) or (1, N) array of numbers, booleans or texts; or (N, K) zeros and ones
        Of dtype object where there are texts or nothing (None, NaN).
    n_rows : int
    name : str
        What a message begins with.

    Raises
    ------
    DataError
        They are nothing of this. That a row has no label is no error here.
    """
    if raw.dtype.kind == "O":
        raw = _of_objects(raw, name)
    if raw.dtype.kind not in "biufSU":
        raise DataError(f"{name}: labels must be numbers or texts, got {raw.dtype}")
    if raw.ndim > 1 and raw.shape[0] == 1 != n_rows:
        raw = raw.reshape(raw.shape[1:])
    while raw.ndim > 1 and raw.shape[-1] == 1:
        raw = raw[..., 0]
    if raw.ndim == 2 and raw.dtype.kind in "biuf":
        return _of_columns(raw, name)
    if raw.ndim != 1:
        raise DataError(
            f"{name}: labels must be of shape (N,) or (N, 1), or one-hot rows (N, K), got "
            f"{raw.dtype} of shape {raw.shape}"
        )
    if raw.dtype.kind in "SU":
        return _of_texts(raw, name)
    if raw.dtype.kind == "f":
        return _of_floats(raw, name)
    if raw.dtype.kind == "b":
        values, index = np.unique(raw, return_inverse=True)
        return Labels(values, index, numeric=False)
    return _of_integers(raw, name)


def _of_integers(raw: np.ndarray, name: str) -> Labels:
    values = np.unique(raw)
    _check_count(values, name)
    if _counts_from(values, 0):  # they are indices themselves; no copy, which may be large
        return Labels(values, raw, numeric=True)
    return Labels(values, np.searchsorted(values, raw), numeric=True)


def _of_floats(raw: np.ndarray, name: str) -> Labels:
    missing, infinite = np.isnan(raw), np.isinf(raw)
    if infinite.any():
        raise DataError(f"{name}: labels must be finite, row {_first(infinite)} holds inf")
    values, found = np.unique(raw[~missing], return_inverse=True)
    _check_count(values, name)
    index = np.full(len(raw), -1)
    index[~missing] = found
    wide = values.astype(np.float64)
    if (wide == np.rint(wide)).all() and (np.abs(wide) < 2.0**63).all():
        values = wide.astype(np.int64)
    return Labels(values, index, numeric=True)


def _of_columns(raw: np.ndarray, name: str) -> Labels:
    ones = raw == 1
    good = (ones.sum(axis=1) == 1) & (ones | (raw == 0)).all(axis=1)
    if not good.all():
        row = _first(~good)
        shown = ", ".join(map(str, raw[row, :5].tolist())) + (", ..." if raw.shape[1] > 5 else "")
        raise DataError(
            f"{name}: labels of shape {raw.shape} must be one-hot, a single 1 among zeros in every "
            f"row; row {row} holds {shown}"
        )
    return _of_integers(ones.argmax(axis=1), name)._replace(columns=raw.shape[1])


def _of_texts(raw: np.ndarray, name: str) -> Labels:
    if raw.dtype.kind == "S":
        try:
            raw = np.strings.decode(raw, "utf-8")
        except UnicodeDecodeError as error:
            raise DataError(f"{name}: labels must be texts in UTF-8") from error
    distinct, found = np.unique(np.strings.strip(raw), return_inverse=True)
    if np.strings.str_len(distinct).max(initial=0) > _LONGEST:
        raise DataError(f"{name}: labels must have at most {_LONGEST} characters")
    _check_count(distinct, name)
    texts: list[str] = distinct.tolist()
    there = [text for text in texts if text not in _MISSING]
    size = {text: _number(text) for text in there}
    if numeric := bool(there) and all(map(math.isfinite, size.values())):
        whole = {text: _WHOLE.fullmatch(text) for text in there}
        said = {text: str(int(match[1])) if match else text for text, match in whole.items()}
        if all(whole.values()):
            order = sorted(set(said.values()), key=int)
            values = np.array(order, np.int64)
        else:
            order = sorted(set(said.values()), key=lambda text: (float(text), text))
            values = np.array(order, str)
    else:
        said, order = dict(zip(there, there, strict=True)), there
        values = np.array(order, str)
    place = {text: number for number, text in enumerate(order)}
    index = np.array([place[said[text]] if text in said else -1 for text in texts], np.int64)
    return Labels(values, index[found], numeric)


def _of_objects(raw: np.ndarray, name: str) -> np.ndarray:
    """Return objects of one kind as numbers or texts; what is missing as NaN or empty."""
    flat = raw.ravel().tolist()
    missing = [_is_missing(one) for one in flat]
    there = [one for one, gone in zip(flat, missing, strict=True) if not gone]
    kinds = {_kind(one) for one in there}
    if kinds in ({"text"}, {"bool"}, set()):
        texts = ["" if gone else str(one) for one, gone in zip(flat, missing, strict=True)]
        return np.array(texts, str).reshape(raw.shape)
    if kinds == {"number"}:
        numbers = [math.nan if gone else one for one, gone in zip(flat, missing, strict=True)]
        found = np.array(numbers)
        if found.dtype.kind in "iuf":
            return found.reshape(raw.shape)
    raise DataError(f"{name}: labels must be all numbers, all booleans or all texts")


def _kind(value: object) -> str:
    if isinstance(value, bool | np.bool_):
        return "bool"
    if isinstance(value, Real | np.number):
        return "number"
    return "text" if isinstance(value, str) else "other"


def _check_count(values: np.ndarray, name: str) -> None:
    if len(values) > _MOST:
        raise DataError(
            f"{name}: labels must have at most {_MOST} distinct values, got {len(values)}; they "
            "are those of no classes"
        )


def _is_missing(value: object) -> bool:
    return (
        value is None
        or (isinstance(value, float | np.floating) and bool(np.isnan(value)))
        or type(value).__name__ in ("NAType", "NaTType")  # what pandas has for it
    )


def _number(text: str) -> float:
    """Return the number that a text is; NaN where it is none."""
    try:
        return float(text) if "_" not in text else math.nan
    except ValueError:
        return math.nan


def _text(value: Any) -> str:
    if value.dtype.kind == "f" and np.rint(value) == value and abs(value) < _EXACT:
        return str(int(value))
    return str(value.item() if value.dtype.kind in "iub" else value)


def _counts_from(values: np.ndarray, first: int) -> bool:
    last = first + len(values) - 1
    return len(values) > 0 and int(values[0]) == first and int(values[-1]) == last


def _first(found: np.ndarray) -> int:
    return int(np.argmax(found))

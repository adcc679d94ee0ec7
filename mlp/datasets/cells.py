"""Numbers in the cells of a table: of one, of many, and of a whole text that has nothing else."""

import io
import math
import re
from collections.abc import Sequence

import numpy as np

_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?", re.ASCII | re.IGNORECASE)
_DIGITS = 15  # of a whole number that float64 holds, whichever they are
_ZERO, _LINE_END = ord("0"), ord("\n")


def number(cell: str, comma: bool = False) -> float:
    """Return the finite number that a cell holds; NaN where it holds none.

    Parameters
    ----------
    cell : str
    comma : bool
        Whether decimals begin with a comma, and not with a point.
    """
    cell = cell.strip(" \t\n\v\f\r")
    if comma:
        cell = cell.translate({ord("."): "_", ord(","): "."})
    # Python takes more than files mean by a number: "1_0", "inf", digits of other scripts.
    value = float(cell) if _NUMBER.fullmatch(cell) else math.nan
    return value if math.isfinite(value) else math.nan


def is_number(cell: str, comma: bool = False) -> bool:
    """Return whether a cell holds a finite number."""
    return not math.isnan(number(cell, comma))


def numbers(cells: Sequence[str], comma: bool = False) -> np.ndarray:
    """Return the number of every cell, (n,) float64, as `number` does; many at once."""
    text = "".join(cells)
    if text.isascii() and "_" not in text and not (comma and ("," in text or "." in text)):
        try:
            found = np.fromiter(map(float, cells), np.float64, len(cells))
        except ValueError:
            pass
        else:
            return np.where(np.isfinite(found), found, np.nan)
    return np.array([number(cell, comma) for cell in cells], np.float64)


def plain_numbers(
    text: bytes, delimiter: bytes, n_columns: int, comma: bool = False
) -> np.ndarray | None:
    """Return the numbers of a text, if it has nothing else in whole rows, without quotes or blanks.

    A number with leading zeros is none here, and none from 1e15 on: as a label it may be a code.

    Parameters
    ----------
    text : bytes
        Whole lines; empty ones only at its end.
    delimiter : bytes
    n_columns : int
    comma : bool
        See `number`.

    Returns
    -------
    (n, n_columns) int32, int64 or float64, the same that `number` finds; or None
    """
    text = text.rstrip(b"\n") + b"\n"
    if text == b"\n":
        return np.empty((0, n_columns))
    if _has_leading_zeros(text, delimiter):
        return None
    rest = text.translate(None, b"0123456789\n" + delimiter)
    if not rest:
        found = _whole_numbers(text, n_columns)
        if found is not None:
            return found
    if rest.translate(None, b"eE+-," if comma else b"eE+-."):
        return None
    if comma:
        text = text.replace(b",", b".")
    try:
        wide = np.loadtxt(
            io.StringIO(text.decode("ascii"), newline="\n"),
            delimiter=delimiter.decode(),
            comments=None,
            ndmin=2,
        )
    except ValueError:
        return None
    whole_rows = wide.shape == (text.count(b"\n"), n_columns)
    return wide if whole_rows and (np.abs(wide) < 10.0**_DIGITS).all() else None


def _has_leading_zeros(text: bytes, delimiter: bytes) -> bool:
    codes = np.frombuffer(b"\n" + text, np.uint8)
    begins = (codes[:-2] == ord(delimiter)) | (codes[:-2] == _LINE_END)
    return bool((begins & (codes[1:-1] == _ZERO) & (codes[2:] - np.uint8(_ZERO) <= 9)).any())


def _whole_numbers(text: bytes, n_columns: int) -> np.ndarray | None:
    """Return whole numbers of a text of digits, delimiters and line ends alone.

    One place after the other: first the last digit of every cell, then the tens of the cells that
    have some, and so on.
    """
    codes = np.frombuffer(text, np.uint8)
    digits = codes - np.uint8(_ZERO)  # a delimiter or a line end wraps around to more than 9
    ends = np.flatnonzero(digits > 9)
    lengths = np.diff(ends, prepend=-1) - 1
    longest = int(lengths.max())
    if lengths.min() == 0 or longest > _DIGITS or len(ends) % n_columns:
        return None
    last = codes[ends].reshape(-1, n_columns) == _LINE_END
    if last[:, :-1].any() or not last[:, -1].all():
        return None
    dtype = np.dtype(np.int32 if longest <= 9 else np.int64)
    values = digits[ends - 1].astype(dtype)
    for place in range(1, longest):
        cells = np.flatnonzero(lengths > place)
        values[cells] += digits[ends[cells] - 1 - place].astype(dtype) * dtype.type(10**place)
    return values.reshape(-1, n_columns)

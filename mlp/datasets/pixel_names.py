"""Names of columns that are pixels: ``pixel0``, ``px_12``, ``1x1``, ``pixel_0_7``, ``783``."""

import math
import re
from collections.abc import Sequence

from .headers import plain

_SIDE = 8  # of the smallest square that columns without such words are taken for
_COUNTED = re.compile(r"(?:pixels?|px|p)?[ _.-]?([0-9]{1,6})")
_AT = re.compile(r"(?:pixels?|px|p)?[ _.-]?([0-9]{1,4})[x_]([0-9]{1,4})")


def is_pixel(name: str) -> bool:
    """Return whether a name may be that of a pixel."""
    return _place(name) is not None


def square(count: int, least: int = _SIDE) -> tuple[int, int] | None:
    """Return height and width of square pictures with so many pixels, if there are such."""
    side = math.isqrt(count)
    return (side, side) if side >= least and side**2 == count else None


def in_order(
    names: Sequence[str], size: tuple[int, int] | None
) -> tuple[list[int], tuple[int, int] | None]:
    """Return the order that makes columns the pixels of pictures, row after row, and their size.

    Parameters
    ----------
    names : sequence of str
        Of all columns of features.
    size : (int, int) or None
        Height and width, where they are known.

    Returns
    -------
    order : list of int
        As they are where the names are not those of all pixels of a picture.
    size : (int, int) or None
    """
    as_they_are = list(range(len(names)))
    found = [place for place in map(_place, names) if place is not None]
    if len(set(found)) < len(names):
        return as_they_are, size
    rows, columns = (sorted({place[axis] for place in found}) for axis in (0, 1))
    own = None
    if rows == [-1]:
        own = square(len(names), _SIDE if names[0].isdecimal() else 2)
    elif _counts(rows) and len(rows) * len(columns) == len(names):
        own = len(rows), len(columns)
    if (size is None and own is None) or not _counts(columns):
        return as_they_are, size
    return sorted(as_they_are, key=found.__getitem__), size or own


def _place(name: str) -> tuple[int, int] | None:
    """Return the row and column that a name tells; row -1 where pixels are counted through."""
    name = plain(name)
    if found := _AT.fullmatch(name):
        return int(found[1]), int(found[2])
    if found := _COUNTED.fullmatch(name):
        return -1, int(found[1])
    return None


def _counts(numbers: Sequence[int]) -> bool:
    """Return whether sorted numbers go from 0 or 1 on without a gap."""
    return numbers[0] in (0, 1) and numbers[-1] - numbers[0] == len(numbers) - 1

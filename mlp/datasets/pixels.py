"""What the numbers of an array mean as pixels: their range, bytes, the grey of colours."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from .errors import DataError

_AT_ONCE = 2**20  # values, so that what is made of them on the way stays small
_DARK = 64  # pictures without a brighter level are likely to have another white than 255
_ROUNDING = 0.07  # of a grey level: what float16 makes of k / 255 is 0.06 off


class Values:
    """What the numbers of arrays are like, as far as they were seen.

    Attributes
    ----------
    low, high : float
        The smallest and the largest.
    whole : bool
        Whether all are whole numbers.
    exact : bool
        Whether all are 255ths, but for rounding.
    """

    def __init__(self) -> None:
        self.low, self.high, self.whole, self.exact = math.inf, -math.inf, True, True

    def see(self, block: np.ndarray, name: str, start: int) -> None:
        """Look at some rows more.

        Parameters
        ----------
        block : (n, ...) numbers
        name : str
            What a message begins with.
        start : int
            The first row's number in its array.

        Raises
        ------
        DataError
            A number is NaN or infinite.
        """
        for piece in pieces(block):
            if piece.dtype.kind == "f" and not np.isfinite(piece).all():
                finite = np.isfinite(piece).reshape(len(piece), -1).all(axis=1)
                row = start + int(np.argmin(finite))
                raise DataError(f"{name}: pixels must be finite, row {row} holds NaN or inf")
            start += len(piece)
            if piece.size == 0:
                continue
            self.low = min(self.low, piece.min().item())
            self.high = max(self.high, piece.max().item())
            if piece.dtype.kind != "f":
                continue
            self.whole = self.whole and bool((piece == np.rint(piece)).all())
            if 0 <= self.low and self.high <= 1:
                levels = _wide(piece) * 255
                self.exact = self.exact and bool(
                    (np.abs(levels - np.rint(levels)) <= _ROUNDING).all()
                )

    @property
    def unit(self) -> bool:
        """Whether all are fractions from 0 to 1."""
        return self.high <= 1

    @property
    def are_dark(self) -> bool:
        """Whether all are dark, if they are levels of 0 to 255."""
        return self.high < _DARK

    def as_levels(self) -> str:
        """Return what is said of numbers that are taken for levels of 0 to 255."""
        dark = f", all of them dark; scale them if {self.high:.0f} is white"
        levels = f"{self.low:.0f} to {self.high:.0f} are levels of 0 to 255"
        return f"{levels}{dark if self.are_dark else ''}"

    def check(self, dtype: "np.dtype[Any]", name: str) -> None:
        """Check that the numbers of a picture are grey levels, or fractions of them.

        Raises
        ------
        DataError
        """
        if self.low > self.high or (0 <= self.low and (self.unit or self._are_bytes)):
            return
        mend = "scale them, or give rows of features (N, D)"
        if -1 <= self.low < 0 and self.unit:
            mend = "add 1 and halve them, if -1 is black"
        elif self.low >= 0 and 255 < self.high < 2**16 and self.whole:
            mend = "divide 16 bits by 257, or give rows of features (N, D)"
        elif 0 <= self.low and self.high <= 255:
            mend = "round them with numpy.rint, or divide them by 255"
        fractions = "" if self.whole else ", with fractions"
        raise DataError(
            f"{name}: pixels must be whole numbers from 0 to 255, or fractions from 0 to 1, got "
            f"{dtype} from {self.low:.6g} to {self.high:.6g}{fractions}; {mend}"
        )

    @property
    def _are_bytes(self) -> bool:
        return self.whole and self.high <= 255


def to_bytes(block: np.ndarray, values: Values) -> np.ndarray:
    """Return pixels as uint8: bytes as they are, fractions from 0 to 1 as 0 to 255, rounded."""
    if block.dtype.kind == "b":
        return np.where(block, np.uint8(255), np.uint8(0))
    if block.dtype.kind == "f" and values.unit:
        return np.asarray(np.rint(_wide(block) * 255), np.uint8)
    return block.astype(np.uint8, copy=False)


def to_grey(red: np.ndarray, green: np.ndarray, blue: np.ndarray) -> np.ndarray:
    """Return grey levels of colours, uint8 each: ITU-R 601-2 in whole numbers, as Pillow's L."""
    mixed = np.full(red.shape, 2**15, np.uint32)
    for colour, weight in ((red, 19595), (green, 38470), (blue, 7471)):  # 2**16 in all
        mixed += colour.astype(np.uint32) * np.uint32(weight)
    return (mixed >> 16).astype(np.uint8)


def pieces(array: np.ndarray) -> Iterator[np.ndarray]:
    """Cut an array's rows into pieces of bounded size."""
    step = max(1, _AT_ONCE // max(1, math.prod(array.shape[1:])))
    return (array[start : start + step] for start in range(0, len(array), step))


def _wide(block: np.ndarray) -> np.ndarray:
    """Return floats of at least 32 bits: 16 do not hold the levels' halves."""
    return block.astype(np.float32) if block.dtype.itemsize < 4 else block

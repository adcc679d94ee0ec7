"""What an array of rows is, by its shape and dtype alone, and how it becomes rows.

Pictures are (N, H, W); (N, H, W, C) or (N, C, H, W) with 1 to 4 channels: grey, grey and alpha,
RGB, RGBA; or (N, H * W) where their size is known. Where both of the last but one fit, it is the
one of the size asked for, else the one that is nearer to a square, else the one with the channels
last. All else with two axes are features, and so are (N, D, 1) and (N, 1, D) that are no bytes.
"""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from .errors import DataError
from .pixels import Values, to_bytes, to_grey
from .preparation import Preparation
from .transparency import lay_on

CHANNELS = range(1, 5)


class Layout(NamedTuple):
    """How an array's rows lie.

    Attributes
    ----------
    name : str
        What a message begins with.
    shape : tuple of int
        Of the array.
    dtype : NumPy dtype
    size : (int, int) or None
        Height and width of the pictures, as they come to stand; None where rows are features.
    channels : int
        1 grey, 2 grey and alpha, 3 RGB, 4 RGBA.
    first : bool
        Whether the channels come before height and width.
    transposed : bool
        Whether height and width change places.
    guessed : bool
        Whether the channels might be those of another axis.
    """

    name: str
    shape: tuple[int, ...]
    dtype: "np.dtype[Any]"
    size: tuple[int, int] | None = None
    channels: int = 1
    first: bool = False
    transposed: bool = False
    guessed: bool = False

    @property
    def needs_look(self) -> bool:
        """Whether it takes a look at all numbers to know what they mean."""
        if self.size is None:
            return self.dtype.kind in "iu"
        return self.dtype.kind != "b" and self.dtype != np.uint8

    @property
    def as_they_are(self) -> bool:
        """Whether the bytes are those of the rows, in their order."""
        if self.size is None:
            return self.dtype.name in ("float32", "float64")
        return self.dtype == np.uint8 and self.channels == 1 and not self.transposed

    def check(self, values: Values) -> None:
        """Check what was seen of the numbers.

        Raises
        ------
        DataError
            They are no pixels.
        """
        if self.size is not None:
            values.check(self.dtype, self.name)

    def rows_of(self, block: np.ndarray, values: Values, ground: str) -> np.ndarray:
        """Return the rows of a block of the array: (n, H, W) uint8, or (n, D) floats.

        Parameters
        ----------
        block : (n, ...) array
        values : Values
            Of all blocks, where the layout `needs_look`.
        ground : {"white", "black"}
            What transparent pictures are laid on.
        """
        if self.size is None:
            rows = block.reshape(len(block), math.prod(self.shape[1:]))
            return np.asarray(rows.astype(self._floats(values), copy=False))
        grey, alpha = self.grey_of(block, values)
        if alpha is not None:
            grey = lay_on(grey, alpha, ground)
        return grey.swapaxes(1, 2) if self.transposed else grey

    def grey_of(self, block: np.ndarray, values: Values) -> tuple[np.ndarray, np.ndarray | None]:
        """Return pictures of a block as they lie, (n, H, W) uint8, and their alpha."""
        height, width = self._lying or (0, 0)
        pixels = to_bytes(block, values)
        if self.first:
            every = pixels.reshape(len(block), self.channels, height, width).swapaxes(0, 1)
        else:
            every = np.moveaxis(pixels.reshape(len(block), height, width, self.channels), -1, 0)
        alpha = every[-1] if self.channels in (2, 4) else None
        return (to_grey(*every[:3]) if self.channels > 2 else every[0]), alpha

    def note(self, values: Values, ground: str) -> str:
        """Return what is lost or guessed, without the name; or nothing.

        Parameters
        ----------
        values : Values
        ground : {"white", "black", ""}
            What transparent pictures are laid on; empty where all are opaque.
        """
        said = list(self._said(values, ground))
        return f"rows of {self.dtype.name} {self.shape[1:]}: {'; '.join(said)}" if said else ""

    def _said(self, values: Values, ground: str) -> Iterator[str]:
        if self.size is None:
            yield from self._said_of_features(values)
            return
        if self.guessed and self._lying is not None:
            where = "first" if self.first else "last"
            yield (
                f"taken as {self._lying[0]} x {self._lying[1]} pictures whose channels come {where}"
            )
        if self.channels > 2:
            yield "colours become grey as ITU-R 601 weighs them"
        if self.channels in (2, 4):
            yield f"transparency is laid on {ground}" if ground else "all are opaque"
        if self.dtype == np.uint8:
            return
        if self.dtype.kind == "b":
            yield "False becomes 0, True 255"
        elif self.dtype.kind == "f" and values.unit:
            yield f"0 to 1 becomes 0 to 255{'' if values.exact else ', rounded to whole levels'}"
        elif self.dtype.kind == "f" or values.are_dark:
            yield values.as_levels()

    def _said_of_features(self, values: Values) -> Iterator[str]:
        if len(self.shape) == 3:
            yield "taken as features"
        side = math.isqrt(math.prod(self.shape[1:]))
        bytes_ = self.dtype.kind in "iu" and 0 <= values.low and 16 <= values.high <= 255
        if bytes_ and side >= 4 and side**2 == math.prod(self.shape[1:]):
            yield (
                f"taken as features; --image-size {side} {side}, in Python "
                f"image_size=({side}, {side}), takes them as pictures"
            )

    def _floats(self, values: Values) -> "np.dtype[Any]":
        """Return the dtype of features: float32 where it holds them all."""
        if self.dtype.kind == "f":
            return np.dtype(np.float64 if self.dtype.itemsize > 4 else np.float32)
        return np.dtype(np.float64 if max(-values.low, values.high) > 2**24 else np.float32)

    @property
    def _lying(self) -> tuple[int, int] | None:
        """Height and width as they are stored."""
        return self.size[::-1] if self.size is not None and self.transposed else self.size


def read_shape(
    shape: tuple[int, ...],
    dtype: "np.dtype[Any]",
    name: str,
    *,
    size: tuple[int, int] | None = None,
    transpose: bool = False,
) -> Layout:
    """Tell how an array's rows lie.

    Parameters
    ----------
    shape, dtype
        Of the array.
    name : str
        What a message begins with.
    size : (int, int), optional
        Height and width that its pictures should have, where that can be.
    transpose : bool
        Whether pictures change height and width.

    Raises
    ------
    DataError
        It is nothing that rows can be.
    """
    known = Layout(name, shape, dtype)
    if dtype.kind not in "biuf":
        raise DataError(f"{name}: rows must be numbers, got {dtype} of shape {shape}")
    if len(shape) == 2 and (size is None or shape[1] != math.prod(size)):
        return known
    if len(shape) == 2:
        return known._replace(size=size, transposed=transpose)
    if len(shape) == 3:
        if size is None and 1 in shape[1:] and dtype != np.uint8:
            return known
        lying = [((shape[1], shape[2]), 1, False)]
    else:
        lying = _with_channels(shape)
    if not lying:
        mend = "numpy.reshape makes them so"
        if len(shape) == 1:
            mend = "one feature a row has shape (N, 1)"
        raise DataError(
            f"{name}: rows must be pictures of shape (N, H, W), (N, H, W, C) or (N, C, H, W) with "
            f"1 to 4 channels, or features of shape (N, D), got {dtype} of shape {shape}; {mend}"
        )
    found = [
        known._replace(
            size=(sides[1], sides[0]) if transpose else sides,
            channels=channels,
            first=first,
            transposed=transpose,
        )
        for sides, channels, first in lying
    ]
    fitting = [one for one in found if one.size == size] or found
    return fitting[0]._replace(guessed=len(fitting) > 1)


def _with_channels(shape: tuple[int, ...]) -> list[tuple[tuple[int, int], int, bool]]:
    """Return how an array of four axes may lie, the likeliest first."""
    if len(shape) != 4:
        return []
    found = []
    if shape[3] in CHANNELS:
        found.append(((shape[1], shape[2]), shape[3], False))
    if shape[1] in CHANNELS:
        found.append(((shape[2], shape[3]), shape[1], True))
    return sorted(found, key=lambda one: -min(one[0]) / max(1, *one[0]))  # keeps a tie's order


def shape_for(
    shape: tuple[int, ...],
    dtype: "np.dtype[Any]",
    name: str,
    preparation: Preparation,
    n_features: int,
) -> Layout:
    """Tell how the rows of an array lie that a model is to predict; see `read_shape`.

    Raises
    ------
    DataError
        They are no rows, or do not fit the model.
    """
    size = preparation.image_size
    layout = read_shape(shape, dtype, name, size=size, transpose=preparation.transposed)
    if layout.size != size or (size is None and math.prod(shape[1:]) != n_features):
        wanted = f"features of shape (N, {n_features})"
        if size is not None:
            wanted = f"pictures of shape (N, {size[0]}, {size[1]}) or (N, {n_features})"
        raise DataError(f"{name}: this model takes {wanted}, got {dtype.name} of shape {shape}")
    return layout

"""What a user says of how a data set is to be read, and whether it can be meant."""

from collections.abc import Sequence
from numbers import Integral
from typing import Any, NamedTuple

from .errors import DataError


class Reading(NamedTuple):
    """What a user says of how a data set is to be read; by default nothing.

    Attributes
    ----------
    image_size : (int, int) or None
        Height and width that a folder's pictures are resized to, and that flat rows of pixels
        have.
    transpose : bool
        Whether pictures in arrays lie on their side: rows and columns change places.
    label_column : str or None
        The column of a table that holds the labels.
    class_names : tuple of str
        Names for the classes, in the order of their sorted labels.
    """

    image_size: tuple[int, int] | None = None
    transpose: bool = False
    label_column: str | None = None
    class_names: tuple[str, ...] = ()


def checked_size(image_size: Any) -> tuple[int, int] | None:
    """Return the height and width of pictures that a program gives.

    Raises
    ------
    DataError
        They are not two whole numbers from 1 on.
    """
    if image_size is None:
        return None
    try:
        size = tuple(image_size)
    except TypeError:  # a number
        size = ()
    if len(size) != 2 or not all(isinstance(one, Integral) and int(one) >= 1 for one in size):
        shown = repr(size if isinstance(image_size, list) else image_size)[:40]
        raise DataError(f"image_size must be a height and a width from 1 on, got {shown}")
    return int(size[0]), int(size[1])


def checked_names(class_names: Sequence[str] | None) -> tuple[str, ...]:
    """Return the names of classes that a program gives.

    Raises
    ------
    DataError
        They are one text, or no sequence.
    """
    if class_names is None:
        return ()
    try:
        if not isinstance(class_names, str | bytes):
            return tuple(map(str, class_names))
    except TypeError:
        pass
    raise DataError(f"class_names must be a list of names, got {repr(class_names)[:40]}")

"""What a user says of how a data set is to be read."""

from typing import NamedTuple


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

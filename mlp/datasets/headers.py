"""The first record of a table: names of its columns, or a row already."""

import re
from collections.abc import Sequence

from .cells import is_number

LABEL_NAMES = ("label", "labels", "class", "target", "species", "y")
_COUNTED = 5  # columns from which on 0, 1, 2, ... are names and no row


def plain(name: str) -> str:
    """Return a name as names are compared: without blanks around it, in small letters."""
    return name.strip().lower()


def is_header(first: Sequence[str], second: Sequence[str], comma: bool = False) -> bool:
    """Return whether the first record of a table names its columns.

    It does where a cell of it is no number; but where the second record has numbers in the very
    same columns, the first one is a row with a text as the second is. Two things make it a header
    yet: the name of a label column, and numbers that count, as pandas names columns.

    Parameters
    ----------
    first, second : sequence of str
        The second is empty where there is none.
    comma : bool
        See `cells.number`.
    """
    numbers = [is_number(cell, comma) for cell in first]
    counted = [int(cell) for cell in first if re.fullmatch(r" *[0-9]{1,6} *", cell)]
    counts = len(counted) == sum(numbers) > 1 and counted[0] in (0, 1)
    counts = counts and counted == list(range(counted[0], counted[0] + len(counted)))
    if all(numbers):
        return counts and counted[0] == 0 and len(first) >= _COUNTED
    if not any(numbers) or counts or any(plain(cell) in LABEL_NAMES for cell in first):
        return True
    return numbers != [is_number(cell, comma) for cell in second]

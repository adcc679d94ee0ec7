"""What a right result is multiplied by: a sum over the rows, their average, or something else."""

from collections.abc import Callable
from typing import NamedTuple

from ..reference import CLASSES, ROWS

EXACT = 2e-3  # relative
_OTHERS = ((8, 6), (8, CLASSES))  # rows and classes; the second for code that wants ten classes
# How often a factor divides by the number of rows, and by that of classes.
_FORMS = {
    "sum": (0, 0),
    "average": (1, 0),
    "by classes": (0, 1),
    "by entries": (1, 1),
    "twice": (2, 0),
}


class Scaling(NamedTuple):
    """A form, and a number of its own: twice the average is ("average", 2.0)."""

    form: str
    number: float
    rows: int = ROWS  # of code that works for no other number

    @property
    def is_plain(self) -> bool:
        """Whether it is the sum or the average itself."""
        return self.form in ("sum", "average") and abs(self.number - 1) < EXACT

    @property
    def notes(self) -> list[str]:
        """What is not as in the handout, which has the average."""
        if self.is_plain:
            fixed = [] if self.rows == ROWS else [f"always divides by {self.rows}"]
            return ["a sum"] if self.form == "sum" else fixed
        if self.form == "average":
            return [f"{self.number:.3g} times the average"]
        if self.form != "sum":
            return [f"divided {self.form}"]
        divisor = round(1 / self.number)
        if divisor > 1 and abs(self.number * divisor - 1) < EXACT:
            return [f"always divides by {divisor}"]
        return [f"always times {self.number:.3g}"]


def scaling(
    measure: Callable[[int, int], float | None], n: int = ROWS, near: float = EXACT
) -> Scaling | None:
    """Find what a factor depends on.

    Parameters
    ----------
    measure : callable
        Returns the factor of the sum for a number of rows and one of classes, or None.
    n : int
        The number of rows, if the code holds one and works for no other.
    near : float
        How close is equal, relatively.
    """
    size = measure(n, CLASSES)
    if not size:
        return None
    for form, (rows, classes) in _FORMS.items():
        plain = form in ("sum", "average") or n != ROWS
        if plain and abs(abs(size) * n**rows * CLASSES**classes - 1) < near:
            return Scaling(form, size / abs(size), n)
    for m, k in _OTHERS if n == ROWS else ():
        if other := measure(m, k):
            for form, (rows, classes) in _FORMS.items():
                number = size * n**rows * CLASSES**classes
                if abs(other * m**rows * k**classes / number - 1) < near:
                    return Scaling(form, number)
            return None
    return None

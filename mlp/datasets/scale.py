"""Whether features are scaled so that plain gradient descent can learn from them."""

from collections.abc import Sequence

import numpy as np

# Measured with this project's defaults on 20 made-up columns of deviation 1, which learn to 0.91:
# with deviations of 20 they still do, with 30 training diverges; one column of 10 does no harm,
# one of 30 leaves the network at chance; of 0.01 it reaches 0.77, of 0.001 chance.
_LARGE, _SMALL = 25.0, 0.003  # root mean square of a column
# Means of 3 everywhere do little harm, of 10 leave it at chance. The length of the means counts,
# where it is long by itself and beside that of the deviations: pixels of 0 to 16 do learn.
_FAR, _FARTHER_THAN_WIDE = 25.0, 4.0


class ScaleWarning(UserWarning):
    """Gradient descent will hardly learn from features as they are scaled.

    Parameters
    ----------
    what : str
        The column, and what is wrong with it.
    mend : str
    """

    def __init__(self, what: str, mend: str = "pass standardize=True") -> None:
        super().__init__(f"{what}; {mend}")
        self.what = what


def hopeless(mean: np.ndarray, deviation: np.ndarray, names: Sequence[str] | None) -> str:
    """Return why plain gradient descent has no hope with such columns; the empty string if it has.

    Parameters
    ----------
    mean, deviation : (D,) float64
        Of every column.
    names : D texts, optional
        The columns' names.
    """
    size = np.hypot(mean, deviation)
    column = int(np.argmax(size))
    name = f"{column}" if names is None else f"{names[column]!r}"
    described = f"mean {mean[column]:.3g} and deviation {deviation[column]:.3g}"
    if size[column] > _LARGE:
        return (
            f"column {name} of the features has {described}, so large that gradient descent will "
            "hardly learn"
        )
    length = float(np.linalg.norm(mean))
    if length > max(_FAR, _FARTHER_THAN_WIDE * float(np.linalg.norm(deviation))):
        return (
            f"the features lie so far from 0, column {name} with {described}, that gradient "
            "descent will hardly learn"
        )
    if size[column] < _SMALL:
        return (
            f"the features are so small, the largest of them column {name} with {described}, that "
            "gradient descent will hardly learn"
        )
    return ""

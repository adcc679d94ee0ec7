"""The right answers, in float64, and how close is equal."""

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

# Students' code may compute in float32 (1e-7 a step), and add up to 1e-5 inside a logarithm.
RELATIVE = 3e-4
ABSOLUTE = 1e-6
ROWS, CLASSES = 12, 10  # of a problem, unless the code wants others


def close(got: Any, expected: Any) -> bool:
    """Whether two arrays have one shape and, within rounding, the same numbers."""
    if isinstance(got, bool | int | float | list):
        try:
            got = np.asarray(got)
        except ValueError:  # rows of unequal length
            return False
    expected = np.asarray(expected, np.float64)
    if (
        not isinstance(got, np.ndarray)
        or got.shape != expected.shape
        or got.dtype.kind not in "biuf"
    ):
        return False
    largest = float(np.max(np.abs(expected), initial=0.0))
    got = got.astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        return bool(np.all(np.abs(got - expected) <= ABSOLUTE + RELATIVE * largest))


def scale(got: Any, expected: Array) -> float | None:
    """Return the number that `expected` is multiplied by in `got`, or None."""
    if not isinstance(got, np.ndarray) or got.shape != expected.shape:
        return None
    if got.dtype.kind not in "biuf" or not np.isfinite(got).all() or not expected.any():
        return None
    factor = float(np.sum(got * expected) / np.sum(expected * expected))
    return factor if factor and close(got / factor, expected) else None


def relu(x: Array) -> Array:
    """Compute max(x, 0)."""
    return np.maximum(x, 0.0)


def softmax(x: Array, axis: int | None = -1) -> Array:
    """Compute softmax along an axis, or with one sum for all (None)."""
    shifted = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return np.asarray(shifted / np.sum(shifted, axis=axis, keepdims=True))


def one_hot(labels: Array, k: int) -> Array:
    """Return rows with a 1 at the label, (N, K)."""
    return np.asarray(labels[:, None] == np.arange(k), np.float64)


@dataclass(frozen=True)
class Problem:
    """Rows to classify: logits and probabilities (N, K), labels (N,) and the same one-hot."""

    logits: Array
    labels: Array

    @property
    def n(self) -> int:
        """The number of rows."""
        return int(self.logits.shape[0])

    @property
    def k(self) -> int:
        """The number of classes."""
        return int(self.logits.shape[1])

    @property
    def p(self) -> Array:
        """Probabilities."""
        return softmax(self.logits)

    @property
    def y(self) -> Array:
        """One-hot targets."""
        return one_hot(self.labels, self.k)

    @property
    def losses(self) -> Array:
        """The cross-entropy of each row."""
        return np.asarray(-np.log(self.p[np.arange(self.n), self.labels]))

    @property
    def correct(self) -> int:
        """The number of rows whose most probable class is the label."""
        return int(np.sum(np.argmax(self.logits, axis=1) == self.labels))


def problem(seed: int, n: int = ROWS, k: int = CLASSES) -> Problem:
    """Draw rows of which about half are classified rightly; no logit is far from the others."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, k))
    labels = np.where(rng.uniform(size=n) < 0.5, np.argmax(logits, axis=1), rng.integers(0, k, n))
    labels[:2] = k - 1, 0  # so that the number of classes can be seen in the labels
    return Problem(logits, labels)


# Small rows with round probabilities, for examples that can be followed by hand: the first whose
# probabilities and targets show a mistake is shown.
def small_problems() -> list[Problem]:
    """Return one or two rows of two or three classes."""
    rows = {
        2: [[0.75, 0.25], [0.5, 0.5]],
        3: [[0.5, 0.25, 0.25], [0.25, 0.5, 0.25]],
    }
    sizes = [(1, 2), (1, 3), (2, 2), (2, 3)]
    return [Problem(np.log(np.array(rows[k][:n])), np.arange(n)) for n, k in sizes]

"""What the training rows are like: a block at a time, so that no copy of them is ever made."""

from collections.abc import Iterator

import numpy as np

from .rows import Rows

_VALUES = 2**17  # of a block: a megabyte as floats, however long rows are
_LOOKED_AT = 2000  # pictures, evenly spread, that tell what a set's borders and ink are like
_SHARES = (0.01, 0.99)  # quantiles: what one row in a hundred is like is not usual


def moments(rows: Rows, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of every scaled column, (D,) float64 each.

    Blocks are combined as Chan, Golub and LeVeque do (1979), which cancels nothing.
    """
    count, mean, squares = 0, np.float64(0), np.float64(0)
    for block in _blocks(rows):
        x = block.astype(np.float64) * scale
        n, block_mean = len(x), x.mean(axis=0)
        x -= block_mean
        difference = block_mean - mean
        squares = squares + np.square(x).sum(axis=0) + difference**2 * (count * n / (count + n))
        mean = mean + difference * (n / (count + n))
        count += n
    return np.asarray(mean), np.sqrt(np.asarray(squares) / count)


def borders(pictures: np.ndarray) -> np.ndarray:
    """Return the mean brightness of every picture's border, (N,), from (N, H, W) uint8."""
    edge = np.ones(pictures.shape[1:], bool)
    edge[1:-1, 1:-1] = False
    return np.asarray(pictures[:, edge].mean(axis=1))


def extents(pictures: np.ndarray, ink: str) -> np.ndarray:
    """Return what share of every picture the box around its ink takes, (N,); 0 without ink."""
    inked = np.asarray(pictures < 128) == (ink == "dark")
    sides: list[np.ndarray] = []
    for axis in (1, 2):  # what is inked of every column, and of every row
        there = inked.any(axis=axis)
        first, last = there.argmax(axis=1), there[:, ::-1].argmax(axis=1)
        length = there.shape[1]
        sides.append(np.where(there.any(axis=1), length - first - last, 0) / length)
    return np.asarray(sides[0] * sides[1])


def some_pictures(rows: Rows, size: tuple[int, int]) -> np.ndarray:
    """Return some of the rows, evenly spread, as pictures (n, H, W); fewer of large ones."""
    n = rows.labels.shape[0]
    most = max(1, min(n, _LOOKED_AT, 16 * _VALUES // (size[0] * size[1])))
    index = np.linspace(0, n - 1, most).astype(np.int64)
    return np.asarray(rows.take(index).features).reshape(-1, *size)


def usual(values: np.ndarray) -> tuple[float, float]:
    """Return between which numbers nearly all values lie."""
    low, high = np.quantile(values, _SHARES)
    return float(low), float(high)


def _blocks(rows: Rows) -> Iterator[np.ndarray]:
    size = max(1, _VALUES // rows.features.shape[1])
    for start in range(0, rows.labels.shape[0], size):
        yield rows.take(slice(start, start + size)).features

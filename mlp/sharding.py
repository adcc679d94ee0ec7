"""Shards of fixed size, summed by a fixed tree.

Neither the pieces nor the order of the additions depend on the threads or on the ranks among
which they are divided, and every piece is computed with single-threaded BLAS (see
`mlp.team`). So the sums, and with them the weights, are bitwise the same for any number of
either on the same CPU and BLAS.
"""

import threading
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Generic, NamedTuple, TypeVar

T = TypeVar("T")

CUDA_PIECE_ROWS = 65_536


def default_piece_rows(batch_rows: int, device_kind: str) -> int:
    """Return the rows of a piece: a matter of the nominal batch and the device kind alone.

    On a CPU ``min(1000, max(64, ceil(batch_rows / 2)))``: small enough for the caches and for two
    threads to share a mini-batch. On CUDA 65,536: a whole batch, in bounded memory.
    """
    if device_kind == "cuda":
        return CUDA_PIECE_ROWS
    return min(1000, max(64, -(-batch_rows // 2)))


def evaluation_piece_rows(shard_rows: int, device_kind: str) -> int:
    """Return the rows of a piece of evaluation, given those of training.

    On a CPU always 500: long enough for BLAS, short enough that the threads end together.
    """
    return shard_rows if device_kind == "cuda" else 500


def row_pieces(start: int, stop: int, rows: int) -> list[slice]:
    """Cut rows ``start`` to ``stop`` into slices of `rows` rows; the last may be shorter."""
    return [slice(first, min(first + rows, stop)) for first in range(start, stop, rows)]


def unit_pieces(units: int) -> list[slice]:
    """Cut a hidden layer's units into slices about as wide as each other.

    Each begins at the multiple of 16 next to its even share: BLAS multiplies other widths more
    slowly, and any number of threads get about as much. They are at most 128 wide, the last one
    135, so that many threads get some, and two at least from 200 units on: with fewer, to wait for
    another thread takes longer than it spares.
    """
    pieces = 1 if units < 200 else max(2, -(-units // 128))
    starts = [(units * piece + 8 * pieces) // (16 * pieces) * 16 for piece in range(pieces)]
    return [slice(start, stop) for start, stop in pairwise([*starts, units])]


def share(pieces: int, rank: int, size: int) -> range:
    """Return the pieces that rank `rank` of `size` owns: a contiguous, possibly empty, run."""
    return range(-(-pieces * rank // size), -(-pieces * (rank + 1) // size))


class Job(NamedTuple, Generic[T]):
    """A function of slices, and the slices that it is to be summed over (at least one)."""

    function: Callable[[slice], T]
    pieces: Sequence[slice]
    like: Any = None  # has the shapes and dtypes of what `function` returns


class Node(NamedTuple):
    """A place in a tree: the leaves are level 0, and the root is place 0 of the last level."""

    level: int
    place: int


class Tree(Generic[T]):
    """The sum of one job: ``node(l, i) = add(node(l-1, 2i), node(l-1, 2i+1))``.

    A missing right child passes the left one on unchanged. A node is added as soon as both of its
    children are there, in whatever order they come.

    Parameters
    ----------
    leaves : int
        At least 1.
    add : callable
        Never gives None; may overwrite both of its arguments.
    like : object, optional
        Has the shapes and dtypes of a node's sum.

    Attributes
    ----------
    nodes : dict of Node
        The sums that wait for their sibling; the root waits for ever.
    """

    def __init__(self, leaves: int, add: Callable[[T, T], T], like: Any = None) -> None:
        self.leaves, self.like = leaves, like
        self._widths = [leaves]
        while self._widths[-1] > 1:
            self._widths.append(-(-self._widths[-1] // 2))
        self._add = add
        self._lock = threading.Lock()
        self.nodes: dict[Node, T] = {}

    @property
    def root(self) -> T:
        """The sum over all leaves; a KeyError if one is missing."""
        return self.nodes[Node(len(self._widths) - 1, 0)]

    def put(self, node: Node, value: T) -> None:
        """Take a node's sum; additions run in the thread that brings the later child."""
        level, index = node
        for width in self._widths[level:-1]:
            sibling = index ^ 1
            if sibling < width:
                with self._lock:
                    other = self.nodes.pop(Node(level, sibling), None)
                    if other is None:
                        self.nodes[Node(level, index)] = value
                        return
                value = self._add(other, value) if sibling < index else self._add(value, other)
            level, index = level + 1, index // 2
        self.nodes[Node(level, index)] = value

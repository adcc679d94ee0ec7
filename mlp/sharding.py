"""Shards of fixed size, summed by a fixed tree, computed by any number of threads.

Neither the shards nor the order of the additions depend on the threads or on the ranks among
which they are divided, and every shard is computed with single-threaded BLAS. So the sums, and with
them the weights, are bitwise the same for any number of either on the same CPU and BLAS.
"""

import contextlib
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
from threadpoolctl import ThreadpoolController

T = TypeVar("T")
Item = TypeVar("Item")

CUDA_SHARD_ROWS = 65_536


def default_shard_rows(batch_rows: int, device_kind: str) -> int:
    """Give the rows of a shard: a matter of the nominal batch and the device kind alone.

    On a CPU ``min(1000, max(64, ceil(batch_rows / 2)))``: small enough for the caches and for two
    threads to share a mini-batch. On CUDA 65,536: a whole batch, in bounded memory.
    """
    if device_kind == "cuda":
        return CUDA_SHARD_ROWS
    return min(1000, max(64, -(-batch_rows // 2)))


def evaluation_shard_rows(shard_rows: int, device_kind: str) -> int:
    """Give the rows of a shard of evaluation, given those of training.

    On a CPU always 500: long enough for BLAS, short enough that the threads end together.
    """
    return shard_rows if device_kind == "cuda" else 500


def shards(start: int, stop: int, rows: int) -> list[slice]:
    """Cut rows ``start`` to ``stop`` into slices of `rows` rows; the last may be shorter."""
    return [slice(first, min(first + rows, stop)) for first in range(start, stop, rows)]


def unit_shards(units: int) -> list[slice]:
    """Cut a hidden layer's units into nearly equal slices.

    At most 500 each, since BLAS multiplies narrower ones more slowly, but two from 200 units on:
    with fewer, to wait for another thread takes longer than it spares.
    """
    size = 1 if units < 200 else max(2, -(-units // 500))
    runs = [share(units, rank, size) for rank in range(size)]
    return [slice(run.start, run.stop) for run in runs]


def available_threads() -> int:
    """Count the cores this process may use: its affinity and its cgroup's CPU quota."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    with contextlib.suppress(OSError, ValueError):
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        if quota != "max":
            cores = min(cores, max(1, int(quota) // int(period)))
    return cores


def share(pieces: int, rank: int, size: int) -> range:
    """Give the pieces that rank `rank` of `size` owns: a contiguous, possibly empty, run."""
    return range(-(-pieces * rank // size), -(-pieces * (rank + 1) // size))


class Job(NamedTuple, Generic[T]):
    """A function of row slices, and the slices it is to be summed over (at least one)."""

    function: Callable[[slice], T]
    shards: Sequence[slice]
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


class Executor:
    """A persistent pool of threads that sums over shards and runs independent pieces of work.

    The calling thread works too, so one thread means no other thread exists. While the executor
    is open the process' BLAS is held to one thread, also for ``threads=1``: one thread against
    two changes a product's last bits.

    Parameters
    ----------
    threads : int
        At least 1.
    """

    def __init__(self, threads: int) -> None:
        if threads < 1:
            raise ValueError(f"threads must be at least 1, got {threads}")
        self.threads = threads
        self._pool = ThreadPoolExecutor(threads - 1, "shard") if threads > 1 else None
        self._blas = _single_threaded_blas()

    def __enter__(self) -> "Executor":
        self._blas.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._pool is not None:
            self._pool.shutdown()
        self._blas.__exit__(None, None, None)

    def fold(
        self, jobs: Sequence[Job[T]], add: Callable[[T, T], T], rank: int = 0, size: int = 1
    ) -> list[Tree[T]]:
        """Sum every job's function over its shards, or over those that one rank owns.

        The jobs share one queue, claimed in order.

        Parameters
        ----------
        jobs : sequence of Job
        add : callable
            See `Tree`.
        rank, size : int
            Whose share of every job's shards; all of them by default.

        Returns
        -------
        list of Tree
            One a job: complete, or what this rank can add of it.
        """
        trees = [Tree(len(job.shards), add, job.like) for job in jobs]
        queue = [
            (tree, Node(0, index), job.function, job.shards[index])
            for tree, job in zip(trees, jobs, strict=True)
            for index in share(len(job.shards), rank, size)
        ]
        window = _Window(len(queue), 2 * self.threads)

        def work() -> None:
            for position in window:
                tree, leaf, function, rows = queue[position]
                tree.put(leaf, function(rows))
                window.done(position)

        self._run(work, window.close, len(queue))
        return trees

    def for_each(
        self,
        function: Callable[[Item], object],
        items: Sequence[Item],
        abort: Callable[[], object] = lambda: None,
    ) -> None:
        """Call the function once for every item, in any order, over the threads.

        If there are no more items than threads, all run at the same time and may wait for one
        another. `abort` is then called where one fails, and must end the others' waiting.
        """
        pending = deque(items)  # popping is atomic

        def work() -> None:
            while pending:
                try:
                    item = pending.popleft()
                except IndexError:  # another thread took the last one
                    return
                function(item)

        def close() -> None:
            pending.clear()
            abort()

        self._run(work, close, len(items))

    def _run(self, work: Callable[[], None], close: Callable[[], None], pieces: int) -> None:
        """Run `work` on as many threads as there are pieces for; the first error propagates."""

        def guarded() -> None:
            try:
                # Threads do not inherit this. An overflow shows itself as a loss that is not
                # finite, which training reports in one line instead of a stream of warnings.
                with np.errstate(all="ignore"):
                    work()
            except BaseException:
                close()
                raise

        futures: list[Future[None]] = []
        try:
            if self._pool is not None:
                for _ in range(min(self.threads, pieces) - 1):
                    futures.append(self._pool.submit(guarded))
            guarded()
        except BaseException:  # an interrupt may have come outside `guarded`
            close()
            raise
        finally:
            errors = [error for future in futures if (error := future.exception()) is not None]
        if errors:
            raise errors[0]


class _Window:
    """Hands out 0, 1, 2, ... in order, at most `width` past the oldest one not yet done.

    So the results that wait for a slow shard stay few: at most ``log2(shards) + 2 * threads``
    sets of gradients are alive.
    """

    def __init__(self, length: int, width: int) -> None:
        self._length = length
        self._width = width
        self._next = 0
        self._running: set[int] = set()
        self._changed = threading.Condition()

    def __iter__(self) -> Iterator[int]:
        while (position := self._claim()) is not None:
            yield position

    def _claim(self) -> int | None:
        with self._changed:
            while self._next < self._length:
                if not self._running or self._next - min(self._running) < self._width:
                    position = self._next
                    self._next += 1
                    self._running.add(position)
                    return position
                self._changed.wait()
            return None

    def done(self, position: int) -> None:
        with self._changed:
            self._running.discard(position)
            self._changed.notify_all()

    def close(self) -> None:
        """Hand out nothing more."""
        with self._changed:
            self._next = self._length
            self._changed.notify_all()


_blas_users = 0
_blas_lock = threading.Lock()
_blas_limit = contextlib.ExitStack()


@contextlib.contextmanager
def _single_threaded_blas() -> Iterator[None]:
    """Hold BLAS to one thread while anyone needs it; the limit is the whole process'."""
    global _blas_users
    with _blas_lock:
        if _blas_users == 0:
            _blas_limit.enter_context(ThreadpoolController().limit(limits=1, user_api="blas"))
        _blas_users += 1
    try:
        yield
    finally:
        with _blas_lock:
            _blas_users -= 1
            if _blas_users == 0:
                _blas_limit.close()

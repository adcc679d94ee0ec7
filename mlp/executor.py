"""The threads that compute shards and other independent pieces of work."""

import contextlib
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np
from threadpoolctl import ThreadpoolController

from .sharding import Job, Node, T, Tree, share

Item = TypeVar("Item")


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

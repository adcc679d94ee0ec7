"""Who computes the pieces: the threads of this process and, through a communicator, the ranks.

A team has two verbs. `Team.fold` sums a function over pieces, up a fixed tree. `Team.together`
runs members, each with some of the pieces, that may meet: `Team.meet` is one barrier. Threads and
ranks are told apart nowhere else.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
from array_api_compat import is_numpy_array

from . import blas
from .communicator import Communicator, Trees
from .device import copied
from .meeting import Meeting
from .model import Parameters, map_arrays
from .sharding import Job, Node, T, Tree, share

# Elements of an array that a thread changes at a time: so many of three arrays stay in the last
# cache. Much smaller parts cost more than they save: threads wait for the interpreter's lock
# between any two operations of NumPy.
_PART = 524_288


class Team:
    """The threads of this process, and the other ranks of its job.

    The calling thread works too, so one thread means that no other exists. While a team is open
    BLAS is held to one thread, also for ``threads=1``. Every verb opens the team for its own time;
    ``with team:`` keeps threads from one verb to the next.

    Parameters
    ----------
    threads : int
        At least 1.
    communicator : Communicator, optional
        This process alone by default.
    stop : callable, optional
        Asked once a fold and once a meeting, from any of the threads, whether to stop.

    Attributes
    ----------
    stopping : bool
        What was said at the last fold or meeting: whether any of the ranks is to stop.
    """

    def __init__(
        self,
        threads: int,
        communicator: Communicator | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        if threads < 1:
            raise ValueError(f"threads must be at least 1, got {threads}")
        self.threads = threads
        self.communicator = communicator or Communicator()
        self.stopping = False
        self._stop = stop
        self._opened = 0
        self._resources = contextlib.ExitStack()
        self._pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> "Team":
        if self._opened == 0:
            self._resources.enter_context(blas.single_threaded())
            if self.threads > 1:
                pool = ThreadPoolExecutor(self.threads - 1, "team")
                self._pool = self._resources.enter_context(pool)
        self._opened += 1
        return self

    def __exit__(self, *exception: object) -> None:
        self._opened -= 1
        if self._opened == 0:
            self._resources.close()

    def own(self, pieces: int) -> range:
        """Return which of some pieces are this rank's."""
        return share(pieces, self.communicator.rank, self.communicator.size)

    def fold(self, jobs: Sequence[Job[T]], add: Callable[[T, T], T]) -> list[T]:
        """Sum every job's function over its pieces, by all threads and ranks.

        The jobs share one queue, claimed in order.

        Parameters
        ----------
        jobs : sequence of Job
        add : callable
            See `Tree`.

        Returns
        -------
        list
            A sum for every job; on several ranks valid until the next fold or meeting.
        """
        trees = [Tree(len(job.pieces), add, job.like) for job in jobs]
        queue = [
            (tree, Node(0, index), job.function, job.pieces[index])
            for tree, job in zip(trees, jobs, strict=True)
            for index in self.own(len(job.pieces))
        ]
        window = _Window(len(queue), 2 * self.threads)

        def work(_: int) -> None:
            for position in window:
                tree, leaf, function, piece = queue[position]
                tree.put(leaf, function(piece))
                window.done(position)

        self._run(work, len(queue), window.close)
        self._combine(trees)
        return [tree.root for tree in trees]

    def together(self, member: Callable[[Sequence[int]], object], pieces: Sequence[int]) -> None:
        """Run members at the same time, each with some of this rank's pieces.

        As many as there are threads and pieces, but at least one. They may `meet`, all of them
        equally often; if one fails, those who wait for it end, and its error is raised.
        """
        members = min(self.threads, max(1, len(pieces)))
        self._meeting = Meeting(members, self._at_meeting)

        def work(number: int) -> None:
            mine = share(len(pieces), number, members)
            with contextlib.suppress(threading.BrokenBarrierError):  # who has failed says why
                member(pieces[mine.start : mine.stop])

        self._run(work, members, self._meeting.abort)

    def meet(self, tree: Tree[Any], finish: Callable[[Any], T]) -> T:
        """Wait for all members of all ranks, and return ``finish(sum of the tree)``.

        One member computes it while the others wait; `stopping` is the same for all afterwards.
        """
        self._agenda = tree, finish  # the same from every member
        self._meeting.wait()
        # Nobody writes it before everybody has come to the next meeting.
        outcome: T = self._outcome
        return outcome

    def _at_meeting(self) -> None:
        tree, finish = self._agenda
        self._combine([tree])
        self._outcome = finish(tree.root)

    def in_parts(self, change: Callable[..., object], *networks: Parameters) -> None:
        """Change networks of NumPy arrays in place, over the threads.

        Parameters
        ----------
        change : callable
            Takes as many networks as are given, whose arrays are flat views of parts of theirs.
        *networks : Parameters
            Of the same shapes, contiguous.
        """
        largest = max(array.size for layer in networks[0] for array in layer)
        count = self.threads * -(-largest // (self.threads * _PART))

        def part(number: int, array: Any) -> Any:
            size = -(-array.size // count)
            return array.reshape(-1)[number * size : (number + 1) * size]

        def member(mine: Sequence[int]) -> None:
            for number in mine:
                change(*(map_arrays(partial(part, number), network) for network in networks))

        self.together(member, range(count))

    def copied(self, network: Parameters) -> Parameters:
        """Copy a network; on NumPy over the threads."""
        if not is_numpy_array(network[0].weight):
            return map_arrays(copied, network)
        fresh = map_arrays(np.empty_like, network)
        self.in_parts(partial(map_arrays, np.copyto), fresh, network)
        return fresh

    def exchange(self, values: list[Any]) -> None:
        """Replace what other ranks own of a list, a value a piece, by what they have there."""
        for rank in range(self.communicator.size):
            for piece in share(len(values), rank, self.communicator.size):
                values[piece] = self.communicator.broadcast(values[piece], rank)

    def agree(self, leaving: bool = False) -> bool:
        """Return whether any rank is to stop, or leaves; every rank must ask."""
        self._combine([], leaving)
        return self.stopping

    def _combine(self, trees: Trees, leaving: bool = False) -> None:
        """Complete the trees over all ranks, and hear whether one of them is to stop."""
        flag = int(leaving or self._stop())
        self.stopping = bool(self.communicator.combine(trees, flag))

    def _run(self, work: Callable[[int], object], most: int, abort: Callable[[], object]) -> None:
        """Run ``work(0)``, ``work(1)``, ... at once, at most `most`; the first error propagates.

        Where one fails `abort` is called, and must end what the others wait for.
        """

        def guarded(number: int) -> None:
            try:
                # Threads do not inherit this. An overflow shows itself as a loss that is not
                # finite, which training reports in one line instead of a stream of warnings.
                with blas.single_threaded_here(), np.errstate(all="ignore"):
                    work(number)
            except BaseException:
                abort()
                raise

        futures: list[Future[None]] = []
        with self:
            try:
                if self._pool is not None:
                    for number in range(1, min(self.threads, most)):
                        futures.append(self._pool.submit(guarded, number))
                guarded(0)
            except BaseException:  # an interrupt may have come outside `guarded`
                abort()
                raise
            finally:
                errors = [error for future in futures if (error := future.exception()) is not None]
        if errors:
            raise errors[0]


class _Window:
    """Hands out 0, 1, 2, ... in order, at most `width` past the oldest one not yet done.

    So the results that wait for a slow piece stay few: at most ``log2(pieces) + 2 * threads``
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

"""Where the ranks of a data-parallel run meet; one process is the run of one rank.

Every rank sums the pieces it owns as far up the tree as it can. One collective a step gives the
nodes that remain to every rank, which then finishes the same tree: the sums have the bits of a run
of one rank. (A plain Allreduce adds in an order that depends on the number of ranks.)
"""

import math
import os
import sys
import time
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import Any, NamedTuple, TypeVar

import numpy as np
from array_api_compat import is_numpy_array

from kernels import array_namespace

from .device import copy_like, to_numpy
from .sharding import Node, Tree, share

Value = TypeVar("Value")
Trees = Sequence[Tree[Any]]


class CommunicatorError(RuntimeError):
    """The ranks cannot work together; the message says why and what to do."""


class Communicator:
    """What a step on several ranks needs; this one is of a process that is alone.

    Attributes
    ----------
    rank, size : int
        This process' number, and how many there are.
    rank_on_host : int
        This process' number among those of its machine.
    cores_shared_by : int
        How many ranks may use this process' cores.
    any_thread : bool
        Whether `combine` may be called by any thread, one at a time, or by the main one only.
    seconds : float
        Time spent in `combine` and `broadcast` so far, waiting for slower ranks included.
    """

    rank = 0
    size = 1
    rank_on_host = 0
    cores_shared_by = 1
    any_thread = True
    seconds = 0.0

    def combine(self, trees: Trees, flag: int) -> int:
        """Complete the trees with every other rank's nodes; return the largest flag of all ranks.

        Every tree holds what `share` gives this rank of its leaves, and knows what a node is
        `like`: an array of floats, or a tuple of such, of integers and of None. The arrays that
        the trees hold afterwards are valid until the next call with trees.
        """
        return flag

    def broadcast(self, value: Value, root: int = 0) -> Value:
        """Return the value of rank `root` on every rank: anything that can be pickled."""
        return value

    def barrier(self) -> None:
        """Wait until every rank is here."""


class _Message(NamedTuple):
    """A rank's part of the buffer of a step: views that every rank lays out alike."""

    flag: np.ndarray  # (1,) int64
    nodes: list[tuple[int, Node, list[np.ndarray]]]  # a tree's number, its node and its arrays


class Ranks(Communicator):
    """The ranks of an MPI job, through mpi4py. Arrays are staged through the host.

    Parameters
    ----------
    comm : mpi4py.MPI.Comm, optional
        All of the job's ranks by default.
    """

    def __init__(self, comm: Any = None) -> None:
        from mpi4py import MPI

        self._mpi = MPI
        self._comm = MPI.COMM_WORLD if comm is None else comm
        self.rank = self._comm.Get_rank()
        self.size = self._comm.Get_size()
        host = self._comm.Split_type(MPI.COMM_TYPE_SHARED)
        self.rank_on_host = host.Get_rank()
        cores = host.allgather(
            os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
        )
        self.cores_shared_by = cores.count(cores[self.rank_on_host])
        host.Free()
        self.seconds = 0.0
        self.any_thread = MPI.Query_thread() >= MPI.THREAD_SERIALIZED
        self._buffer = np.empty(0, np.uint8)

    def combine(self, trees: Trees, flag: int) -> int:
        """See `Communicator`."""
        started = time.perf_counter()
        sizes = [_message_bytes(trees, rank, self.size) for rank in range(self.size)]
        starts = [0, *accumulate(sizes)]
        if self._buffer.size < starts[-1]:
            self._buffer = np.empty(starts[-1], np.uint8)
        # Flags alone must not write over the sums of the last call.
        buffer = self._buffer if trees else np.empty(starts[-1], np.uint8)
        messages = [
            _message(buffer[start:stop], trees, rank, self.size)
            for rank, (start, stop) in enumerate(pairwise(starts))
        ]
        _write(messages[self.rank], trees, flag)
        parts = [buffer, sizes, starts[:-1], self._mpi.BYTE]
        self._comm.Allgatherv(self._mpi.IN_PLACE, parts)
        with np.errstate(all="ignore"):  # as in the team's threads
            for message in messages[: self.rank] + messages[self.rank + 1 :]:
                _read(message, trees)
        self.seconds += time.perf_counter() - started
        return int(max(message.flag[0] for message in messages))

    def broadcast(self, value: Value, root: int = 0) -> Value:
        """See `Communicator`."""
        started = time.perf_counter()
        given: Value = self._comm.bcast(value, root)
        self.seconds += time.perf_counter() - started
        return given

    def barrier(self) -> None:
        """See `Communicator`."""
        self._comm.Barrier()


def find() -> Communicator:
    """Return the communicator of the job that this process belongs to.

    Raises
    ------
    CommunicatorError
        The process was started as one of several, but not by ``python -m mpi4py``, without which
        a rank that fails leaves the others waiting for ever; or its MPI knows of no others.
    """
    mpi4py = sys.modules.get("mpi4py")
    # Who only asks for the library's name, as doctor does, has switched its start off.
    started = mpi4py is not None and getattr(getattr(mpi4py, "rc", None), "initialize", True)
    if started and (ranks := Ranks()).size > 1:
        return ranks
    # What MPICH, Open MPI and Slurm's srun tell the processes they start.
    for name in ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "SLURM_STEP_NUM_TASKS"):
        if (told := os.environ.get(name, "1")) != "1":
            advice = "start them with `python -m mpi4py` in place of `python`"
            if started:
                advice = (
                    "but mpi4py's MPI finds itself alone: build mpi4py against the MPI that starts "
                    "the ranks, or choose another `srun --mpi`"
                )
            raise CommunicatorError(
                f"this is one of {told} ranks ({name}); {advice} (independent runs: unset it)"
            )
    return Communicator()


@lru_cache(maxsize=1024)
def remaining_nodes(leaves: int, rank: int, size: int) -> tuple[Node, ...]:
    """Name what a rank's pieces add up to: the nodes whose siblings are other ranks'."""
    tree = Tree(leaves, lambda left, right: True)
    for index in share(leaves, rank, size):
        tree.put(Node(0, index), True)
    return tuple(tree.nodes)


def _leaves(value: Any) -> list[Any]:
    """List the arrays and integers of a node's sum, in order."""
    if isinstance(value, tuple):
        return [leaf for part in value for leaf in _leaves(part)]
    return [] if value is None else [value]


def _rebuild(like: Any, arrays: Iterator[np.ndarray]) -> Any:
    """Make a node's sum of its leaves, as another one is made of its own."""
    if like is None:
        return None
    if isinstance(like, tuple):
        parts = [_rebuild(part, arrays) for part in like]
        return like._make(parts) if hasattr(like, "_make") else tuple(parts)
    array = next(arrays)
    if isinstance(like, int):
        return int(array)
    # A view of the buffer, but for single numbers: sums of a step are kept until the epoch's end.
    return array if is_numpy_array(like) and array.ndim else copy_like(array, like)


def _on_host(leaf: Any) -> tuple[tuple[int, ...], np.dtype[Any], int]:
    """Return a leaf's shape and dtype in the buffer, and its bytes there, a multiple of 8."""
    if isinstance(leaf, int):
        shape, dtype = (), np.dtype(np.int64)
    else:
        shape = leaf.shape
        dtype = np.dtype(f"f{array_namespace(leaf).finfo(leaf.dtype).bits // 8}")
    return shape, dtype, -(-math.prod(shape) * dtype.itemsize // 8) * 8


def _message_bytes(trees: Trees, rank: int, size: int) -> int:
    """Count the bytes of a rank's message."""
    return 8 + sum(
        len(remaining_nodes(tree.leaves, rank, size))
        * sum(_on_host(leaf)[2] for leaf in _leaves(tree.like))
        for tree in trees
    )


def _message(buffer: np.ndarray, trees: Trees, rank: int, size: int) -> _Message:
    """Lay out a rank's message in its part of the buffer: its flag, then node by node."""
    nodes, begin = [], 8
    for number, tree in enumerate(trees):
        for node in remaining_nodes(tree.leaves, rank, size):
            arrays = []
            for leaf in _leaves(tree.like):
                shape, dtype, count = _on_host(leaf)
                end = begin + math.prod(shape) * dtype.itemsize
                arrays.append(buffer[begin:end].view(dtype).reshape(shape))
                begin += count
            nodes.append((number, node, arrays))
    return _Message(buffer[:8].view(np.int64), nodes)


def _write(message: _Message, trees: Trees, flag: int) -> None:
    """Fill in this rank's message from its trees."""
    message.flag[0] = flag
    for number, node, arrays in message.nodes:
        for target, leaf in zip(arrays, _leaves(trees[number].nodes[node]), strict=True):
            target[...] = leaf if isinstance(leaf, int) else to_numpy(leaf)


def _read(message: _Message, trees: Trees) -> None:
    """Put another rank's nodes into this rank's trees."""
    for number, node, arrays in message.nodes:
        tree = trees[number]
        tree.put(node, _rebuild(tree.like, iter(arrays)))

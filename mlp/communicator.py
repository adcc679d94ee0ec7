"""Where the ranks of a data-parallel run meet; one process is the run of one rank.

Every rank sums the shards it owns as far up the tree as it can. One collective a step gives the
nodes that remain to every rank, which then finishes the same tree: the sums have the bits of a run
of one rank. (A plain Allreduce adds in an order that depends on the number of ranks.)
"""

import math
import os
import sys
import time
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
from array_api_compat import array_namespace, is_numpy_array

from kernels import Array
from mlp.device import copy_like, to_numpy
from mlp.model import Layer, Parameters, ShardSums
from mlp.sharding import Job, Node, Tree, share

Value = TypeVar("Value")
Jobs = Sequence[Job[ShardSums]]
Trees = Sequence[Tree[ShardSums]]


class CommunicatorError(RuntimeError):
    """The ranks cannot work together; the message says why and what to do."""


class Communicator(Protocol):
    """The three calls a data-parallel step needs, and who is asking.

    Attributes
    ----------
    rank, size : int
        This process' number, and how many there are.
    rank_on_host : int
        This process' number among those of its machine.
    cores_shared_by : int
        How many ranks may use this process' cores.
    seconds : float
        Time spent in `combine` so far, waiting for slower ranks included.
    """

    rank: int
    size: int
    rank_on_host: int
    cores_shared_by: int
    seconds: float

    def combine(self, jobs: Jobs, trees: Trees, flag: int) -> int:
        """Complete the trees with every other rank's nodes; give the largest flag of all ranks.

        What the trees hold afterwards is valid until the next call.
        """
        ...

    def broadcast(self, value: Value) -> Value:
        """Give every rank the value of rank 0: anything that can be pickled."""
        ...

    def barrier(self) -> None:
        """Wait until every rank is here."""
        ...


class Serial:
    """The communicator of a single process: nothing to exchange, nobody to wait for."""

    rank = 0
    size = 1
    rank_on_host = 0
    cores_shared_by = 1
    seconds = 0.0

    def combine(self, jobs: Jobs, trees: Trees, flag: int) -> int:
        """Return the flag; the trees are complete."""
        return flag

    def broadcast(self, value: Value) -> Value:
        """Return the value."""
        return value

    def barrier(self) -> None:
        """Return at once."""


class _Message(NamedTuple):
    """A rank's part of the buffer of a step: views that every rank lays out alike.

    First its flag and every node's loss, correct predictions and rows as float64, in which counts
    are exact; then every node's gradients.
    """

    nodes: list[tuple[int, Node]]  # a job's number, and a node of its tree
    flag: np.ndarray  # (1,) float64
    totals: np.ndarray  # (nodes, 3) float64
    gradients: list[list[np.ndarray]]  # by node: in the shapes of the parameters; or none


class Ranks:
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
        self.rank: int = self._comm.Get_rank()
        self.size: int = self._comm.Get_size()
        host = self._comm.Split_type(MPI.COMM_TYPE_SHARED)
        self.rank_on_host: int = host.Get_rank()
        cores = host.allgather(
            os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
        )
        self.cores_shared_by: int = cores.count(cores[self.rank_on_host])
        host.Free()
        self.seconds = 0.0
        self._buffer = np.empty(0, np.uint8)

    def combine(self, jobs: Jobs, trees: Trees, flag: int) -> int:
        """See `Communicator`."""
        started = time.perf_counter()
        sizes = [_message_bytes(jobs, rank, self.size) for rank in range(self.size)]
        starts = [0, *accumulate(sizes)]
        if self._buffer.size < starts[-1]:
            self._buffer = np.empty(starts[-1], np.uint8)
        messages = [
            _message(self._buffer[start:stop], jobs, rank, self.size)
            for rank, (start, stop) in enumerate(pairwise(starts))
        ]
        _write(messages[self.rank], trees, flag)
        parts = [self._buffer, sizes, starts[:-1], self._mpi.BYTE]
        self._comm.Allgatherv(self._mpi.IN_PLACE, parts)
        with np.errstate(all="ignore"):  # as in the executor's threads
            for message in messages[: self.rank] + messages[self.rank + 1 :]:
                _read(message, jobs, trees)
        self.seconds += time.perf_counter() - started
        return int(max(message.flag[0] for message in messages))

    def broadcast(self, value: Value) -> Value:
        """See `Communicator`."""
        given: Value = self._comm.bcast(value)
        return given

    def barrier(self) -> None:
        """See `Communicator`."""
        self._comm.Barrier()


def find() -> Communicator:
    """Give the communicator of the job that this process belongs to.

    Raises
    ------
    CommunicatorError
        The process was started as one of several, but not by ``python -m mpi4py``, without which
        a rank that fails leaves the others waiting for ever; or its MPI knows of no others.
    """
    started = "mpi4py" in sys.modules
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
    return Serial()


@lru_cache(maxsize=1024)
def remaining_nodes(leaves: int, rank: int, size: int) -> tuple[Node, ...]:
    """Name what a rank's shards add up to: the nodes whose siblings are other ranks'."""
    tree = Tree(leaves, lambda left, right: True)
    for index in share(leaves, rank, size):
        tree.put(Node(0, index), True)
    return tuple(tree.nodes)


def _arrays(gradients: Parameters | None) -> list[Array]:
    return [array for layer in gradients or () for array in layer]


def _host_dtype(array: Array) -> np.dtype[Any]:
    return np.dtype(f"f{array_namespace(array).finfo(array.dtype).bits // 8}")


def _message_bytes(jobs: Jobs, rank: int, size: int) -> int:
    """Count the bytes of a rank's message; a multiple of 8, so that the next one is aligned."""
    count = 8
    for job in jobs:
        arrays = _arrays(job.like.gradients)
        gradients = sum(math.prod(one.shape) * _host_dtype(one).itemsize for one in arrays)
        count += len(remaining_nodes(len(job.shards), rank, size)) * (3 * 8 + gradients)
    return -(-count // 8) * 8


def _message(buffer: np.ndarray, jobs: Jobs, rank: int, size: int) -> _Message:
    """Lay out a rank's message in its part of the buffer."""
    nodes = [
        (number, node)
        for number, job in enumerate(jobs)
        for node in remaining_nodes(len(job.shards), rank, size)
    ]
    begin = 8 * (1 + 3 * len(nodes))
    header = buffer[:begin].view(np.float64)
    gradients: list[list[np.ndarray]] = []
    for number, _ in nodes:
        gradients.append([])
        for like in _arrays(jobs[number].like.gradients):
            dtype = _host_dtype(like)
            end = begin + math.prod(like.shape) * dtype.itemsize
            gradients[-1].append(buffer[begin:end].view(dtype).reshape(like.shape))
            begin = end
    return _Message(nodes, header[:1], header[1:].reshape(-1, 3), gradients)


def _write(message: _Message, trees: Trees, flag: int) -> None:
    """Fill in this rank's message from its trees."""
    message.flag[0] = flag
    for index, (job, node) in enumerate(message.nodes):
        sums = trees[job].nodes[node]
        message.totals[index] = float(sums.loss), float(sums.correct), sums.rows
        for target, array in zip(message.gradients[index], _arrays(sums.gradients), strict=True):
            target[...] = to_numpy(array)


def _read(message: _Message, jobs: Jobs, trees: Trees) -> None:
    """Put another rank's nodes into this rank's trees."""
    for index, (job, node) in enumerate(message.nodes):
        like: ShardSums = jobs[job].like
        loss, correct, rows = message.totals[index].tolist()
        gradients = None
        if like.gradients is not None:
            arrays = iter(message.gradients[index])
            gradients = tuple(
                Layer(_place(next(arrays), weight), _place(next(arrays), bias))
                for weight, bias in like.gradients
            )
        wide = _host_dtype(like.loss)
        sums = ShardSums(
            copy_like(np.asarray(loss, wide), like.loss),
            copy_like(np.asarray(correct, wide), like.correct),
            int(rows),
            gradients,
        )
        trees[job].put(node, sums)


def _place(array: np.ndarray, like: Array) -> Array:
    """Give a view of the buffer as an array of another one's library: itself if that is NumPy."""
    return array if is_numpy_array(like) else copy_like(array, like)

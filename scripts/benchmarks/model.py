"""Models of an epoch on many ranks and on many threads, made of what was measured on few."""

import dataclasses
import heapq
from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

from benchmarks.link import read
from mlp import TrainingConfig
from mlp.communicator import remaining_nodes
from mlp.datasets.split import counts
from mlp.sharding import evaluation_piece_rows, row_pieces, share, unit_pieces
from mlp.work import divides_units, training_piece_rows

# One row's training costs two products of the first layer's size, its evaluation one.
TRAINING_WORK = 2
MODELLED = (1, 2, 4, 8, 16, 32, 64)
THREADS = (1, 2, 4, 8)
# A network that many clusters have: 25 Gbit/s Ethernet, with a round of messages in 30 us.
CLUSTER_LATENCY, CLUSTER_BANDWIDTH = 30e-6, 3e9


class Costs(NamedTuple):
    """What a rank's work costs, in seconds and bytes a second."""

    exchange: float  # a collective of nothing but the flags, between 2 ranks
    bandwidth: float  # at which nodes are packed, passed on and added
    update: float  # the optimizer's step, which every rank does

    def over_ethernet(self) -> "Costs":
        """Return the same between machines: nodes pass the network besides."""
        bandwidth = 1 / (1 / self.bandwidth + 1 / CLUSTER_BANDWIDTH)
        return Costs(self.exchange + CLUSTER_LATENCY, bandwidth, self.update)


class ThreadCosts(NamedTuple):
    """What the parts of an epoch take on one thread, in seconds; see `benchmarks.job`.

    Attributes
    ----------
    steps : tuple of float
        A step with the pieces of a thread that is one of `THREADS` of them. What is done once,
        the next batch and what is above z, is in it.
    above : float
        Of a step of divided units, what one thread does while the others wait; else 0.
    evaluation : float
        A piece of rows that are evaluated.
    update : float
        What the arrays are cut for, not the pieces: the copies and the update of a step whose rows
        are divided; else 0.
    meeting : float
        A meeting of 2 threads; where rows are divided, a fold of nothing.
    """

    steps: tuple[float, ...]
    above: float
    evaluation: float
    update: float
    meeting: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "ThreadCosts":
        """Make them of their numbers in a row."""
        *steps, above, evaluation, update, meeting = values
        return cls(tuple(steps), above, evaluation, update, meeting)

    def described(self, shape: "Shape") -> str:
        """Say it in a line."""
        many = dict(zip(most(shape), self.steps, strict=True))
        milliseconds = ", ".join(f"{1e3 * one:.2f}" for one in many.values())
        text = (
            f"on one thread: a step with {', '.join(map(str, many))} of its {shape.step} pieces "
            f"{milliseconds} ms, "
        )
        text += f"of it above z {1e3 * self.above:.2f} ms, " if self.above else ""
        text += f"an update {1e3 * self.update:.1f} ms, " if self.update else ""
        return (
            f"{text}a piece of evaluation {1e3 * self.evaluation:.1f} ms; "
            f"a meeting of 2 threads {1e6 * self.meeting:.0f} us"
        )


class Shape(NamedTuple):
    """A training's pieces: of a step, the steps of an epoch, and of the evaluation.

    Where a mini-batch's units are divided, a piece does the work of a part of the rows, its node
    is what it adds to the second layer, the update is divided too, and weights are exchanged once
    an epoch.
    """

    step: int
    steps: int
    held_out: tuple[int, ...]
    shard_rows: float
    evaluation_rows: int
    node_bytes: int
    epoch_bytes: int


class Prediction(NamedTuple):
    """Seconds of an epoch on some ranks, by the model."""

    compute: float
    communicate: float

    @property
    def seconds(self) -> float:
        """Both, one after the other."""
        return self.compute + self.communicate


def shape(config: TrainingConfig, rows: int | None) -> Shape:
    """Cut a configuration's training as `mlp.epochs` does; held-out rows in proportion."""
    n_train = rows or counts(config.split)[0]
    batch = config.batch_size or n_train
    shard_rows = training_piece_rows(config, n_train, "cpu")
    evaluation_rows = evaluation_piece_rows(shard_rows, "cpu")
    dataset, _ = read({"config": dataclasses.asdict(config), "rows": rows})
    held_out = [len(part.labels) for part in (dataset.valid, dataset.test) if part is not None]
    sizes = (dataset.n_features, *config.hidden, dataset.n_classes)
    item = 8 if config.dtype == "float64" else 4
    weights = item * sum((a + 1) * b for a, b in pairwise(sizes))
    by_rows = Shape(
        step=len(row_pieces(0, batch, shard_rows)),
        steps=-(-n_train // batch),
        held_out=tuple(len(row_pieces(0, count, evaluation_rows)) for count in held_out),
        shard_rows=shard_rows,
        evaluation_rows=evaluation_rows,
        node_bytes=weights,
        epoch_bytes=0,
    )
    if not divides_units(config, "cpu"):
        return by_rows
    units = len(unit_pieces(config.hidden[0]))
    return by_rows._replace(
        step=units,
        shard_rows=batch / units,
        node_bytes=item * batch * sizes[2],
        epoch_bytes=2 * weights,
    )


def predict(shape: Shape, alone: float, costs: Costs, ranks: int) -> Prediction:
    """Predict an epoch on `ranks` ranks of one thread.

    What can be divided takes as long as the rank with most of it; every rank does the update of
    weights whose gradients are exchanged. A step's collective costs a latency for every other rank,
    and all ranks' nodes pass through each.

    Parameters
    ----------
    alone : float
        Seconds of an epoch on one rank of one thread.
    """
    update = 0.0 if shape.epoch_bytes else shape.steps * costs.update

    def work(rank: int, size: int) -> float:
        step = len(share(shape.step, rank, size)) * shape.shard_rows * TRAINING_WORK
        held_out = sum(len(share(count, rank, size)) for count in shape.held_out)
        return step * shape.steps + held_out * shape.evaluation_rows

    most = max(work(rank, ranks) for rank in range(ranks)) / work(0, 1)
    nodes = sum(len(remaining_nodes(shape.step, rank, ranks)) for rank in range(ranks))
    collectives = shape.steps + (shape.steps > 1)  # mini-batches are evaluated by themselves
    latency = collectives * (ranks - 1) * costs.exchange
    passed = shape.steps * nodes * shape.node_bytes + shape.epoch_bytes if ranks > 1 else 0
    return Prediction((alone - update) * most + update, latency + passed / costs.bandwidth)


def most(shape: Shape) -> list[int]:
    """Return the pieces of a step that the thread with most of them has, for each of `THREADS`."""
    return [-(-shape.step // threads) for threads in THREADS]


def predict_threads(shape: Shape, costs: ThreadCosts, threads: int) -> float:
    """Predict the seconds of an epoch on one of `THREADS`.

    A step takes as long as the thread with most pieces needs, and a meeting for every other thread;
    pieces of evaluation go to whoever is free. With the full batch they share a queue with those
    of the step. Threads are taken not to slow each other: neither by the memory's bandwidth nor by
    the interpreter's lock.
    """
    held_out = [costs.evaluation] * sum(shape.held_out)
    step = costs.steps[THREADS.index(threads)]
    meeting = (min(threads, shape.step) - 1) * costs.meeting
    update = costs.update / threads
    if shape.steps == 1:
        pieces = [costs.steps[0] / shape.step] * shape.step
        return makespan(pieces + held_out, threads) + update + meeting
    return shape.steps * (step + update + meeting) + makespan(held_out, threads)


def makespan(pieces: Iterable[float], threads: int) -> float:
    """Return when the last of some pieces ends that threads claim in order."""
    ends = [0.0] * threads
    for seconds in pieces:
        heapq.heapreplace(ends, ends[0] + seconds)
    return max(ends)

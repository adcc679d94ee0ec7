"""A model of an epoch on many ranks, made of what was measured on few."""

import dataclasses
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

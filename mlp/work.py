"""What epochs work with: rows, options, the team; which way a step is done, how it is divided."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple, TypeAlias

import numpy as np
from array_api_compat import device, is_numpy_array

from kernels import Array, Stepped, array_namespace, fuses_minibatch, minibatch_steps

from .config import TrainingConfig
from .datasets import Dataset, Rows
from .device import copy_like, device_current, device_kind, float_dtype
from .model import (
    Parameters,
    Sums,
    add_sums,
    evaluate,
    loss_and_gradients,
    widest_float,
)
from .optimizer import Momentum, schedule_factor
from .row_weights import host_weights, total_weight, weighted
from .sharding import Job, default_piece_rows, evaluation_piece_rows, row_pieces, unit_pieces
from .team import Team

# Rows at most of a batch whose hidden units are divided; of a larger one every thread takes rows.
LARGEST_DIVIDED_BATCH = 500
_SHUFFLE_STREAM = 1  # the generators' purposes; model.py's initial weights are 0


class Step(NamedTuple):
    """One step of an epoch."""

    batch: slice  # of the epoch's order of the rows
    rate: float
    weight: float | None = None  # sum of the rows' weights, where they have any; 0 is no step


Steps: TypeAlias = Sequence[Step]


class Work:
    """What epochs work with: rows, options and the team.

    Parameters
    ----------
    dataset : Dataset
    config : TrainingConfig
    team : Team
    keep : bool
        Whether what was yielded must stay as it was when the generator goes on.
    """

    def __init__(
        self, dataset: Dataset, config: TrainingConfig, team: Team, *, keep: bool = True
    ) -> None:
        dataset = weighted(dataset, config)
        labels = dataset.train.labels
        self.dataset, self.config, self.team, self.keep = dataset, config, team, keep
        # On the host, where the sum of a batch's weights is found without waiting for a device.
        host = {name: host_weights(rows, config.dtype) for name, rows in dataset.splits.items()}
        self._weights = host["train"]
        self._totals = {name: total_weight(weights) for name, weights in host.items()}
        self.optimizer = make_optimizer(config)
        self.n_train = labels.shape[0]
        dtype = float_dtype(labels, config.dtype)
        self._to_input = dataset.preparation.to_input(labels, dtype)
        xp, kind = array_namespace(labels), device_kind(labels)
        with device_current(labels):
            self._zero = xp.zeros((), dtype=widest_float(labels), device=device(labels))
        self._piece_rows = training_piece_rows(config, self.n_train, kind)
        self._evaluation_rows = evaluation_piece_rows(self._piece_rows, kind)

    def input(self, rows: Rows, index: slice | Array) -> tuple[Array, Array, Array | None]:
        """Take some rows as the network's input, their labels and their weights."""
        features, labels, weights = rows.take(index)
        return self._to_input(features), labels, weights

    def training_job(
        self, parameters: Parameters, order: Array = None, batch: slice | None = None
    ) -> Job[Sums]:
        """Sum losses and gradients over training rows, or over a batch of their order."""

        def compute(piece: slice) -> Sums:
            index = piece if order is None else order[piece]
            return loss_and_gradients(parameters, *self.input(self.dataset.train, index))

        start, stop = (0, self.n_train) if batch is None else (batch.start, batch.stop)
        like = Sums(self._zero, self._zero, 0, parameters)
        return Job(compute, row_pieces(start, stop, self._piece_rows), like)

    def evaluation_job(
        self, parameters: Parameters, rows: Rows, *, as_training: bool = False
    ) -> Job[Sums]:
        """Sum losses and correct predictions over all of a split's rows.

        `as_training` cuts them as `training_job` does, so that the sums have the same bits.
        """

        def compute(piece: slice) -> Sums:
            return evaluate(parameters, *self.input(rows, piece))

        size = self._piece_rows if as_training else self._evaluation_rows
        like = Sums(self._zero, self._zero, 0, None)
        return Job(compute, row_pieces(0, rows.labels.shape[0], size), like)

    def measure(self, parameters: Parameters, train: Job[Sums] | None) -> dict[str, list[Sums]]:
        """Do the training rows' job, if there is one, and evaluate the other splits."""
        jobs = {} if train is None else {"train": train}
        for name, rows in self.dataset.splits.items():
            if name != "train":
                jobs[name] = self.evaluation_job(parameters, rows)
        sums = self.team.fold(list(jobs.values()), add_sums)
        return {
            name: [one._replace(weight=self._totals[name])]
            for name, one in zip(jobs, sums, strict=True)
        }

    def copies(self, *networks: Parameters) -> Iterator[Parameters]:
        """Copy networks, so that they can be updated while what was yielded stays."""
        return map(self.team.copied, networks)

    def update(
        self, parameters: Parameters, velocity: Parameters, sums: Sums, rate: float
    ) -> tuple[Parameters, Parameters]:
        """Advance along the average gradient, on NumPy over the threads. All are donated.

        Rows whose weights sum to 0 are as no rows: nothing changes.
        """
        if sums.gradients is None:
            raise ValueError("a step needs gradients; these sums come from `evaluate`")
        if sums.weight == 0:
            return parameters, velocity
        factor = rate * (1.0 / sums.divisor)

        def change(
            parameters: Parameters, velocity: Parameters, gradients: Parameters
        ) -> tuple[Parameters, Parameters]:
            return self.optimizer.update(parameters, velocity, gradients, rate, factor)

        if not is_numpy_array(parameters[0].weight):
            return change(parameters, velocity, sums.gradients)
        self.team.in_parts(change, parameters, velocity, sums.gradients)
        return parameters, velocity

    def fused_steps(
        self, parameters: Parameters, velocity: Parameters, order: Array, steps: Steps
    ) -> Iterator[Stepped]:
        """Return the steps of an epoch that are done in a few launches each. All are donated."""
        rule, (features, labels, _) = self.optimizer, self.dataset.train
        plain = [(batch, rate) for batch, rate, _ in steps]
        return minibatch_steps(
            *(features, labels, order, plain, parameters, velocity),
            scale=self.dataset.scale,
            momentum=rule.momentum,
            l2=rule.l2,
            nesterov=rule.nesterov,
        )

    def steps(self, epoch: int) -> tuple[Array, Steps]:
        """Return an epoch's order of the rows, and its steps."""
        order = epoch_order(self.config.seed, epoch, self.n_train)
        batches = row_pieces(0, self.n_train, self.config.batch_size or self.n_train)
        done, steps = epoch * len(batches), self.config.epochs * len(batches)
        weights = self._weights
        return copy_like(order, self.dataset.train.labels), [
            Step(
                batch,
                learning_rate(self.config, done + step, steps),
                total_weight(None if weights is None else weights[order[batch]]),
            )
            for step, batch in enumerate(batches)
        ]


def training_piece_rows(config: TrainingConfig, n_train: int, device_kind: str) -> int:
    """Return the rows of a piece in training: as configured, else as the batch and device ask.

    A mini-batch whose hidden units can be divided instead is one piece; see `by_units`.
    """
    if config.shard_rows is None and divides_units(config, device_kind):
        return config.batch_size or n_train
    return config.shard_rows or default_piece_rows(config.batch_size or n_train, device_kind)


def step_kind(config: TrainingConfig, dataset: Dataset) -> str:
    """Return how a training's steps are done: see `mlp.epochs`.

    Returns
    -------
    {"full batch", "by rows", "by units", "fused"}
    """
    features, labels, weights = dataset.train
    if config.batch_size is None:
        return "full batch"
    if divides_units(config, device_kind(labels)):
        return "by units"
    whole = config.batch_size <= (config.shard_rows or config.batch_size)
    if (
        whole
        and len(config.hidden) == 1
        # The fused step has neither.
        and dataset.preparation.mean is None
        and weights is None
        and config.class_weight is None
        and fuses_minibatch(features, labels, dataset.n_classes, config.batch_size)
    ):
        return "fused"
    return "by rows"


def divides_units(config: TrainingConfig, device_kind: str) -> bool:
    """Return whether not a mini-batch's rows but its hidden units are divided.

    On a CPU, where the batch is one piece and the first hidden layer is most of the network: what
    is above the second one's input is done by one thread while the others wait.
    """
    first, *others = config.hidden
    above = sum(n_in * n_out for n_in, n_out in pairwise(others))
    return (
        device_kind == "cpu"
        and config.batch_size is not None
        and config.batch_size <= (config.shard_rows or LARGEST_DIVIDED_BATCH)
        and (not others or (len(unit_pieces(first)) > 1 and 8 * above <= first * others[0]))
    )


def epoch_order(seed: int, epoch: int, rows: int) -> np.ndarray:
    """Draw the order of the rows in epoch `epoch` (from 0), on the host whatever the device."""
    return np.random.default_rng([seed, _SHUFFLE_STREAM, epoch]).permutation(rows)


def make_optimizer(config: TrainingConfig) -> Momentum:
    """Return the update rule that the configuration asks for."""
    return Momentum(config.momentum, config.nesterov, config.l2)


def learning_rate(config: TrainingConfig, step: int, steps: int) -> float:
    """Return the rate of step `step` (from 0) of a run of `steps`, as a Python float."""
    return float(config.learning_rate * schedule_factor(config.schedule, step / steps))

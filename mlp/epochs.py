"""One epoch: how a row of the history is measured and how the weights advance.

With the full batch, the pass that computes an epoch's gradients also measures the weights it
starts from. With mini-batches the training columns are accumulated over the batches as seen.
"""

from collections.abc import Callable
from typing import Protocol, TypeAlias

import numpy as np
from array_api_compat import device

from kernels import Array, array_namespace

from .communicator import Communicator, Trees
from .config import TrainingConfig
from .datasets import Dataset, Rows
from .device import copied, copy_like, device_kind, float_dtype
from .executor import Executor
from .model import (
    Parameters,
    ShardSums,
    add_sums,
    evaluate,
    loss_and_gradients,
    map_arrays,
    to_input,
    widest_float,
)
from .optimizer import Momentum, schedule_factor
from .sharding import (
    Job,
    default_shard_rows,
    evaluation_shard_rows,
    shards,
)

# Rows at most of a batch whose hidden units are divided; of a larger one every thread takes rows.
LARGEST_DIVIDED_BATCH = 500
_SHUFFLE_STREAM = 1  # the generators' purposes; model.py's initial weights are 0


class Passes:
    """Passes over the rows of a data set: each is a set of jobs for the executor."""

    def __init__(
        self,
        dataset: Dataset,
        config: TrainingConfig,
        executor: Executor,
        communicator: Communicator,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self.dataset = dataset
        self.executor = executor
        self.n_train = dataset.train.labels.shape[0]
        self._xp = array_namespace(dataset.train.labels)
        self.communicator = communicator
        self._stop = stop
        self._stop_heard = False
        labels = dataset.train.labels
        self._zero = self._xp.zeros((), dtype=widest_float(labels), device=device(labels))
        self._dtype = float_dtype(dataset.train.labels, config.dtype)
        kind = device_kind(dataset.train.labels)
        self._shard_rows = training_shard_rows(config, self.n_train, kind)
        self._evaluation_rows = evaluation_shard_rows(self._shard_rows, kind)

    def train_job(
        self, parameters: Parameters, order: Array = None, start: int = 0, stop: int | None = None
    ) -> Job[ShardSums]:
        """Sum losses and gradients over training rows, of `order` if one is given."""

        def compute(shard: slice) -> ShardSums:
            x, labels = self.input(self.dataset.train, shard, order)
            return loss_and_gradients(parameters, x, labels)

        stop = self.n_train if stop is None else stop
        return Job(compute, shards(start, stop, self._shard_rows), self._sums_like(parameters))

    def evaluation_job(
        self, parameters: Parameters, rows: Rows, *, as_training: bool = False
    ) -> Job[ShardSums]:
        """Sum losses and correct predictions over all of a split's rows.

        `as_training` cuts them as `train_job` does, so that the sums have the same bits.
        """

        def compute(shard: slice) -> ShardSums:
            return evaluate(parameters, *self.input(rows, shard))

        shard_rows = self._shard_rows if as_training else self._evaluation_rows
        return Job(compute, shards(0, rows.labels.shape[0], shard_rows), self._sums_like(None))

    def held_out_jobs(self, parameters: Parameters) -> dict[str, Job[ShardSums]]:
        """Evaluate the validation and the test rows, where there are any."""
        return {
            name: self.evaluation_job(parameters, rows)
            for name, rows in self.dataset.splits.items()
            if name != "train"
        }

    def sums(self, jobs: dict[str, Job[ShardSums]]) -> dict[str, ShardSums]:
        """Run the jobs over all threads and ranks; what they give is valid until the next call."""
        communicator, queue = self.communicator, list(jobs.values())
        trees = self.executor.fold(queue, add_sums, communicator.rank, communicator.size)
        self.combine(trees)
        return {name: tree.root for name, tree in zip(jobs, trees, strict=True)}

    def combine(self, trees: Trees) -> None:
        """Complete the trees over all ranks, which also hear whether one is to stop."""
        flag = self.communicator.size > 1 and self._stop()
        self._stop_heard = bool(self.communicator.combine(trees, int(flag)))

    def stopping(self) -> bool:
        """Tell whether training is to stop here; ranks go by what all of them heard last."""
        return self._stop() if self.communicator.size == 1 else self._stop_heard

    def _sums_like(self, gradients: Parameters | None) -> ShardSums:
        return ShardSums(self._zero, self._zero, 0, gradients)

    def input(self, rows: Rows, shard: slice, order: Array = None) -> tuple[Array, Array]:
        """Pick a shard's rows, of `order` if one is given, as the network's input and labels."""
        some = rows.take(shard if order is None else order[shard])
        return to_input(some.features, self._dtype, self.dataset.scale), some.labels


# A row's sums by split: train, valid, test. Training's may come batch by batch.
Measured: TypeAlias = dict[str, list[ShardSums]]


class Epochs(Protocol):
    """How an epoch measures its row and advances the weights."""

    def measure(self, parameters: Parameters, *, gradients: bool) -> Measured:
        """Measure the weights; `gradients` tells whether an epoch follows."""
        ...

    def advance(
        self, parameters: Parameters, velocity: Parameters, epoch: int
    ) -> tuple[Parameters, Parameters] | None:
        """Do the steps of epoch `epoch` (from 0).

        Parameters and velocity are donated, unless it gives None because it was stopped between
        two steps: then both are as they were.
        """
        ...


class FullBatch:
    """One step an epoch: the pass that measures the weights also gives their gradients."""

    def __init__(self, passes: Passes, config: TrainingConfig) -> None:
        self._passes = passes
        self._config = config
        self._optimizer = make_optimizer(config)
        self._train_sums: ShardSums

    def measure(self, parameters: Parameters, *, gradients: bool) -> Measured:
        """See `Epochs`."""
        passes = self._passes
        job = (
            passes.train_job(parameters)
            if gradients
            else passes.evaluation_job(parameters, passes.dataset.train, as_training=True)
        )
        sums = passes.sums({"train": job, **passes.held_out_jobs(parameters)})
        self._train_sums = sums["train"]
        return {name: [total] for name, total in sums.items()}

    def advance(
        self, parameters: Parameters, velocity: Parameters, epoch: int
    ) -> tuple[Parameters, Parameters]:
        """See `Epochs`."""
        rate = learning_rate(self._config, epoch, self._config.epochs)
        return self._optimizer.step(
            parameters, velocity, self._train_sums, rate, self._passes.executor
        )


class MiniBatches:
    """Many steps an epoch, over the rows in an order drawn from the seed and the epoch alone."""

    def __init__(self, passes: Passes, config: TrainingConfig, batch_size: int) -> None:
        self._passes = passes
        self._config = config
        self._batch_size = batch_size
        self._optimizer = make_optimizer(config)
        self._seen: list[ShardSums] = []

    def measure(self, parameters: Parameters, *, gradients: bool) -> Measured:
        """See `Epochs`."""
        passes = self._passes
        jobs = passes.held_out_jobs(parameters)
        if not self._seen:
            jobs["train"] = passes.evaluation_job(parameters, passes.dataset.train)
        measured = {name: [total] for name, total in passes.sums(jobs).items()}
        return {"train": self._seen, **measured}

    def advance(
        self, parameters: Parameters, velocity: Parameters, epoch: int
    ) -> tuple[Parameters, Parameters] | None:
        """See `Epochs`."""
        passes = self._passes
        parameters, velocity = map_arrays(copied, parameters), map_arrays(copied, velocity)
        self._seen = []
        order, steps = self._epoch(epoch)
        for rows, rate in steps:
            job = passes.train_job(parameters, order, rows.start, rows.stop)
            sums = passes.sums({"train": job})["train"]
            parameters, velocity = self._optimizer.step(
                parameters, velocity, sums, rate, passes.executor
            )
            self._seen.append(sums._replace(gradients=None))
            if passes.stopping():
                return None
        return parameters, velocity

    def _epoch(self, epoch: int) -> tuple[Array, list[tuple[slice, float]]]:
        """Give an epoch's order of the rows, and every step's part of it and learning rate."""
        n_train = self._passes.n_train
        order = epoch_order(self._config.seed, epoch, n_train)
        batches = shards(0, n_train, self._batch_size)
        done, steps = epoch * len(batches), self._config.epochs * len(batches)
        rates = [learning_rate(self._config, done + step, steps) for step in range(len(batches))]
        return (
            copy_like(order, self._passes.dataset.train.labels),
            list(zip(batches, rates, strict=True)),
        )


def training_shard_rows(config: TrainingConfig, n_train: int, device_kind: str) -> int:
    """Give the rows of a shard in training: as configured, else as the batch and the device ask.

    A mini-batch whose hidden units can be divided instead is one shard; see `mlp.divided_units`.
    """
    if config.shard_rows is None and divides_units(config, device_kind):
        return config.batch_size or n_train
    return config.shard_rows or default_shard_rows(config.batch_size or n_train, device_kind)


def divides_units(config: TrainingConfig, device_kind: str) -> bool:
    """Tell whether not a mini-batch's rows but its hidden units are divided.

    On a CPU, where the batch is one shard and the network has one hidden layer.
    """
    return (
        device_kind == "cpu"
        and config.batch_size is not None
        and config.batch_size <= (config.shard_rows or LARGEST_DIVIDED_BATCH)
        and len(config.hidden) == 1
    )


def epoch_order(seed: int, epoch: int, rows: int) -> np.ndarray:
    """Draw the order of the rows in epoch `epoch` (from 0), on the host whatever the device."""
    return np.random.default_rng([seed, _SHUFFLE_STREAM, epoch]).permutation(rows)


def make_optimizer(config: TrainingConfig) -> Momentum:
    """Give the update rule that the configuration asks for."""
    return Momentum(config.momentum, config.nesterov, config.l2)


def learning_rate(config: TrainingConfig, step: int, steps: int) -> float:
    """Give the rate of step `step` (from 0) of a run of `steps`, as a Python float."""
    return float(config.learning_rate * schedule_factor(config.schedule, step / steps))

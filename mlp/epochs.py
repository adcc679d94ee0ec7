"""Epochs, as generators that yield the weights with what is known of them.

With the full batch, the pass that computes an epoch's gradients also measures the weights it
starts from. With mini-batches the training sums are those of the batches as they were seen. Where
training is to stop within an epoch a generator returns: what it has yielded last still holds.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import NamedTuple, TypeAlias

import numpy as np
from array_api_compat import device, is_numpy_array

from kernels import Array, array_namespace, softmax_cross_entropy

from .config import TrainingConfig
from .datasets import Dataset, Rows
from .device import copy_like, device_kind, float_dtype
from .model import (
    Layer,
    Parameters,
    Sums,
    add_sums,
    backward,
    cut,
    donated_sum,
    evaluate,
    forward,
    join,
    loss_and_gradients,
    to_input,
    to_sums,
    widest_float,
)
from .optimizer import Momentum, schedule_factor
from .sharding import (
    Job,
    Node,
    Tree,
    default_piece_rows,
    evaluation_piece_rows,
    row_pieces,
    unit_pieces,
)
from .team import Team

# Rows at most of a batch whose hidden units are divided; of a larger one every thread takes rows.
LARGEST_DIVIDED_BATCH = 500
_SHUFFLE_STREAM = 1  # the generators' purposes; model.py's initial weights are 0


class Epoch(NamedTuple):
    """The weights after some epochs, and their row of the history.

    Attributes
    ----------
    parameters, velocity : Parameters
    sums : dict of list of Sums
        By split; training's may come batch by batch. With the full batch and an epoch to follow
        they hold the gradients of its step, until the generator goes on.
    """

    parameters: Parameters
    velocity: Parameters
    sums: dict[str, list[Sums]]


# The steps of an epoch: some rows of its order, and a learning rate.
Steps: TypeAlias = Sequence[tuple[slice, float]]


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
        labels = dataset.train.labels
        self.dataset, self.config, self.team, self.keep = dataset, config, team, keep
        self.optimizer = make_optimizer(config)
        self.n_train = labels.shape[0]
        self._dtype = float_dtype(labels, config.dtype)
        xp, kind = array_namespace(labels), device_kind(labels)
        self._zero = xp.zeros((), dtype=widest_float(labels), device=device(labels))
        self._piece_rows = training_piece_rows(config, self.n_train, kind)
        self._evaluation_rows = evaluation_piece_rows(self._piece_rows, kind)

    def input(self, rows: Rows, index: slice | Array) -> tuple[Array, Array]:
        """Take some rows as the network's input, and their labels."""
        features, labels = rows.take(index)
        return to_input(features, self._dtype, self.dataset.scale), labels

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
        return {name: [one] for name, one in zip(jobs, sums, strict=True)}

    def copied(self, parameters: Parameters, velocity: Parameters) -> tuple[Parameters, Parameters]:
        """Copy both, so that they can be updated while what was yielded stays."""
        return self.team.copied(parameters), self.team.copied(velocity)

    def update(
        self, parameters: Parameters, velocity: Parameters, sums: Sums, rate: float
    ) -> tuple[Parameters, Parameters]:
        """Advance along the average gradient, on NumPy over the threads. All are donated."""
        if sums.gradients is None:
            raise ValueError("a step needs gradients; these sums come from `evaluate`")
        factor = rate * (1.0 / sums.rows)

        def change(
            parameters: Parameters, velocity: Parameters, gradients: Parameters
        ) -> tuple[Parameters, Parameters]:
            return self.optimizer.update(parameters, velocity, gradients, rate, factor)

        if not is_numpy_array(parameters[0].weight):
            return change(parameters, velocity, sums.gradients)
        self.team.in_parts(change, parameters, velocity, sums.gradients)
        return parameters, velocity

    def steps(self, epoch: int) -> tuple[Array, Steps]:
        """Return an epoch's order of the rows, and its steps."""
        order = epoch_order(self.config.seed, epoch, self.n_train)
        batches = row_pieces(0, self.n_train, self.config.batch_size or self.n_train)
        done, steps = epoch * len(batches), self.config.epochs * len(batches)
        rates = [learning_rate(self.config, done + step, steps) for step in range(len(batches))]
        return copy_like(order, self.dataset.train.labels), list(zip(batches, rates, strict=True))


def make_epochs(
    work: Work, parameters: Parameters, velocity: Parameters, start: int = 0
) -> Iterator[Epoch]:
    """Return the generator that the configuration asks for; see `full_batch`."""
    config = work.config
    if config.batch_size is None:
        return full_batch(work, parameters, velocity, start)
    divided = divides_units(config, device_kind(work.dataset.train.labels))
    return mini_batches(work, parameters, velocity, start, by_units if divided else by_rows)


def full_batch(
    work: Work, parameters: Parameters, velocity: Parameters, start: int
) -> Iterator[Epoch]:
    """Train with one step an epoch, from the weights after `start` epochs on."""
    last = work.config.epochs
    for epoch in range(start, last):
        sums = work.measure(parameters, work.training_job(parameters))
        yield Epoch(parameters, velocity, sums)
        with work.team:
            if work.keep:
                parameters, velocity = work.copied(parameters, velocity)
            rate = learning_rate(work.config, epoch, last)
            parameters, velocity = work.update(parameters, velocity, sums["train"][0], rate)
    job = work.evaluation_job(parameters, work.dataset.train, as_training=True)
    yield Epoch(parameters, velocity, work.measure(parameters, job))


# Takes weights, velocity, an order of the rows and steps; leaves the weights as they are. Returns
# new weights and velocity and what every step has seen, or None where training is to stop.
OneEpoch: TypeAlias = Callable[
    [Work, Parameters, Parameters, Array, Steps],
    tuple[Parameters, Parameters, list[Sums]] | None,
]


def mini_batches(
    work: Work, parameters: Parameters, velocity: Parameters, start: int, one_epoch: OneEpoch
) -> Iterator[Epoch]:
    """Train with many steps an epoch, over the rows in an order of the seed and the epoch alone."""
    seen: list[Sums] = []
    for epoch in count(start):
        job = None if seen else work.evaluation_job(parameters, work.dataset.train)
        sums = work.measure(parameters, job)
        yield Epoch(parameters, velocity, {"train": seen, **sums})
        if epoch >= work.config.epochs:
            return
        with work.team:
            advanced = one_epoch(work, parameters, velocity, *work.steps(epoch))
        if advanced is None:
            return
        parameters, velocity, seen = advanced


def by_rows(
    work: Work, parameters: Parameters, velocity: Parameters, order: Array, steps: Steps
) -> tuple[Parameters, Parameters, list[Sums]] | None:
    """Do an epoch's steps; the team divides each batch by rows."""
    parameters, velocity = work.copied(parameters, velocity)
    seen: list[Sums] = []
    for batch, rate in steps:
        job = work.training_job(parameters, order, batch)
        (sums,) = work.team.fold([job], add_sums)
        parameters, velocity = work.update(parameters, velocity, sums, rate)
        if work.team.stopping:
            return None
        seen.append(sums._replace(gradients=None))
    return parameters, velocity, seen


def by_units(
    work: Work, parameters: Parameters, velocity: Parameters, order: Array, steps: Steps
) -> tuple[Parameters, Parameters, list[Sums]] | None:
    """Do an epoch's steps; the team divides the hidden units, of which there is one layer.

    The network is the sum of narrower ones, each with some of the hidden units:

        logits = bias + sum over s of relu(x @ W_0[:, s] + b_0[s]) @ W_1[s, :]

    So every member trains narrower networks of its own, all of a batch's rows through each, and
    all that it needs from the others is the sum of the logits: one meeting a step. Pieces of rows
    would give every thread gradients of all weights, to be written, added up and waited for.

    Which units a narrower network has, and the order in which logits are added, depend on the
    width of the hidden layer alone.
    """
    team, train = work.team, work.dataset.train
    units = unit_pieces(work.config.hidden[0])
    pairs = list(zip(cut(parameters, units), cut(velocity, units), strict=True))
    seen: list[Sums] = []
    claimed: dict[int, Sequence[int]] = {}  # steps whose batch a member takes in advance
    # The batch of the last even step and of the last odd one, which a slow member may still need
    # when the first has come to the next meeting.
    batches = {0: work.input(train, order[steps[0][0]])}
    tree = _logits_tree(parameters, units, steps[0][0])

    def finish(logits: Array) -> Array:
        """Find the loss; return the logits' gradients for the mean, times the learning rate."""
        nonlocal tree
        step = len(seen)
        losses, dlogits, correct = softmax_cross_entropy(logits, batches[step % 2][1])
        batch, rate = steps[step]
        dlogits *= rate / (batch.stop - batch.start)
        if step + 1 < len(steps):
            tree = _logits_tree(parameters, units, steps[step + 1][0])
        if not team.stopping:
            seen.append(to_sums(losses, correct, None))
        return dlogits

    def member(mine: Sequence[int]) -> None:
        for step, (_, rate) in enumerate(steps):
            x, _ = batches[step % 2]
            coming, entered = tree, {}
            for piece in mine:
                logits, entered[piece] = forward(pairs[piece][0], x)
                coming.put(Node(0, piece), logits)
            # The first to come has time for the next batch, while the others still compute.
            if step + 1 < len(steps) and claimed.setdefault(step + 1, mine) is mine:
                batches[(step + 1) % 2] = work.input(train, order[steps[step + 1][0]])
            dlogits = team.meet(coming, finish)
            if team.stopping:
                return
            for piece in mine:
                network, nu = pairs[piece]
                gradients = backward(network, entered[piece], dlogits)
                if piece > 0:
                    gradients = _without_output_bias(gradients)
                pairs[piece] = work.optimizer.update(network, nu, gradients, rate, 1.0)

    team.together(member, team.own(len(units)))
    if len(seen) < len(steps):
        return None
    team.exchange(pairs)
    networks, velocities = zip(*pairs, strict=True)
    return join(networks), join(velocities), seen


def _logits_tree(parameters: Parameters, units: Sequence[slice], batch: slice) -> Tree[Array]:
    """Make room for the sum of the logits that narrower networks give for a batch."""
    bias = parameters[-1].bias
    shape = batch.stop - batch.start, bias.shape[0]
    like = array_namespace(bias).empty(shape, dtype=bias.dtype, device=device(bias))
    return Tree(len(units), donated_sum, like)


def _without_output_bias(gradients: Parameters) -> Parameters:
    """Let an output bias stay at the zeros that it is."""
    hidden, (weight, bias) = gradients
    return hidden, Layer(weight, array_namespace(bias).zeros_like(bias))


def training_piece_rows(config: TrainingConfig, n_train: int, device_kind: str) -> int:
    """Return the rows of a piece in training: as configured, else as the batch and device ask.

    A mini-batch whose hidden units can be divided instead is one piece; see `by_units`.
    """
    if config.shard_rows is None and divides_units(config, device_kind):
        return config.batch_size or n_train
    return config.shard_rows or default_piece_rows(config.batch_size or n_train, device_kind)


def divides_units(config: TrainingConfig, device_kind: str) -> bool:
    """Return whether not a mini-batch's rows but its hidden units are divided.

    On a CPU, where the batch is one piece and the network has one hidden layer.
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
    """Return the update rule that the configuration asks for."""
    return Momentum(config.momentum, config.nesterov, config.l2)


def learning_rate(config: TrainingConfig, step: int, steps: int) -> float:
    """Return the rate of step `step` (from 0) of a run of `steps`, as a Python float."""
    return float(config.learning_rate * schedule_factor(config.schedule, step / steps))

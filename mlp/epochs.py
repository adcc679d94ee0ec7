"""Epochs, as generators that yield the weights with what is known of them.

With the full batch, the pass that computes an epoch's gradients also measures the weights it
starts from. With mini-batches the training sums are those of the batches as they were seen. Where
training is to stop within an epoch a generator returns: what it has yielded last still holds.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeAlias

from kernels import Array

from . import model
from .model import Parameters, Sums
from .units import by_units
from .work import Steps, Work, learning_rate, step_kind


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


def make_epochs(
    work: Work, parameters: Parameters, velocity: Parameters, start: int = 0
) -> Iterator[Epoch]:
    """Return the generator that the configuration asks for; see `full_batch`."""
    step = step_kind(work.config, work.dataset)
    if step == "full batch":
        return full_batch(work, parameters, velocity, start)
    one_epoch = {"by rows": by_rows, "by units": by_units, "fused": fused}[step]
    return mini_batches(work, parameters, velocity, start, one_epoch)


def full_batch(
    work: Work, parameters: Parameters, velocity: Parameters, start: int
) -> Iterator[Epoch]:
    """Train with one step an epoch, from the weights after `start` epochs on."""
    last = work.config.epochs

    def measured(epoch: int) -> dict[str, list[Sums]]:
        if epoch < last:
            return work.measure(parameters, work.training_job(parameters))
        rows = work.dataset.train
        return work.measure(parameters, work.evaluation_job(parameters, rows, as_training=True))

    sums = measured(start)
    for epoch in range(start, last):
        yield Epoch(parameters, velocity, sums)
        with work.team:
            if work.keep:
                parameters, velocity = work.copies(parameters, velocity)
            rate = learning_rate(work.config, epoch, last)
            parameters, velocity = work.update(parameters, velocity, sums["train"][0], rate)
            sums = measured(epoch + 1)
    yield Epoch(parameters, velocity, sums)


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
    train = work.evaluation_job(parameters, work.dataset.train)
    sums = work.measure(parameters, train)
    for epoch in range(start, work.config.epochs):
        # To read the sums is to wait for the device, so what the host can do comes first.
        coming = work.steps(epoch)
        yield Epoch(parameters, velocity, sums)
        with work.team:
            advanced = one_epoch(work, parameters, velocity, *coming)
            if advanced is None:
                return
            parameters, velocity, seen = advanced
            sums = {"train": seen, **work.measure(parameters, None)}
    yield Epoch(parameters, velocity, sums)


def by_rows(
    work: Work, parameters: Parameters, velocity: Parameters, order: Array, steps: Steps
) -> tuple[Parameters, Parameters, list[Sums]] | None:
    """Do an epoch's steps; the team divides each batch by rows."""
    parameters, velocity = work.copies(parameters, velocity)
    seen: list[Sums] = []
    for batch, rate, weight in steps:
        job = work.training_job(parameters, order, batch)
        (sums,) = work.team.fold([job], model.add_sums)
        if weight is not None:
            sums = sums._replace(weight=weight)
        parameters, velocity = work.update(parameters, velocity, sums, rate)
        if work.team.stopping:
            return None
        seen.append(sums._replace(gradients=None))
    return parameters, velocity, seen


def fused(
    work: Work, parameters: Parameters, velocity: Parameters, order: Array, steps: Steps
) -> tuple[Parameters, Parameters, list[Sums]] | None:
    """Do an epoch's steps, each in a few launches; see `kernels.minibatch_steps`.

    Every rank does all of every step: a batch is one piece, and its sums have the same bits on
    any of them.
    """
    parameters, velocity = work.copies(parameters, velocity)
    for stepped in work.fused_steps(parameters, velocity, order, steps):
        if work.team.agree():
            return None
        _, _, losses, correct = stepped
    # In place: the arrays that a step returns are those that it was given.
    return parameters, velocity, [model.to_sums(losses, correct, None)]

"""Epochs, as generators that yield the weights with what is known of them.

With the full batch, the pass that computes an epoch's gradients also measures the weights it
starts from. With mini-batches the training sums are those of the batches as they were seen. Where
training is to stop within an epoch a generator returns: what it has yielded last still holds.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import NamedTuple, TypeAlias

from array_api_compat import device

from kernels import Array, array_namespace

from . import model
from .model import Layer, Parameters, Sums
from .sharding import Node, Tree, unit_pieces
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
    for epoch in range(start, last):
        sums = work.measure(parameters, work.training_job(parameters))
        yield Epoch(parameters, velocity, sums)
        with work.team:
            if work.keep:
                parameters, velocity = work.copies(parameters, velocity)
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
        # To read the sums is to wait for the device, so what the host can do comes first.
        coming = work.steps(epoch) if epoch < work.config.epochs else None
        yield Epoch(parameters, velocity, {"train": seen, **sums})
        if coming is None:
            return
        with work.team:
            advanced = one_epoch(work, parameters, velocity, *coming)
        if advanced is None:
            return
        parameters, velocity, seen = advanced


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
    pairs = list(zip(model.cut(parameters, units), model.cut(velocity, units), strict=True))
    seen: list[Sums] = []
    claimed: dict[int, Sequence[int]] = {}  # steps whose batch a member takes in advance
    # The batch of the last even step and of the last odd one, which a slow member may still need
    # when the first has come to the next meeting.
    batches = {0: work.input(train, order[steps[0].batch])}
    tree = _logits_tree(parameters, units, steps[0].batch)

    def finish(logits: Array) -> Array:
        """Find the loss; return the logits' gradients for the mean, times the learning rate."""
        nonlocal tree
        step = len(seen)
        losses, dlogits, correct = model.cross_entropy(logits, *batches[step % 2][1:])
        _, rate, weight = steps[step]
        sums = model.to_sums(losses, correct, None, weight)
        if weight != 0:
            dlogits *= rate / sums.divisor
        if step + 1 < len(steps):
            tree = _logits_tree(parameters, units, steps[step + 1].batch)
        if not team.stopping:
            seen.append(sums)
        return dlogits

    def member(mine: Sequence[int]) -> None:
        for step, (_, rate, weight) in enumerate(steps):
            x = batches[step % 2][0]
            coming, entered = tree, {}
            for piece in mine:
                logits, entered[piece] = model.forward(pairs[piece][0], x)
                coming.put(Node(0, piece), logits)
            # The first to come has time for the next batch, while the others still compute.
            if step + 1 < len(steps) and claimed.setdefault(step + 1, mine) is mine:
                batches[(step + 1) % 2] = work.input(train, order[steps[step + 1].batch])
            dlogits = team.meet(coming, finish)
            if team.stopping:
                return
            if weight == 0:  # no row of the batch counts
                continue
            for piece in mine:
                network, nu = pairs[piece]
                gradients = model.backward(network, entered[piece], dlogits)
                if piece > 0:
                    gradients = _without_output_bias(gradients)
                pairs[piece] = work.optimizer.update(network, nu, gradients, rate, 1.0)

    team.together(member, team.own(len(units)))
    if len(seen) < len(steps):
        return None
    team.exchange(pairs)
    networks, velocities = zip(*pairs, strict=True)
    return model.join(networks), model.join(velocities), seen


def _logits_tree(parameters: Parameters, units: Sequence[slice], batch: slice) -> Tree[Array]:
    """Make room for the sum of the logits that narrower networks give for a batch."""
    bias = parameters[-1].bias
    shape = batch.stop - batch.start, bias.shape[0]
    like = array_namespace(bias).empty(shape, dtype=bias.dtype, device=device(bias))
    return Tree(len(units), model.donated_sum, like)


def _without_output_bias(gradients: Parameters) -> Parameters:
    """Let an output bias stay at the zeros that it is."""
    hidden, (weight, bias) = gradients
    return hidden, Layer(weight, array_namespace(bias).zeros_like(bias))

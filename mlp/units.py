"""Mini-batches of a network whose first hidden layer's units are divided among the team.

Its first two products are sums over those units:

    z = sum over s of relu(x @ W_0[:, s] + b_0[s]) @ W_1[s, :]

So every member trains narrow networks of its own, all of a batch's rows through each, and all that
it needs from the others is the sum z: one meeting a step. What follows z is small and is done where
the sum is: with one hidden layer the loss, with more of them the upper layers. Pieces of rows
would give every thread gradients of all weights, to be written, added up and waited for.

Which units a piece has, and the order in which their z are added, depend on the width of the hidden
layer alone. Where BLAS gives them the same bits side by side, which is tried, a member's pieces are
one network; else a product each.
"""

import math
from collections.abc import Sequence

from array_api_compat import device

from kernels import Array, array_namespace

from . import model
from .device import copied
from .model import Layer, Parameters, Sums
from .narrow import Narrow, runs_of
from .optimizer import Momentum
from .sharding import Node, Tree, unit_pieces
from .work import Steps, Work


def by_units(
    work: Work, parameters: Parameters, velocity: Parameters, order: Array, steps: Steps
) -> tuple[Parameters, Parameters, list[Sums]] | None:
    """Do an epoch's steps; the team divides the first hidden layer's units."""
    team, train, rule = work.team, work.dataset.train, work.optimizer
    units = unit_pieces(work.config.hidden[0])
    lower, lower_nu = _lower(parameters), _lower(velocity)
    upper, upper_nu = _upper(parameters), _upper(velocity)
    trained: list[tuple[Narrow, Narrow]] = [(lower, lower_nu)] * len(units)
    seen: list[tuple[Array, Array]] = []
    claimed: dict[int, Sequence[int]] = {}  # steps whose batch a member takes in advance
    # The batch of the last even step and of the last odd one, which a slow member may still need
    # when the first has come to the next meeting.
    batches = {0: work.input(train, order[steps[0].batch])}
    tree = _tree(upper, units, steps[0].batch)

    def finish(z: Array) -> Array:
        """Find the loss, step in the upper layers; return the derivatives by z for the others."""
        nonlocal tree, upper, upper_nu
        step = len(seen)
        batch, rate, weight = steps[step]
        logits, entered = model.onward(upper, z, [z])
        losses, dlogits, correct = model.cross_entropy(logits, *batches[step % 2][1:])
        dz = dlogits
        if weight != 0:
            dlogits *= rate / (batch.stop - batch.start if weight is None else weight)
            upper, upper_nu, dz = _step_above(rule, upper, upper_nu, entered, dlogits, rate)
        if step + 1 < len(steps):
            tree = _tree(upper, units, steps[step + 1].batch)
        if not team.stopping:
            seen.append((losses, correct))
        return dz

    def member(mine: Sequence[int]) -> None:
        runs = runs_of(
            lower, lower_nu, units, mine, rule, {one.batch.stop - one.batch.start for one in steps}
        )
        for step, (_, rate, weight) in enumerate(steps):
            x = batches[step % 2][0]
            coming, rectified = tree, []
            for run in runs:
                h, parts = run.forward(x)
                rectified.append(h)
                for piece, z in parts.items():
                    coming.put(Node(0, piece), z)
            # The first to come has time for the next batch, while the others still compute.
            if step + 1 < len(steps) and claimed.setdefault(step + 1, mine) is mine:
                batches[(step + 1) % 2] = work.input(train, order[steps[step + 1].batch])
            dz = team.meet(coming, finish)
            if team.stopping:
                return
            if weight == 0:  # no row of the batch counts
                continue
            runs = [run.step(rule, x, h, dz, rate) for run, h in zip(runs, rectified, strict=True)]
        for run in runs:
            for piece, some in run.pieces.items():
                trained[piece] = run.network.cut(some), run.velocity.cut(some)

    team.together(member, team.own(len(units)))
    if len(seen) < len(steps):
        return None
    team.exchange(trained)
    networks, velocities = zip(*trained, strict=True)
    losses, correct = map(array_namespace(order).concat, zip(*seen, strict=True))
    weights = [step.weight for step in steps if step.weight is not None]
    sums = model.to_sums(losses, correct, None, math.fsum(weights) if weights else None)
    return _joined(networks, upper), _joined(velocities, upper_nu), [sums]


def _lower(parameters: Parameters) -> Narrow:
    (weight, bias), (out, _), *_ = parameters
    return Narrow(weight, bias, out)


def _upper(parameters: Parameters) -> Parameters:
    """Copy what is above z; of the layer that z is made by only the bias is."""
    first, *others = parameters[1:]
    return (first._replace(bias=copied(first.bias)), *model.map_arrays(copied, tuple(others)))


def _joined(narrow: Sequence[Narrow], upper: Parameters) -> Parameters:
    xp = array_namespace(upper[0].bias)
    weights, biases, outs = zip(*narrow, strict=True)
    first = Layer(xp.concat(weights, axis=1), xp.concat(biases))
    return (first, Layer(xp.concat(outs), upper[0].bias), *upper[1:])


def _step_above(
    rule: Momentum,
    upper: Parameters,
    velocity: Parameters,
    entered: list[Array],
    dlogits: Array,
    learning_rate: float,
) -> tuple[Parameters, Parameters, Array]:
    """Advance what is above z; return it, its velocity, and the derivatives by z."""
    layers, nus = list(upper), list(velocity)
    for index, dz, db in model.backpropagate(upper, entered, dlogits):
        if index > 0:
            layers[index], nus[index] = rule.step_layer(
                layers[index], nus[index], entered[index], dz, db, learning_rate
            )
    bias, nu = rule.step_bias(layers[0].bias, nus[0].bias, db)
    layers[0], nus[0] = layers[0]._replace(bias=bias), nus[0]._replace(bias=nu)
    return tuple(layers), tuple(nus), dz


def _tree(upper: Parameters, units: Sequence[slice], batch: slice) -> Tree[Array]:
    """Make room for the sum z of a batch."""
    bias = upper[0].bias
    shape = batch.stop - batch.start, bias.shape[0]
    like = array_namespace(bias).empty(shape, dtype=bias.dtype, device=device(bias))
    return Tree(len(units), model.donated_sum, like)

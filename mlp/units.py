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
from collections.abc import Mapping, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from array_api_compat import device, is_numpy_array

from kernels import Array, array_namespace, bias_relu, relu_backward

from . import model
from .device import copied
from .model import Layer, Parameters, Sums
from .optimizer import Momentum
from .sharding import Node, Tree, unit_pieces
from .work import Steps, Work

# Rows at least of a batch whose pieces may lie side by side, and of all that is tried before.
_LEAST_ROWS, _TRIED_ROWS = 8, 256
# Units. Rows of a weight that are a multiple of so many wide share few sets of a cache, and a
# product takes up to a third longer; a few dead units beside them prevent it.
_ALIGNED, _DEAD = 512, 8


class Narrow(NamedTuple):
    """Some units of the first hidden layer: what goes into them and what comes out; or velocities.

    Attributes
    ----------
    weight : (D, H)
    bias : (H,)
    out : (H, M)
        Rows of the second layer's weight.
    """

    weight: Array
    bias: Array
    out: Array

    def cut(self, units: slice) -> "Narrow":
        """Return views of some of the units."""
        return Narrow(self.weight[:, units], self.bias[units], self.out[units, :])

    def copy(self) -> "Narrow":
        """Copy all units; beside a multiple of 512 come dead ones, whose numbers are and stay 0."""
        xp, width = array_namespace(self.bias), self.bias.shape[0]
        if width % _ALIGNED:
            return Narrow(*map(copied, self))

        def widened(array: Array, axis: int) -> Array:
            shape = (*array.shape[:axis], _DEAD, *array.shape[axis + 1 :])
            dead = xp.zeros(shape, dtype=array.dtype, device=device(array))
            return xp.concat([array, dead], axis=axis)

        return Narrow(*map(widened, self, (1, 0, 0)))


class Run(NamedTuple):
    """Pieces that are computed as one.

    Attributes
    ----------
    pieces : mapping of int to slice
        By number, which of the run's units they are.
    network, velocity : Narrow
    """

    pieces: Mapping[int, slice]
    network: Narrow
    velocity: Narrow

    def forward(self, x: Array) -> tuple[Array, dict[int, Array]]:
        """Return the units' outputs (N, H), and what every piece adds to z (N, M)."""
        weight, bias, out = self.network
        h = bias_relu(x @ weight, bias)
        return h, {piece: h[:, some] @ out[some, :] for piece, some in self.pieces.items()}

    def step(self, rule: Momentum, x: Array, h: Array, dz: Array, learning_rate: float) -> "Run":
        """Advance along the derivatives (N, M) of the loss by z, times the learning rate."""
        (weight, bias, out), (nu_weight, nu_bias, nu_out) = self.network, self.velocity
        dh = dz @ out.T
        out, nu_out = rule.step_weight(out, nu_out, h, dz, learning_rate)
        dz, db = relu_backward(dh, h)
        weight, nu_weight = rule.step_weight(weight, nu_weight, x, dz, learning_rate)
        bias, nu_bias = rule.step_bias(bias, nu_bias, db)
        return Run(self.pieces, Narrow(weight, bias, out), Narrow(nu_weight, nu_bias, nu_out))


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
        runs = _runs(
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


def _runs(
    lower: Narrow,
    velocity: Narrow,
    units: Sequence[slice],
    mine: Sequence[int],
    rule: Momentum,
    rows: set[int],
) -> list[Run]:
    """Copy a member's pieces: side by side where that gives the same bits for so many rows."""
    groups = [[piece] for piece in mine]
    if len(mine) > 1 and is_numpy_array(lower.weight):
        widths = tuple(units[piece].stop - units[piece].start for piece in mine)
        n_in, n_out, dtype = lower.weight.shape[0], lower.out.shape[1], lower.weight.dtype.name
        if all(_alike(widths, size, n_in, n_out, dtype, rule) for size in rows):
            groups = [list(mine)]

    def run(group: list[int]) -> Run:
        first = units[group[0]].start
        pieces = {k: slice(units[k].start - first, units[k].stop - first) for k in group}
        whole = slice(first, units[group[-1]].stop)
        return Run(pieces, *(one.cut(whole).copy() for one in (lower, velocity)))

    return list(map(run, groups))


@cache
def _alike(
    widths: tuple[int, ...], rows: int, n_in: int, n_out: int, dtype: str, rule: Momentum
) -> bool:
    """Try whether BLAS gives pieces the same bits side by side as one by one.

    It does where a column of a product does not depend on its place: OpenBLAS' kernels for AVX-512
    are so, those for AVX2 in float64 only. Where products are small it has kernels of their own,
    and few numbers may agree by chance: such pieces stay apart untried.
    """
    if n_in < 16 or rows < _LEAST_ROWS:
        return False
    rng = np.random.default_rng(0)

    def draw(*shape: int) -> Array:
        return rng.standard_normal(shape).astype(dtype)

    width, stops = sum(widths), np.cumsum(widths).tolist()
    pieces = dict(enumerate(map(slice, [0, *stops], stops)))
    shapes = ((n_in, width), (width,), (width, n_out))
    both = [Narrow(*(draw(*shape) for shape in shapes)) for _ in range(2)]
    alone = {
        piece: Run({piece: slice(0, widths[piece])}, *(one.cut(some).copy() for one in both))
        for piece, some in pieces.items()
    }
    beside = Run(pieces, *(one.copy() for one in both))
    for _ in range(-(-_TRIED_ROWS // rows)):
        x, dz = draw(rows, n_in), draw(rows, n_out)

        def trial(run: Run, x: Array = x, dz: Array = dz) -> tuple[dict[int, Array], Run]:
            h, terms = run.forward(x)
            return terms, run.step(rule, x, h, dz, 1.0)

        terms, beside = trial(beside)
        for piece, some in pieces.items():
            own_terms, alone[piece] = trial(alone[piece])
            found = [own_terms[piece], *alone[piece].network, *alone[piece].velocity]
            expected = [terms[piece], *beside.network.cut(some), *beside.velocity.cut(some)]
            if not all(map(np.array_equal, found, expected)):
                return False
    return True


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

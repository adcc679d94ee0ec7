"""Some of a first hidden layer's units: a narrow network, and pieces of it computed as one.

A thread's pieces lie side by side where BLAS gives them the same bits there as apart, which is
tried; else each is a product of its own.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from array_api_compat import device, is_numpy_array

from kernels import Array, array_namespace, bias_relu, relu_backward

from .device import copied
from .optimizer import Momentum

# Rows at least of a batch whose pieces may lie side by side, and of all that is tried before.
_LEAST_ROWS, _TRIED_ROWS = 8, 256
# Units. Rows of a weight that are a multiple of so many wide share few sets of a cache, and on one
# thread a product of few rows takes up to a third longer; a few dead units beside them prevent it.
_ALIGNED, _DEAD = 512, 8
_FEW_ROWS = 128


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

    def copy(self, dead: int = 0) -> "Narrow":
        """Copy all units; beside them come some dead ones, whose numbers are and stay 0."""
        if not dead:
            return Narrow(*map(copied, self))
        xp = array_namespace(self.bias)

        def widened(array: Array, axis: int) -> Array:
            shape = (*array.shape[:axis], dead, *array.shape[axis + 1 :])
            zeros = xp.zeros(shape, dtype=array.dtype, device=device(array))
            return xp.concat([array, zeros], axis=axis)

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


def runs_of(
    lower: Narrow,
    velocity: Narrow,
    units: Sequence[slice],
    mine: Sequence[int],
    rule: Momentum,
    rows: set[int],
) -> list[Run]:
    """Copy a member's pieces: side by side where that gives the same bits for so many rows."""
    groups, dead = [[piece] for piece in mine], 0
    if len(mine) > 1 and is_numpy_array(lower.weight):
        widths = tuple(units[piece].stop - units[piece].start for piece in mine)
        few = sum(widths) % _ALIGNED == 0 and max(rows) <= _FEW_ROWS
        n_in, n_out, dtype = lower.weight.shape[0], lower.out.shape[1], lower.weight.dtype.name
        shape = n_in, n_out, dtype, _DEAD if few else 0
        if all(_alike(widths, size, *shape, rule) for size in rows):
            groups, dead = [list(mine)], shape[-1]

    def run(group: list[int]) -> Run:
        first = units[group[0]].start
        pieces = {k: slice(units[k].start - first, units[k].stop - first) for k in group}
        whole = slice(first, units[group[-1]].stop)
        return Run(pieces, *(one.cut(whole).copy(dead) for one in (lower, velocity)))

    return list(map(run, groups))


@cache
def _alike(
    widths: tuple[int, ...],
    rows: int,
    n_in: int,
    n_out: int,
    dtype: str,
    dead: int,
    rule: Momentum,
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
    beside = Run(pieces, *(one.copy(dead) for one in both))
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

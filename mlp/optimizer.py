"""Gradient descent with momentum: nu <- gamma*nu + alpha*dL/dW, W <- W - nu."""

import math
from dataclasses import dataclass

from array_api_compat import array_namespace, is_numpy_namespace

from kernels import Array, momentum_update
from mlp.model import Layer, Parameters, ShardSums
from mlp.sharding import Executor

# Elements a block at most: its three arrays stay in the last cache. Much smaller ones cost more
# than they save: threads wait for the interpreter's lock between any two operations of NumPy.
_BLOCK = 524_288


@dataclass(frozen=True)
class Momentum:
    """The update rule of the task.

    Parameters
    ----------
    momentum : float
        gamma, in [0, 1).
    nesterov : bool
        Look ahead along the new velocity (Sutskever et al., 2013).
    l2 : float
        Coefficient of half the squared norm of the weights, not of the biases.
    """

    momentum: float = 0.9
    nesterov: bool = False
    l2: float = 0.0

    def init_velocity(self, parameters: Parameters, value: float) -> Parameters:
        """Give every parameter a velocity of `value` (the task starts at 1e-5)."""
        xp = array_namespace(parameters[0].weight)
        return tuple(
            Layer(xp.full_like(layer.weight, value), xp.full_like(layer.bias, value))
            for layer in parameters
        )

    def step(
        self,
        parameters: Parameters,
        velocity: Parameters,
        sums: ShardSums,
        learning_rate: float,
        executor: Executor,
    ) -> tuple[Parameters, Parameters]:
        """Advance all parameters along the average gradient. All array arguments are donated.

        Returns
        -------
        parameters, velocity
        """
        if sums.gradients is None:
            raise ValueError("a step needs gradients; these sums come from `evaluate`")
        scale = 1.0 / sums.rows

        def update(arrays: tuple[Array, Array, Array], l2: float) -> tuple[Array, Array]:
            return momentum_update(
                *arrays,
                learning_rate,
                self.momentum,
                gradient_scale=scale,
                l2=l2,
                nesterov=self.nesterov,
            )

        work = [
            (arrays, l2)
            for layers in zip(parameters, velocity, sums.gradients, strict=True)
            for arrays, l2 in (
                (tuple(layer.weight for layer in layers), self.l2),
                (tuple(layer.bias for layer in layers), 0.0),
            )
        ]
        if is_numpy_namespace(array_namespace(parameters[0].weight)):
            blocks = [
                (block, l2) for arrays, l2 in work for block in _blocks(arrays, executor.threads)
            ]
            executor.for_each(lambda item: update(*item), blocks)
            return parameters, velocity
        updated = [update(arrays, l2) for arrays, l2 in work]
        pairs = list(zip(updated[::2], updated[1::2], strict=True))
        return (
            tuple(Layer(weight[0], bias[0]) for weight, bias in pairs),
            tuple(Layer(weight[1], bias[1]) for weight, bias in pairs),
        )


def _blocks(arrays: tuple[Array, ...], threads: int) -> list[tuple[Array, ...]]:
    """Cut arrays of one shape into flat views for the threads; NumPy updates them in place."""
    flat = [array.reshape(-1) for array in arrays]
    size = flat[0].shape[0]
    block = min(-(-size // threads), _BLOCK)
    return [
        tuple(array[start : start + block] for array in flat) for start in range(0, size, block)
    ]


SCHEDULES = ("constant", "cosine", "one-cycle")


def schedule_factor(schedule: str, progress: float) -> float:
    """Give what the learning rate is multiplied by, in (0, 1].

    Parameters
    ----------
    schedule : {"constant", "cosine", "one-cycle"}
        ``cosine`` falls from 1 towards 0 along half a cosine (Loshchilov and Hutter, 2017, without
        restarts). ``one-cycle`` rises from 1/25 to 1 over the first 30 % of the run and falls to
        1/10,000 of its start, both along half a cosine (Smith and Topin, 2018).
    progress : float
        Share of the run's steps that are done, in [0, 1).
    """
    if schedule == "constant":
        return 1.0
    if schedule == "cosine":
        return _half_cosine(1.0, 0.0, progress)
    rise = 0.3
    if progress < rise:
        return _half_cosine(1 / 25, 1.0, progress / rise)
    return _half_cosine(1.0, 1 / 250_000, (progress - rise) / (1 - rise))


def _half_cosine(start: float, end: float, progress: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * progress)) / 2

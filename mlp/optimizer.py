"""Gradient descent with momentum: nu <- gamma*nu + alpha*dL/dW, W <- W - nu."""

import math
from dataclasses import dataclass

from array_api_compat import is_numpy_array

from kernels import Array, array_namespace, momentum_update

from .executor import Executor
from .model import Layer, Parameters, ShardSums, map_arrays

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
        """Return a velocity of `value` for every parameter (the task starts at 1e-5)."""
        xp = array_namespace(parameters[0].weight)
        return map_arrays(lambda array: xp.full_like(array, value), parameters)

    def step(
        self,
        parameters: Parameters,
        velocity: Parameters,
        sums: ShardSums,
        learning_rate: float,
        executor: Executor,
    ) -> tuple[Parameters, Parameters]:
        """Advance all parameters along the average gradient, on NumPy over the threads.

        All array arguments are donated.

        Returns
        -------
        parameters, velocity
        """
        if sums.gradients is None:
            raise ValueError("a step needs gradients; these sums come from `evaluate`")
        scale = 1.0 / sums.rows
        if not is_numpy_array(parameters[0].weight):
            return self._update(parameters, velocity, sums.gradients, learning_rate, scale, self.l2)
        blocks = [
            (block, l2)
            for layer in zip(parameters, velocity, sums.gradients, strict=True)
            for arrays, l2 in zip(zip(*layer, strict=True), (self.l2, 0.0), strict=True)
            for block in _blocks(arrays, executor.threads)
        ]
        executor.for_each(lambda item: self._apply(item[0], learning_rate, scale, item[1]), blocks)
        return parameters, velocity

    def step_scaled(
        self,
        parameters: Parameters,
        velocity: Parameters,
        scaled_gradients: Parameters,
        learning_rate: float,
    ) -> tuple[Parameters, Parameters]:
        """Do the same in the calling thread, given the average gradient times the learning rate.

        Who multiplies the logits' gradients by both factors spares every parameter's a pass.
        """
        l2 = learning_rate * self.l2
        return self._update(parameters, velocity, scaled_gradients, 1.0, 1.0, l2)

    def _update(
        self,
        parameters: Parameters,
        velocity: Parameters,
        gradients: Parameters,
        learning_rate: float,
        scale: float,
        l2: float,
    ) -> tuple[Parameters, Parameters]:
        """Update array by array; `l2` spares the biases."""
        new_parameters, new_velocity = [], []
        for layer, nu, gradient in zip(parameters, velocity, gradients, strict=True):
            weights = layer.weight, nu.weight, gradient.weight
            weight, nu_weight = self._apply(weights, learning_rate, scale, l2)
            biases = layer.bias, nu.bias, gradient.bias
            bias, nu_bias = self._apply(biases, learning_rate, scale, 0.0)
            new_parameters.append(Layer(weight, bias))
            new_velocity.append(Layer(nu_weight, nu_bias))
        return tuple(new_parameters), tuple(new_velocity)

    def _apply(
        self, arrays: tuple[Array, ...], learning_rate: float, scale: float, l2: float
    ) -> tuple[Array, Array]:
        parameter, velocity, gradient = arrays
        return momentum_update(
            parameter,
            velocity,
            gradient,
            learning_rate,
            self.momentum,
            gradient_scale=scale,
            l2=l2,
            nesterov=self.nesterov,
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

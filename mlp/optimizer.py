"""Gradient descent with momentum: nu <- gamma*nu + alpha*dL/dW, W <- W - nu."""

import math
from dataclasses import dataclass

from kernels import Array, array_namespace, momentum_update

from .model import Layer, Parameters, map_arrays


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

    def update(
        self,
        parameters: Parameters,
        velocity: Parameters,
        gradients: Parameters,
        learning_rate: float,
        factor: float,
    ) -> tuple[Parameters, Parameters]:
        """Advance all parameters by one step.

        Parameters
        ----------
        parameters, velocity, gradients : Parameters
            All donated.
        learning_rate : float
            Only the decay of the weights is multiplied by it here.
        factor : float
            What turns the gradients into those of the average loss times the learning rate: for
            sums over N rows ``learning_rate / N``, and 1 where that is done already.

        Returns
        -------
        parameters, velocity
        """

        def advance(
            parameter: Array, nu: Array, gradient: Array, decay: float
        ) -> tuple[Array, Array]:
            return momentum_update(
                parameter,
                nu,
                gradient,
                1.0,
                self.momentum,
                gradient_scale=factor,
                l2=decay,
                nesterov=self.nesterov,
            )

        stepped = []
        for layer, nu, gradient in zip(parameters, velocity, gradients, strict=True):
            decay = learning_rate * self.l2
            weight, nu_weight = advance(layer.weight, nu.weight, gradient.weight, decay)
            bias, nu_bias = advance(layer.bias, nu.bias, gradient.bias, 0.0)
            stepped.append((Layer(weight, bias), Layer(nu_weight, nu_bias)))
        new_parameters, new_velocity = zip(*stepped, strict=True)
        return new_parameters, new_velocity


SCHEDULES = ("constant", "cosine", "one-cycle")


def schedule_factor(schedule: str, progress: float) -> float:
    """Return what the learning rate is multiplied by, in (0, 1].

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

"""Gradient descent with momentum: nu <- gamma*nu + alpha*dL/dW, W <- W - nu."""

import math
from dataclasses import dataclass

from kernels import Array, array_namespace, momentum_update, momentum_update_product

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
        stepped = []
        for layer, nu, gradient in zip(parameters, velocity, gradients, strict=True):
            arrays = [
                momentum_update(
                    *three,
                    learning_rate=1.0,
                    momentum=self.momentum,
                    gradient_scale=factor,
                    l2=decay,
                    nesterov=self.nesterov,
                )
                for three, decay in zip(
                    zip(layer, nu, gradient, strict=True),
                    (learning_rate * self.l2, 0.0),
                    strict=True,
                )
            ]
            stepped.append(tuple(Layer(*pair) for pair in zip(*arrays, strict=True)))
        new_parameters, new_velocity = zip(*stepped, strict=True)
        return new_parameters, new_velocity

    def step_layer(
        self, layer: Layer, nu: Layer, inputs: Array, dz: Array, db: Array, learning_rate: float
    ) -> tuple[Layer, Layer]:
        """Advance a layer and its velocity by one step, without an array of gradients.

        Parameters
        ----------
        layer, nu : Layer
            (M, H) and (H,). Donated.
        inputs : (N, M)
            What entered the layer.
        dz, db : (N, H) and (H,)
            Derivatives of the average loss by the layer's output, and their sums, times the
            learning rate. `db` is donated.
        learning_rate : float
            As in `update`.
        """
        weight, nu_weight = self.step_weight(layer.weight, nu.weight, inputs, dz, learning_rate)
        bias, nu_bias = self.step_bias(layer.bias, nu.bias, db)
        return Layer(weight, bias), Layer(nu_weight, nu_bias)

    def step_weight(
        self, weight: Array, nu: Array, inputs: Array, dz: Array, learning_rate: float
    ) -> tuple[Array, Array]:
        """Advance a weight and its velocity; see `step_layer`."""
        decay = learning_rate * self.l2
        return momentum_update_product(
            weight, nu, inputs, dz, self.momentum, l2=decay, nesterov=self.nesterov
        )

    def step_bias(self, bias: Array, nu: Array, db: Array) -> tuple[Array, Array]:
        """Advance a bias and its velocity; see `step_layer`."""
        return momentum_update(bias, nu, db, 1.0, self.momentum, nesterov=self.nesterov)


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

"""Gradient descent with momentum: nu <- gamma*nu + alpha*dL/dW, W <- W - nu."""

from dataclasses import dataclass

from array_api_compat import array_namespace, is_numpy_namespace

from kernels import Array, momentum_update
from mlp.model import Layer, Parameters, ShardSums
from mlp.sharding import Executor

# Elements a block; its three float32 arrays fill 384 KiB and stay in a core's second-level cache.
_BLOCK = 32_768


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
            blocks = [(block, l2) for arrays, l2 in work for block in _blocks(arrays)]
            executor.for_each(lambda item: update(*item), blocks)
            return parameters, velocity
        updated = [update(arrays, l2) for arrays, l2 in work]
        pairs = list(zip(updated[::2], updated[1::2], strict=True))
        return (
            tuple(Layer(weight[0], bias[0]) for weight, bias in pairs),
            tuple(Layer(weight[1], bias[1]) for weight, bias in pairs),
        )


def _blocks(arrays: tuple[Array, ...]) -> list[tuple[Array, ...]]:
    """Cut arrays of one shape into flat views; NumPy updates them in place."""
    flat = [array.reshape(-1) for array in arrays]
    return [
        tuple(array[start : start + _BLOCK] for array in flat)
        for start in range(0, flat[0].shape[0], _BLOCK)
    ]

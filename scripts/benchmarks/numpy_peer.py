"""Plain NumPy: the textbook functions on whole arrays, with BLAS as threaded as it comes."""

import numpy as np
from peers import Peer, Sums, Task

from mlp import Layer, Parameters, Rows
from mlp.functional import average_cross_entropy, grad_cross_entropy, linear, one_hot, relu, softmax

Placed = tuple[np.ndarray, np.ndarray]


class NumpyPeer(Peer):
    """`mlp.functional`, back-propagation in three lines, in the precision of the task."""

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        nu = task.config.velocity_init
        self._layers = [Layer(*(array.copy() for array in layer)) for layer in task.parameters]
        self._velocities = [Layer(*(np.full_like(a, nu) for a in layer)) for layer in self._layers]

    @staticmethod
    def versions() -> dict[str, str]:
        """See `Peer`."""
        return {"numpy": np.__version__}

    def place(self, rows: Rows) -> Placed:
        """See `Peer`."""
        classes = self.task.parameters[-1].bias.shape[0]
        return rows.features, one_hot(rows.labels, classes, dtype=rows.features.dtype)

    def select(self, rows: Placed, order: np.ndarray) -> Placed:
        """See `Peer`."""
        return rows[0][order], rows[1][order]

    def step(self, rows: Placed) -> Sums:
        """See `Peer`."""
        config, (_, targets) = self.task.config, rows
        activations, logits = self._forward(rows[0])
        sums = _sums(logits, targets)
        dz = grad_cross_entropy(targets, logits)
        for index in reversed(range(len(self._layers))):
            layer, h = self._layers[index], activations[index]
            gradient = Layer(h.T @ dz + config.l2 * layer.weight, dz.sum(axis=0))
            if index > 0:
                dz = (dz @ layer.weight.T) * (h > 0)
            for array, velocity, g in zip(layer, self._velocities[index], gradient, strict=True):
                velocity *= config.momentum
                velocity += config.learning_rate * g
                ahead = config.momentum * velocity + config.learning_rate * g
                array -= ahead if config.nesterov else velocity
        return sums

    def score(self, rows: Placed) -> Sums:
        """See `Peer`."""
        return _sums(self._forward(rows[0])[1], rows[1])

    def parameters(self) -> Parameters:
        """See `Peer`."""
        return tuple(Layer(weight.copy(), bias.copy()) for weight, bias in self._layers)

    def _forward(self, x: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
        """Give what enters every layer, and the logits."""
        activations = [x]
        for layer in self._layers[:-1]:
            activations.append(relu(linear(activations[-1], *layer)))
        return activations, linear(activations[-1], *self._layers[-1])


def _sums(logits: np.ndarray, targets: np.ndarray) -> Sums:
    loss = average_cross_entropy(targets, softmax(logits)) * len(targets)
    return loss, (logits.argmax(axis=1) == targets.argmax(axis=1)).sum()

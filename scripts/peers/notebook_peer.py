"""The assignment's notebook, its defects mended: whole arrays, one-hot targets."""

import numpy as np

from mlp import Layer, Parameters, Rows
from peers import Observation, Peer, Sums, Task

Placed = tuple[np.ndarray, np.ndarray]


class NotebookPeer(Peer):
    """Probabilities, masks and updates written out as the notebook does, for any depth.

    The notebook computes in float64; in another precision it is plain NumPy.
    """

    def __init__(self, task: Task, dtype: str = "float64") -> None:
        self._dtype = np.dtype(dtype)
        super().__init__(task)
        self._weights = [layer.weight.astype(dtype) for layer in task.parameters]
        self._biases = [layer.bias.astype(dtype) for layer in task.parameters]
        arrays = self._weights + self._biases
        self._velocities = [np.full_like(array, task.config.velocity_init) for array in arrays]

    @staticmethod
    def versions() -> dict[str, str]:
        """See `Peer`."""
        return {"numpy": np.__version__}

    def place(self, rows: Rows) -> Placed:
        """See `Peer`."""
        classes = self.task.parameters[-1].bias.shape[0]
        return rows.features.astype(self._dtype), np.eye(classes, dtype=self._dtype)[rows.labels]

    def select(self, rows: Placed, order: np.ndarray) -> Placed:
        """See `Peer`."""
        return rows[0][order], rows[1][order]

    def step(self, rows: Placed) -> Sums:
        """See `Peer`."""
        layers, logits = self._forward(rows[0])
        config = self.task.config
        d_weights, d_biases = self._backward(layers, rows[1])
        self._seen = Observation(logits, _layers(d_weights, d_biases))
        d_weights = [g + config.l2 * w for g, w in zip(d_weights, self._weights, strict=True)]
        arrays = self._weights + self._biases
        for index, gradient in enumerate(d_weights + d_biases):
            velocity = config.momentum * self._velocities[index] + config.learning_rate * gradient
            self._velocities[index] = velocity
            ahead = config.momentum * velocity + config.learning_rate * gradient
            arrays[index] -= ahead if config.nesterov else velocity
        return self._sums(layers[-1], rows[1])

    def score(self, rows: Placed) -> Sums:
        """See `Peer`."""
        layers, _ = self._forward(rows[0])
        return self._sums(layers[-1], rows[1])

    def parameters(self) -> Parameters:
        """See `Peer`."""
        return _layers([w.copy() for w in self._weights], [b.copy() for b in self._biases])

    def observe(self) -> Observation:
        """See `Peer`."""
        return self._seen

    def _forward(self, x: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
        """Return what enters every layer, then the probabilities; and the logits."""
        layers = [x]
        for weight, bias in zip(self._weights[:-1], self._biases[:-1], strict=True):
            layers.append(np.maximum(layers[-1] @ weight + bias, 0))
        logits = layers[-1] @ self._weights[-1] + self._biases[-1]
        exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
        return [*layers, exponentials / exponentials.sum(axis=1, keepdims=True)], logits

    def _backward(
        self, layers: list[np.ndarray], targets: np.ndarray
    ) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return the gradients of the average loss by the weights and by the biases."""
        delta = (layers[-1] - targets) / len(targets)
        d_weights, d_biases = [], []
        for index in reversed(range(len(self._weights))):
            d_weights.append(layers[index].T @ delta)
            d_biases.append(delta.sum(axis=0))
            if index > 0:
                delta = (delta @ self._weights[index].T) * (layers[index] > 0)
        return d_weights[::-1], d_biases[::-1]

    @staticmethod
    def _sums(probabilities: np.ndarray, targets: np.ndarray) -> Sums:
        clipped = np.maximum(probabilities, np.finfo(probabilities.dtype).tiny)
        correct = probabilities.argmax(axis=1) == targets.argmax(axis=1)
        return -np.sum(targets * np.log(clipped)), correct.sum()


def _layers(weights: list[np.ndarray], biases: list[np.ndarray]) -> Parameters:
    return tuple(map(Layer, weights, biases))


PEER = NotebookPeer

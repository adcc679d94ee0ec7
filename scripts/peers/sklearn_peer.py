"""scikit-learn's `MLPClassifier`, an epoch at a time through `partial_fit`. For speed only."""

from typing import Any

import numpy as np
import sklearn
from sklearn.neural_network import MLPClassifier

from mlp import Layer, Parameters, Rows
from peers import Peer, Score, Sums, Task


class SklearnPeer(Peer):
    """A classifier whose weights and velocities are overwritten once it has made them."""

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        config, rows = task.config, len(task.train.labels)
        batch = min(config.batch_size or rows, rows)
        self._model = MLPClassifier(
            config.hidden,
            solver="sgd",
            alpha=config.l2 * batch,  # scikit-learn divides it by the rows of a batch
            batch_size=batch,
            learning_rate_init=config.learning_rate,
            momentum=config.momentum,
            nesterovs_momentum=config.nesterov,
            shuffle=False,
        )
        classes = np.arange(task.parameters[-1].bias.shape[0])
        self._model.set_params(batch_size=1)
        self._model.partial_fit(self.train[0][:1], self.train[1][:1], classes=classes)
        self._model.set_params(batch_size=batch)
        for index, layer in enumerate(task.parameters):
            self._model.coefs_[index][...] = layer.weight
            self._model.intercepts_[index][...] = layer.bias
        for velocity in self._model._optimizer.velocities:
            velocity[...] = -config.velocity_init

    @staticmethod
    def versions() -> dict[str, str]:
        """See `Peer`."""
        return {"scikit-learn": sklearn.__version__}

    def place(self, rows: Rows) -> Any:
        """See `Peer`."""
        return rows.features, rows.labels

    def select(self, rows: Any, order: np.ndarray) -> Any:
        """See `Peer`."""
        return rows[0][order], rows[1][order]

    def step(self, rows: Any) -> Sums:
        """See `Peer`. Not one step but all the batches of `rows`; accuracy is not measured."""
        self._model.partial_fit(*rows)
        return self._model.loss_ * len(rows[1]), np.nan

    def score(self, rows: Any) -> Sums:
        """See `Peer`."""
        x, labels = rows
        probabilities = self._model.predict_proba(x)
        chosen = np.maximum(probabilities[np.arange(len(labels)), labels], np.finfo(x.dtype).tiny)
        correct = probabilities.argmax(axis=1) == labels
        return -np.log(chosen).sum(dtype=np.float64), correct.sum()

    def epoch(self, order: np.ndarray | None = None) -> list[Score]:
        """See `Peer`."""
        if order is None:
            return super().epoch()
        train = self.step(self.select(self.train, order))
        return self._scores([train, *map(self.score, self.held_out)])

    def parameters(self) -> Parameters:
        """See `Peer`."""
        pairs = zip(self._model.coefs_, self._model.intercepts_, strict=True)
        return tuple(Layer(weight.copy(), bias.copy()) for weight, bias in pairs)


PEER = SklearnPeer

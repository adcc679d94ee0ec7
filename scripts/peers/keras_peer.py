"""tf.keras: the model and the compiled step of `mlp.keras_reference`."""

from typing import Any

import numpy as np

from mlp import Parameters, Rows
from mlp.keras_reference import build, compile_functions, tensorflow, to_parameters
from mlp.model import Layer
from peers import Observation, Peer, PeerError, Sums, Task

tf = tensorflow()
Placed = tuple[Any, Any]


class KerasPeer(Peer):
    """A compiled `keras.Sequential`."""

    def __init__(self, task: Task) -> None:
        gpus = tf.config.list_physical_devices("GPU")
        if task.device == "cuda" and not gpus:
            raise PeerError("tensorflow finds no GPU; use --peer-device cpu")
        if task.device == "cpu" and gpus:
            tf.config.set_visible_devices([], "GPU")
        tf.config.experimental.enable_tensor_float_32_execution(False)
        super().__init__(task)
        self._model = build(task.parameters, task.config)
        self._score, self._step = compile_functions(self._model)

    @staticmethod
    def versions() -> dict[str, str]:
        """See `Peer`."""
        return {"keras": tf.keras.__version__, "tensorflow": tf.__version__}

    def place(self, rows: Rows) -> Placed:
        """See `Peer`."""
        return tf.constant(rows.features), tf.constant(rows.labels, tf.int32)

    def select(self, rows: Placed, order: np.ndarray) -> Placed:
        """See `Peer`."""
        return tf.gather(rows[0], order), tf.gather(rows[1], order)

    def step(self, rows: Placed) -> Sums:
        """See `Peer`."""
        loss, correct, *self._seen = self._step(*rows)
        return loss, correct

    def score(self, rows: Placed) -> Sums:
        """See `Peer`."""
        loss, correct = self._score(*rows)
        return loss, correct

    def parameters(self) -> Parameters:
        """See `Peer`."""
        return to_parameters(self._model)

    def device_bytes(self) -> int:
        """See `Peer`."""
        return int(tf.config.experimental.get_memory_info("GPU:0")["peak"])

    def observe(self) -> Observation:
        """See `Peer`."""
        logits, gradients = self._seen
        arrays = [gradient.numpy() for gradient in gradients]
        return Observation(logits.numpy(), tuple(map(Layer, arrays[::2], arrays[1::2])))


PEER = KerasPeer

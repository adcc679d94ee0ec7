"""JAX: one compiled step with optax, whose weights and optimizer state are donated."""

import os
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from mlp import Layer, Parameters, Rows
from peers import Observation, Peer, PeerError, Sums, Task

Placed = tuple[Any, Any]


class JaxPeer(Peer):
    """Pure functions over our own parameter tuples, which JAX takes as a tree."""

    def __init__(self, task: Task) -> None:
        config = task.config
        # Else JAX takes three quarters of a GPU's memory, and nobody else could run beside it.
        os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
        jax.config.update("jax_enable_x64", config.dtype == "float64")
        jax.config.update("jax_default_matmul_precision", "highest")  # no TF32 on a GPU
        try:
            self._device = jax.devices(task.device)[0]
        except RuntimeError as error:
            raise PeerError(f"jax finds no {task.device} device; use --peer-device cpu") from error
        super().__init__(task)
        # A copy: the first step donates these buffers, which may be the caller's own memory.
        self._parameters = jax.device_put(jax.tree.map(np.copy, task.parameters), self._device)
        optimizer = optax.sgd(config.learning_rate, config.momentum, nesterov=config.nesterov)
        if config.l2:
            mask = tuple(Layer(True, False) for _ in task.parameters)
            optimizer = optax.chain(optax.add_decayed_weights(config.l2, mask), optimizer)
        # optax' trace leaves the learning rate out: it is our velocity / learning rate.
        trace = config.velocity_init / config.learning_rate
        self._state = jax.tree.map(
            lambda zeros: jnp.full_like(zeros, trace), optimizer.init(self._parameters)
        )
        self._step = jax.jit(_make_step(optimizer), donate_argnums=(0, 1))

    @staticmethod
    def versions() -> dict[str, str]:
        """See `Peer`."""
        return {"jax": jax.__version__, "optax": optax.__version__}

    def place(self, rows: Rows) -> Placed:
        """See `Peer`."""
        return jax.device_put((rows.features, rows.labels.astype(np.int32)), self._device)

    def select(self, rows: Placed, order: np.ndarray) -> Placed:
        """See `Peer`."""
        return _take(rows, order)

    def step(self, rows: Placed) -> Sums:
        """See `Peer`."""
        self._parameters, self._state, sums, self._seen = self._step(
            self._parameters, self._state, *rows
        )
        return sums

    def score(self, rows: Placed) -> Sums:
        """See `Peer`."""
        return _score(self._parameters, *rows)

    def parameters(self) -> Parameters:
        """See `Peer`."""
        return _to_numpy(self._parameters)

    def device_bytes(self) -> int:
        """See `Peer`."""
        return int(self._device.memory_stats()["peak_bytes_in_use"])

    def observe(self) -> Observation:
        """See `Peer`."""
        logits, gradients = self._seen
        return Observation(np.asarray(logits), _to_numpy(gradients))


def _to_numpy(parameters: Parameters) -> Parameters:
    # A copy: a view would stop JAX from reusing the donated buffer.
    return jax.tree.map(np.array, parameters)


def _loss(parameters: Parameters, x: Any, labels: Any) -> tuple[Any, Any]:
    """Return the average loss, and the logits."""
    h = x
    for weight, bias in parameters[:-1]:
        h = jax.nn.relu(h @ weight + bias)
    logits = h @ parameters[-1].weight + parameters[-1].bias
    return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(logits, labels)), logits


def _sums(loss: Any, logits: Any, labels: Any) -> Sums:
    return loss * labels.shape[0], jnp.sum(jnp.argmax(logits, axis=1) == labels)


def _make_step(optimizer: optax.GradientTransformation) -> Callable[..., Any]:
    def step(parameters: Parameters, state: Any, x: Any, labels: Any) -> Any:
        differentiate = jax.value_and_grad(_loss, has_aux=True)
        (loss, logits), gradients = differentiate(parameters, x, labels)
        updates, state = optimizer.update(gradients, state, parameters)
        parameters = optax.apply_updates(parameters, updates)
        return parameters, state, _sums(loss, logits, labels), (logits, gradients)

    return step


@jax.jit
def _score(parameters: Parameters, x: Any, labels: Any) -> Sums:
    return _sums(*_loss(parameters, x, labels), labels)


@jax.jit
def _take(rows: Placed, order: Any) -> Placed:
    return rows[0][order], rows[1][order]


PEER = JaxPeer

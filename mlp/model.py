"""The network: its parameters, the forward pass and the gradients. Array API only."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple, TypeAlias

import numpy as np
from array_api_compat import device

from kernels import Array, array_namespace, bias_relu, relu_backward, softmax_cross_entropy

from .device import device_current, to_numpy
from .functional import softmax


class Layer(NamedTuple):
    """One affine layer: ``x @ weight + bias``."""

    weight: Array  # (n_in, n_out)
    bias: Array  # (n_out,)


# From the input to the output; velocities and gradients have the same form.
Parameters: TypeAlias = tuple[Layer, ...]


class Sums(NamedTuple):
    """What a piece of rows contributes: sums, so that pieces combine by addition alone."""

    loss: Array  # () sum of the rows' weighted losses, in the library's widest float
    correct: Array  # () number of correct predictions, as a float of the same width
    rows: int
    gradients: Parameters | None  # sums of the rows' weighted gradients, where they are wanted
    # Sum of the rows' weights, where they have any: of all rows together, never of a piece.
    weight: float | None = None

    @property
    def divisor(self) -> float:
        """What the losses and gradients are divided by: the rows, or the sum of their weights."""
        return self.rows if self.weight is None else self.weight


def add_sums(left: Sums, right: Sums) -> Sums:
    """Add the sums of two sets of rows. Both are donated; one without gradients gives none."""
    gradients = None
    if left.gradients is not None and right.gradients is not None:
        gradients = map_arrays(donated_sum, left.gradients, right.gradients)
    return Sums(
        left.loss + right.loss, left.correct + right.correct, left.rows + right.rows, gradients
    )


def init_parameters(sizes: Sequence[int], *, seed: int, dtype: str) -> Parameters:
    """Draw Xavier-normal weights and zero biases, as NumPy arrays.

    Weights have mean 0 and variance ``2 / (n_in + n_out)`` (Glorot and Bengio, 2010). They are
    drawn on the host whatever the device, so NumPy and CUDA start from the same bits.

    Parameters
    ----------
    sizes : sequence of int
        Units of every layer from the input to the output, e.g. ``(784, 1000, 10)``.
    seed : int
        Not negative. Every layer has its own stream.
    dtype : {"float32", "float64"}
        Weights are drawn in float64 and rounded.
    """
    layers = []
    for index, (n_in, n_out) in enumerate(pairwise(sizes)):
        generator = np.random.default_rng([seed, _INIT_STREAM, index])
        weight = generator.standard_normal((n_in, n_out)) * np.sqrt(2.0 / (n_in + n_out))
        layers.append(Layer(weight.astype(dtype), np.zeros(n_out, dtype)))
    return tuple(layers)


def forward(parameters: Parameters, x: Array) -> tuple[Array, list[Array]]:
    """Run the network on x (N, D).

    Returns
    -------
    logits : (N, K)
    activations : list of (N, H)
        What entered each layer: x and every hidden layer's rectified output.
    """
    return onward(parameters, x @ parameters[0].weight, [x])


def onward(parameters: Parameters, z: Array, activations: list[Array]) -> tuple[Array, list[Array]]:
    """Go on from the first layer's product: `forward` without it.

    Parameters
    ----------
    parameters : Parameters
        The first weight is not used.
    z : (N, H)
        What the first layer makes of its input, less the bias. Donated.
    activations : list
        What entered the first layer; it is gone on with.
    """
    for (_, bias), (weight, _) in pairwise(parameters):
        activations.append(bias_relu(z, bias))
        z = activations[-1] @ weight
    z += parameters[-1].bias
    return z, activations


def backward(parameters: Parameters, activations: list[Array], dlogits: Array) -> Parameters:
    """Sum the rows' gradients of all parameters: ``dW = inputs.T @ dz``; see `backpropagate`."""
    layers = backpropagate(parameters, activations, dlogits)
    gradients = [Layer(activations[index].T @ dz, db) for index, dz, db in layers]
    return tuple(reversed(gradients))


def backpropagate(
    parameters: Parameters, activations: list[Array], dlogits: Array
) -> Iterator[tuple[int, Array, Array]]:
    """Yield a layer's number, ``dz`` (N, H) and ``db`` (H,), from the last layer to the first.

    ``db = sum(dz)``, ``dh = dz @ W.T``, ``dz = dh * (h > 0)``; derived in mlp/README.md. A layer
    that was yielded is not looked at again: it may be updated.

    Parameters
    ----------
    parameters : Parameters
    activations : list of (N, H)
        What `forward` gave with the logits.
    dlogits : (N, K)
        Derivatives of the rows' losses by their logits.
    """
    dz, db = dlogits, array_namespace(dlogits).sum(dlogits, axis=0)
    for index in reversed(range(1, len(parameters))):
        dh = dz @ parameters[index].weight.T
        yield index, dz, db
        dz, db = relu_backward(dh, activations[index])
    yield 0, dz, db


def cross_entropy(
    logits: Array, labels: Array, weights: Array | None = None
) -> tuple[Array, Array, Array]:
    """Return every row's loss (N,), its gradient (N, K) and whether it is right (N,).

    See `kernels.softmax_cross_entropy`. The one place where a row is weighted: its loss and its
    gradient are multiplied by its weight, and everything after them is linear in the gradient.

    Parameters
    ----------
    logits : (N, K)
    labels : (N,) uint8, int32 or int64
    weights : (N,) floats, optional
        Rounded to the dtype of the logits.
    """
    losses, dlogits, correct = softmax_cross_entropy(logits, labels)
    if weights is not None:
        weights = array_namespace(logits).astype(weights, logits.dtype, copy=False)
        losses *= weights
        dlogits *= weights[:, None]
    return losses, dlogits, correct


def loss_and_gradients(
    parameters: Parameters, x: Array, labels: Array, weights: Array | None = None
) -> Sums:
    """Sum the loss, the correct predictions and the gradients over a piece's rows.

    Parameters
    ----------
    parameters : Parameters
    x : (N, D) dtype of the parameters
    labels : (N,) uint8, int32 or int64
    weights : (N,) floats, optional
        See `cross_entropy`.
    """
    logits, activations = forward(parameters, x)
    losses, dlogits, correct = cross_entropy(logits, labels, weights)
    return to_sums(losses, correct, backward(parameters, activations, dlogits))


def evaluate(parameters: Parameters, x: Array, labels: Array, weights: Array | None = None) -> Sums:
    """Sum the loss and the correct predictions over a piece's rows, without gradients."""
    logits, _ = forward(parameters, x)
    losses, _, correct = cross_entropy(logits, labels, weights)
    return to_sums(losses, correct, None)


def predict_probabilities(parameters: Parameters, x: Array) -> Array:
    """Return every row's class probabilities, (N, K), each row summing to 1; see `predict`."""
    with device_current(x):
        logits, _ = forward(parameters, _prepared(x))
        return softmax(logits)


def predict(parameters: Parameters, x: Array) -> Array:
    """Return every row's class index, (N,) integers in [0, K); the first of equal logits.

    Parameters
    ----------
    parameters : Parameters
    x : (N, D) floats
        The network's input, as `Preparation.input` makes it of a data set's rows.

    Raises
    ------
    TypeError
        Integers, which are pixels that nobody has scaled.
    """
    with device_current(x):
        logits, _ = forward(parameters, _prepared(x))
        return array_namespace(logits).argmax(logits, axis=1)


def _prepared(x: Array) -> Array:
    if not array_namespace(x).isdtype(x.dtype, "real floating"):
        raise TypeError(
            f"x must be floats, prepared as in training, got {x.dtype}; of raw rows ask "
            "mlp.load_model(path).predict(rows) or mlp.Classifier.of(parameters, dataset)"
        )
    return x


def rows_at_once(parameters: Parameters, most: int) -> int:
    """Return how many rows to compute at once: at most `most`, at least one.

    All layers together hold no more values of them than there are parameters, or 2**24: a small
    file may describe a very wide layer.
    """
    sizes = layer_sizes(parameters)
    values = sum(n_in * n_out for n_in, n_out in pairwise(sizes))
    return max(1, min(most, max(values, 2**24) // sum(sizes)))


def layer_sizes(parameters: Parameters) -> tuple[int, ...]:
    """Return the units of every layer from the input to the output."""
    return (parameters[0].weight.shape[0], *(layer.bias.shape[0] for layer in parameters))


def map_arrays(function: Callable[..., Array], *parameters: Parameters) -> Parameters:
    """Apply a function to every array, or to the arrays that stand at the same place."""
    return tuple(
        Layer(*(function(*arrays) for arrays in zip(*layers, strict=True)))
        for layers in zip(*parameters, strict=True)
    )


def named_arrays(parameters: Parameters) -> dict[str, Array]:
    """Name every array, in layer order: ``layers.0.weight``, ``layers.0.bias``, ..."""
    return {
        f"layers.{index}.{name}": array
        for index, layer in enumerate(parameters)
        for name, array in zip(layer._fields, layer, strict=True)
    }


def parameters_sha256(parameters: Parameters) -> str:
    """Hash the bytes of all parameters in layer order, weight before bias."""
    digest = hashlib.sha256()
    for array in named_arrays(parameters).values():
        digest.update(np.ascontiguousarray(to_numpy(array)).tobytes())
    return digest.hexdigest()


_INIT_STREAM = 0  # the generators' purposes; epochs.py's shuffle is 1


def to_sums(
    losses: Array, correct: Array, gradients: Parameters | None, weight: float | None = None
) -> Sums:
    """Sum what `cross_entropy` gave over the rows.

    In the widest float, where counts stay exact below 2**53.
    """
    xp = array_namespace(losses)
    wide = widest_float(losses)
    loss, right = xp.sum(losses, dtype=wide), xp.sum(correct, dtype=wide)
    return Sums(loss, right, losses.shape[0], gradients, weight)


def widest_float(array: Array) -> Array:
    """Return float64, or float32 where the device has no float64 (JAX by default, Apple's GPU)."""
    xp = array_namespace(array)
    available = xp.__array_namespace_info__().dtypes(device=device(array), kind="real floating")
    return available.get("float64", xp.float32)


def donated_sum(left: Array, right: Array) -> Array:
    """Add two arrays, the first of which is donated."""
    left += right
    return left

"""Textbook definitions, one line of mathematics each.

They are what the fused operations in `kernels` are tested against, and what a lesson starts
from. `mlp/README.md` derives them and maps the assignment's names to these.
"""

from array_api_compat import device

from kernels import Array, array_namespace


def relu(x: Array) -> Array:
    """Rectify: ``max(x, 0)``, any shape; NaN stays NaN."""
    xp = array_namespace(x)
    return xp.maximum(x, xp.zeros((), dtype=x.dtype, device=device(x)))


def softmax(x: Array) -> Array:
    """Turn logits (N, K) into probabilities (N, K): ``exp(x) / sum(exp(x))`` for every row.

    The row's maximum is subtracted first: the result is the same and exp cannot overflow.
    """
    xp = array_namespace(x)
    exponentials = xp.exp(x - xp.max(x, axis=1, keepdims=True))
    return exponentials / xp.sum(exponentials, axis=1, keepdims=True)


def linear(x: Array, weight: Array, bias: Array) -> Array:
    """Apply a layer: x (N, D), weight (D, H), bias (H,) give ``x @ weight + bias`` (N, H)."""
    return x @ weight + bias


def one_hot(labels: Array, n_classes: int, *, dtype: Array = None) -> Array:
    """Turn class indices (N,) into rows (N, K) of zeros with a one at the label.

    `dtype` is float64 unless given. A label outside [0, K) gives a row of zeros.
    """
    xp = array_namespace(labels)
    classes = xp.arange(n_classes, device=device(labels))
    hits = xp.astype(labels, classes.dtype)[:, None] == classes[None, :]
    return xp.astype(hits, xp.float64 if dtype is None else dtype)


def average_cross_entropy(targets: Array, predictions: Array) -> Array:
    """Average the cross-entropy ``-sum(targets * log(predictions))`` over N rows; a 0-d array.

    `targets` are one-hot and `predictions` probabilities, both (N, K) of one dtype. A probability
    that underflowed to 0 counts as the dtype's smallest normal number, so the loss stays finite.
    """
    xp = array_namespace(targets, predictions)
    smallest = float(xp.finfo(predictions.dtype).smallest_normal)
    log_p = xp.log(xp.clip(predictions, min=smallest))
    return -xp.sum(targets * log_p) / targets.shape[0]


def grad_cross_entropy(targets: Array, logits: Array) -> Array:
    """Differentiate the average cross-entropy of ``softmax(logits)`` by the logits, all (N, K).

    ``(softmax(logits) - targets) / N``: it takes logits, not probabilities.
    """
    return (softmax(logits) - targets) / targets.shape[0]


def accuracy(targets: Array, predictions: Array) -> Array:
    """Return the share of rows whose largest prediction stands at the target, in [0, 1]; 0-d.

    `targets` are one-hot, `predictions` logits or probabilities, both (N, K). The first of
    equal predictions counts.
    """
    xp = array_namespace(targets, predictions)
    hits = xp.argmax(predictions, axis=1) == xp.argmax(targets, axis=1)
    return xp.mean(xp.astype(hits, predictions.dtype))

"""Three of the operations for NumPy, bit for bit the array-API definition's but for one sum.

The rectifier's two work in blocks of rows that stay in a core's cache: each operation of the
definition passes over the whole array in memory, while here all of them pass over one block before
the next. Cross-entropy works in place, with half as many calls: between any two of them a thread
may have to wait for the interpreter's lock.
"""

import numpy as np

from . import reference
from .blas import accumulate
from .namespace import Array
from .reference import momentum_update

__all__ = [
    "bias_relu",
    "momentum_update",
    "momentum_update_product",
    "relu_backward",
    "softmax_cross_entropy",
]

# Elements a block: of float32, 512 KiB an array.
_BLOCK = 131_072


def softmax_cross_entropy(logits: Array, labels: Array) -> tuple[Array, Array, Array]:
    """Return losses, gradients and correct predictions. See `kernels.softmax_cross_entropy`."""
    signed = labels.dtype.kind == "i"
    if (signed and labels.min(initial=0) < 0) or labels.max(initial=0) >= logits.shape[1]:
        return reference.softmax_cross_entropy(logits, labels)
    rows = np.arange(labels.shape[0])
    best = logits.argmax(axis=1)
    dlogits = logits - logits[rows, best][:, None]
    target = dlogits[rows, labels]
    np.exp(dlogits, out=dlogits)
    total = dlogits.sum(axis=1)
    dlogits /= total[:, None]
    dlogits[rows, labels] -= 1
    correct = (best == labels) & ~np.isnan(total)
    return np.log(total) - target, dlogits, correct.astype(np.int32)


def bias_relu(z: Array, bias: Array) -> Array:
    """Add the bias to every row and rectify, in place. See `kernels.bias_relu`."""
    # A row of zeros, because NumPy's `maximum` with a scalar takes twice as long.
    zeros = np.zeros(bias.shape, bias.dtype)
    for block in _row_blocks(z):
        rows = z[block]
        rows += bias
        np.maximum(rows, zeros, out=rows)
    return z


def relu_backward(dh: Array, h: Array) -> tuple[Array, Array]:
    """Pass the gradient through the rectifier, in place. See `kernels.relu_backward`.

    Column sums are added block by block: the blocks depend on the number of columns alone.
    """
    db = None
    for block in _row_blocks(dh):
        rows = dh[block]
        np.multiply(rows, h[block] > 0, out=rows)  # inf * False is NaN, as it must be
        part = rows.sum(axis=0)
        db = part if db is None else db + part
    return dh, np.zeros(dh.shape[1], dh.dtype) if db is None else db


def momentum_update_product(
    parameter: Array,
    velocity: Array,
    left: Array,
    right: Array,
    momentum: float,
    *,
    l2: float,
    nesterov: bool,
) -> tuple[Array, Array]:
    """Advance along a product that never is an array. See `kernels.momentum_update_product`."""
    if l2 == 0.0 and not nesterov and accumulate(velocity, momentum, left, right):
        parameter -= velocity
        return parameter, velocity
    gradient = left.T @ right
    return momentum_update(parameter, velocity, gradient, 1.0, momentum, l2=l2, nesterov=nesterov)


def _row_blocks(array: Array) -> list[slice]:
    rows = max(1, _BLOCK // max(1, array.shape[1]))
    return [slice(start, start + rows) for start in range(0, array.shape[0], rows)]

"""The rectifier's two operations for NumPy, in blocks of rows that stay in a core's cache.

Each operation of the array-API definition passes over the whole array in memory. Here all of them
pass over one block before the next.
"""

import numpy as np

from kernels.reference import Array, momentum_update, softmax_cross_entropy

__all__ = ["bias_relu", "momentum_update", "relu_backward", "softmax_cross_entropy"]

# Elements a block: of float32, 512 KiB an array.
_BLOCK = 131_072


def bias_relu(z: Array, bias: Array) -> Array:
    """Add the bias to every row and rectify, in place. See `kernels.bias_relu`."""
    # A row of zeros, because NumPy's `maximum` with a scalar takes twice as long.
    zeros = np.zeros_like(bias)
    for block in _row_blocks(z):
        rows = z[block]
        rows += bias
        np.maximum(rows, zeros, out=rows)
    return z


def relu_backward(dh: Array, h: Array) -> tuple[Array, Array]:
    """Pass the gradient through the rectifier, in place. See `kernels.relu_backward`.

    Column sums are added block by block: the blocks depend on the number of columns alone.
    """
    db = np.zeros(dh.shape[1], dh.dtype)
    for block in _row_blocks(dh):
        rows = dh[block]
        np.multiply(rows, h[block] > 0, out=rows)  # inf * False is NaN, as it must be
        db += np.sum(rows, axis=0)
    return dh, db


def _row_blocks(array: Array) -> list[slice]:
    rows = max(1, _BLOCK // max(1, array.shape[1]))
    return [slice(start, start + rows) for start in range(0, array.shape[0], rows)]

"""The operations that are parts of a step as CUDA kernels, launched through CuPy.

The sources are the `.cu` files beside this module, one an operation, written as templates. What
an array needs (its dtype, the number of classes, how wide a load its address allows) chooses the
specialisation, which is compiled at its first use; CuPy keeps it on disk for the next process.

Every scalar here is a NumPy scalar of the width that the kernel declares; see `cuda_launch`. Where
`supports` says no, `kernels` runs the array-API definition instead.
"""

import cupy
import numpy as np

from .cuda_launch import c_type, ceil_div, launch, on_its_device, supports
from .namespace import Array
from .sources import LAYOUT

__all__ = [
    "bias_relu",
    "momentum_update",
    "relu_backward",
    "softmax_cross_entropy",
    "supports",
]

_WIDEST_LOAD = 16  # bytes


@on_its_device
def softmax_cross_entropy(logits: Array, labels: Array) -> tuple[Array, Array, Array]:
    """Return every row's loss, its gradient and whether its prediction is right, in one launch.

    See `kernels.softmax_cross_entropy`.
    """
    rows, classes = logits.shape
    losses = cupy.empty(rows, logits.dtype)
    dlogits = cupy.empty(logits.shape, logits.dtype)
    correct = cupy.empty(rows, np.int32)
    if logits.size == 0:
        return losses, dlogits, correct
    real, label = c_type(logits), c_type(labels)
    arrays = (logits, labels, losses, dlogits, correct)
    if classes <= LAYOUT.MOST_CLASSES_PER_THREAD:
        width = _pack_width(classes, logits, dlogits)
        launch(
            "softmax_cross_entropy",
            f"softmax_cross_entropy_row<{real}, {label}, {classes}, {width}>",
            (ceil_div(rows, LAYOUT.ROWS_PER_BLOCK),),
            (LAYOUT.ROWS_PER_BLOCK,),
            (*arrays, np.int64(rows)),
        )
    else:
        launch(
            "softmax_cross_entropy",
            f"softmax_cross_entropy_warp<{real}, {label}>",
            (ceil_div(rows, LAYOUT.WARPS_PER_BLOCK),),
            (LAYOUT.WARPS_PER_BLOCK * LAYOUT.WARP,),
            (*arrays, np.int32(classes), np.int64(rows)),
        )
    return losses, dlogits, correct


@on_its_device
def bias_relu(z: Array, bias: Array) -> Array:
    """Add the bias to every row and rectify, in place, in one launch. See `kernels.bias_relu`."""
    if z.size == 0:
        return z
    rows, columns = z.shape
    width = _pack_width(columns, z, bias)
    launch(
        "bias_relu",
        f"bias_relu<{c_type(z)}, {width}>",
        _tiles(rows, columns, width),
        (LAYOUT.WARP, LAYOUT.ROW_LANES),
        (z, bias, np.int64(rows), np.int32(columns)),
    )
    return z


@on_its_device
def relu_backward(dh: Array, h: Array) -> tuple[Array, Array]:
    """Mask the gradient in place and sum its columns, in two launches.

    See `kernels.relu_backward`.
    """
    rows, columns = dh.shape
    if dh.size == 0:
        return dh, cupy.zeros(columns, dh.dtype)
    width = _pack_width(columns, dh, h)
    row_tiles, column_tiles = _tiles(rows, columns, width)
    partial = cupy.empty((row_tiles, columns), dh.dtype)
    db = cupy.empty(columns, dh.dtype)
    launch(
        "relu_backward",
        f"relu_backward<{c_type(dh)}, {width}>",
        (row_tiles, column_tiles),
        (LAYOUT.WARP, LAYOUT.ROW_LANES),
        (dh, h, partial, np.int64(rows), np.int32(columns)),
    )
    launch(
        "relu_backward",
        f"sum_partials<{c_type(dh)}>",
        (ceil_div(columns, LAYOUT.WARP),),
        (LAYOUT.WARP, LAYOUT.TILE_LANES),
        (partial, db, np.int64(row_tiles), np.int32(columns)),
    )
    return dh, db


@on_its_device
def momentum_update(
    parameter: Array,
    velocity: Array,
    gradient_sum: Array,
    learning_rate: float,
    momentum: float,
    *,
    gradient_scale: float = 1.0,
    l2: float = 0.0,
    nesterov: bool = False,
) -> tuple[Array, Array]:
    """Advance one parameter array and its velocity in place, in one launch.

    See `kernels.momentum_update`.
    """
    if parameter.size == 0:
        return parameter, velocity
    real = parameter.dtype.type
    launch(
        "momentum_update",
        f"momentum_update<{c_type(parameter)}>",
        (ceil_div(parameter.size, LAYOUT.ELEMENTS_PER_BLOCK),),
        (LAYOUT.ELEMENTS_PER_BLOCK,),
        (
            parameter,
            velocity,
            gradient_sum,
            real(momentum),
            real(learning_rate * gradient_scale),
            real(learning_rate * l2),
            np.int32(nesterov),
            np.int64(parameter.size),
        ),
    )
    return parameter, velocity


def _tiles(rows: int, columns: int, width: int) -> tuple[int, int]:
    """Count the tiles of rows and of columns; the rows, which may be many, go to gridDim.x."""
    return ceil_div(rows, LAYOUT.ROW_LANES * LAYOUT.ROWS_PER_THREAD), ceil_div(
        columns, LAYOUT.WARP * width
    )


def _pack_width(columns: int, *arrays: Array) -> int:
    """Return the most elements that one aligned load may take from any row of these arrays.

    A row of an aligned array starts at a multiple of the load's size where the load's width
    divides the columns. A view may start anywhere; CUDA faults on a misaligned load.
    """
    width = _WIDEST_LOAD // int(arrays[0].dtype.itemsize)
    while width > 1 and (
        columns % width != 0
        or any(array.data.ptr % (width * array.dtype.itemsize) != 0 for array in arrays)
    ):
        width //= 2
    return width

"""A mini-batch step in four launches; what each does stands in its source, `minibatch_*.cu`.

A launch takes the host longer than most of these take the device, so everything that holds for an
epoch is prepared before its first step.
"""

from collections.abc import Iterator, Sequence

import cupy
import numpy as np

from . import cuda_launch
from .cuda_launch import c_type, ceil_div, kernel
from .namespace import Array
from .sources import LAYOUT

# Of larger batches the products are worth a library's.
MOST_ROWS = 512


def supports(features: Array, labels: Array, n_classes: int, batch_rows: int) -> bool:
    """Return whether the kernels take these; see `kernels.fuses_minibatch`."""
    return (
        cuda_launch.supports(features, labels)
        and features.dtype in (np.uint8, np.float32, np.float64)
        and n_classes <= LAYOUT.WARP
        and batch_rows <= MOST_ROWS
    )


def minibatch_steps(
    features: Array,
    labels: Array,
    order: Array,
    steps: Sequence[tuple[slice, float]],
    layers: Sequence[tuple[Array, Array]],
    velocity: Sequence[tuple[Array, Array]],
    *,
    scale: float,
    momentum: float,
    l2: float,
    nesterov: bool,
) -> Iterator[tuple[Sequence[tuple[Array, Array]], Sequence[tuple[Array, Array]], Array, Array]]:
    """Train with a step each time the iterator goes on. See `kernels.minibatch_steps`."""
    (weight, bias), last_layer = layers
    hidden_velocity, last_velocity = velocity
    real, (n_inputs, n_units) = weight.dtype.type, weight.shape
    n_classes = last_layer[1].shape[0]
    most_rows = max((batch.stop - batch.start for batch, _ in steps), default=0)
    # Not around the loop: at a yield the thread goes back to its caller, with its own device.
    with features.device:
        hidden = cupy.empty((most_rows, n_units), weight.dtype)
        dlogits = cupy.empty((most_rows, n_classes), weight.dtype)
        losses = cupy.empty(order.shape[0], weight.dtype)
        correct = cupy.empty(order.shape[0], np.int32)

        def compiled(part: str, *types: Array) -> Array:
            return kernel(f"minibatch_{part}", f"minibatch_{part}<{', '.join(map(c_type, types))}>")

        forward = compiled("forward", weight, features)
        loss = compiled("loss", weight, labels)
        backward = compiled("backward", weight)
        update = compiled("update", weight, features)

    inputs, units, classes = np.int32(n_inputs), np.int32(n_units), np.int32(n_classes)
    factor, rate_of_old, ahead = real(scale), real(momentum), np.int32(nesterov)
    forward_tiles = ceil_div(n_units, LAYOUT.FORWARD_TILE)
    groups = min(LAYOUT.LOSS_GROUPS, LAYOUT.LOSS_THREADS // n_classes)
    # The biases are one more unit, and one more input.
    backward_tiles = ceil_div(n_units + 1, LAYOUT.BACKWARD_UNITS)
    update_tiles = ceil_div(n_inputs + 1, LAYOUT.UPDATE_INPUTS) * ceil_div(
        n_units, LAYOUT.UPDATE_UNITS
    )
    update_block = (LAYOUT.UPDATE_UNITS // 4, LAYOUT.UPDATE_INPUTS // 4)
    forward_block = (LAYOUT.FORWARD_TILE // 4, LAYOUT.FORWARD_TILE // 4, LAYOUT.FORWARD_GROUPS)

    for batch, rate in steps:
        count = batch.stop - batch.start
        start, rows = np.int64(batch.start), np.int32(count)
        rule = (rate_of_old, real(rate * (1.0 / count)), real(rate * l2), ahead)
        with features.device:
            forward(
                (forward_tiles, ceil_div(count, LAYOUT.FORWARD_TILE)),
                forward_block,
                (features, order, start, rows, factor, weight, bias, hidden, inputs, units),
            )
            loss(
                (count,),
                (groups * n_classes,),
                (
                    *(hidden, *last_layer, labels, order, start),
                    *(dlogits, losses, correct, units, classes),
                ),
            )
            backward(
                (backward_tiles,),
                (LAYOUT.BACKWARD_UNITS, LAYOUT.WARP),
                (
                    *(hidden, dlogits, rows, units, classes),
                    *(last_layer[0], last_velocity[0], last_layer[1], last_velocity[1]),
                    *rule,
                ),
            )
            update(
                (update_tiles,),
                update_block,
                (
                    *(features, order, start, rows, factor, hidden),
                    *(weight, hidden_velocity[0], bias, hidden_velocity[1], inputs, units),
                    *rule,
                ),
            )
        yield layers, velocity, losses, correct

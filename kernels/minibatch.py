"""The steps of an epoch in mini-batches, of a network with one hidden layer: the contract.

The other operations are parts of a step; this one is all of it. Where a network is small, the
launches of a step and not its arithmetic decide how long it takes on a GPU.
"""

import math
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import TypeAlias

from array_api_compat import is_cupy_array

from . import reference
from .checks import check_float, check_labels, check_same_dtype, check_shape
from .namespace import Array, array_namespace

# A weight (n_in, n_out) and a bias (n_out,) a layer.
Layers: TypeAlias = Sequence[tuple[Array, Array]]

# Layers, their velocities, and every row's loss and whether its prediction was right.
Stepped: TypeAlias = tuple[Layers, Layers, Array, Array]

_NAMES = [
    f"{kind}{name}"
    for kind in ("", "velocity of ")
    for name in ("weight", "bias", "last_weight", "last_bias")
]


def fuses_minibatch(features: Array, labels: Array, n_classes: int, batch_rows: int) -> bool:
    """Return whether `minibatch_steps` does a step in a few launches, instead of many operations.

    So it does for CuPy arrays of the dtypes that it takes, C-contiguous, up to 32 classes and
    batches of up to 512 rows: larger ones are worth a library's products.
    """
    if not (is_cupy_array(features) and is_cupy_array(labels)):
        return False
    from . import cuda_minibatch

    return cuda_minibatch.supports(features, labels, n_classes, batch_rows)


def minibatch_steps(
    features: Array,
    labels: Array,
    order: Array,
    steps: Sequence[tuple[slice, float]],
    layers: Layers,
    velocity: Layers,
    *,
    scale: float = 1.0,
    momentum: float,
    l2: float = 0.0,
    nesterov: bool = False,
) -> Iterator[Stepped]:
    """Train a network with one hidden layer, a step each time the iterator goes on.

    A step takes the rows ``order[batch]``, as inputs ``x = scale * features``; finds
    ``logits = max(x @ weight + bias, 0) @ last_weight + last_bias`` and the gradient of the rows'
    average cross-entropy; and updates both layers, as `momentum_update` does it. It is what the
    other operations give one after another, up to the order of sums.

    Parameters
    ----------
    features : (M, D) uint8, float32 or float64
        All training rows. Left untouched.
    labels : (M,) uint8, int32 or int64
        Their class indices in [0, K). Left untouched.
    order : (N,) int64
        Row numbers in [0, M), which are not checked.
    steps : sequence of (slice, float)
        For every step its part of `order`, not empty, with explicit bounds; and the learning rate.
    layers, velocity : two pairs of a weight and a bias, float32 or float64
        (D, H), (H,), (H, K) and (K,). All donated; on NumPy and CuPy they are updated in place.
    scale, momentum, l2 : float
        Python floats. `l2` is the coefficient of half the squared norm of the weights; biases are
        not decayed.
    nesterov : bool
        Look ahead along the new velocity.

    Yields
    ------
    layers, velocity
        After the step; donated to the next one.
    losses : (N,) dtype of the layers
        By place in `order`, with the weights that the row's step found. What comes after the step's
        batch has no meaning yet.
    correct : (N,) int32
        Likewise; a bad label or undefined logits do here what `softmax_cross_entropy` says.

    Raises
    ------
    ValueError
        Shapes that do not go together, or another number of layers than two.
    TypeError
        Other dtypes, or arrays of different libraries.

    Notes
    -----
    Derivation: mlp/README.md.
    """
    if len(layers) != 2 or len(velocity) != 2:
        raise ValueError(
            f"layers and velocity must be two pairs each, got {len(layers)} and {len(velocity)}; "
            "of more hidden layers do a step operation by operation"
        )
    arrays = [array for layer in (*layers, *velocity) for array in layer]
    xp = array_namespace(features, labels, order, *arrays)
    if features.ndim != 2:
        raise ValueError(f"features must have shape (M, D), got {features.shape}")
    check_shape("labels", labels, features.shape[:1], "pass class indices, not one-hot rows")
    weight, bias, _, last_bias = arrays[:4]
    units, classes = math.prod(bias.shape), math.prod(last_bias.shape)
    shapes = ((features.shape[1], units), (units,), (units, classes), (classes,))
    for name, array, shape in zip(_NAMES, arrays, 2 * shapes, strict=True):
        check_shape(name, array, shape)
    check_float(xp, "weight", weight)
    check_same_dtype(weight, **dict(zip(_NAMES, arrays, strict=True)))
    check_labels(xp, labels)
    if features.dtype not in (xp.uint8, xp.float32, xp.float64):
        raise TypeError(f"features must be uint8, float32 or float64, got {features.dtype}")
    if order.dtype != xp.int64 or order.ndim != 1:
        raise TypeError(f"order must be (N,) int64, got {order.shape} {order.dtype}")
    for batch, _ in steps:
        if not 0 <= batch.start < batch.stop <= order.shape[0]:
            raise ValueError(f"a step's rows must be some of 0 to {order.shape[0]}, got {batch}")
    rows = max((batch.stop - batch.start for batch, _ in steps), default=0)
    implementation: ModuleType = reference
    if fuses_minibatch(features, labels, classes, rows):
        from . import cuda_minibatch

        if all(array.flags.c_contiguous for array in (order, *arrays)):
            implementation = cuda_minibatch
    return implementation.minibatch_steps(  # type: ignore[no-any-return]
        features,
        labels,
        order,
        steps,
        layers,
        velocity,
        scale=float(scale),
        momentum=float(momentum),
        l2=float(l2),
        nesterov=nesterov,
    )

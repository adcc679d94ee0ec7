"""The operations in array-API terms: what "correct" means, for any library.

Every function trusts its arguments; `kernels` checks them. Augmented assignments write in
place where the library can (NumPy, CuPy, PyTorch) and rebind where it cannot (JAX), which is why
the callers use only what is returned.
"""

from collections.abc import Iterator, Sequence

from array_api_compat import device

from .namespace import Array, array_namespace


def softmax_cross_entropy(logits: Array, labels: Array) -> tuple[Array, Array, Array]:
    """Return every row's loss, its gradient and whether its prediction is right.

    See `kernels.softmax_cross_entropy`.
    """
    xp = array_namespace(logits, labels)
    n_classes = logits.shape[1]
    classes = xp.arange(n_classes, device=device(logits))
    labels = xp.astype(labels, classes.dtype)
    # Subtracting the row's maximum leaves softmax unchanged and keeps exp from overflowing. It is
    # looked up, because `argmax` is needed anyway and NumPy's `max` along short rows is slow.
    best = xp.argmax(logits, axis=1)
    shifted = logits - xp.take_along_axis(logits, best[:, None], axis=1)
    exponentials = xp.exp(shifted)
    # A bad label makes its row's sum NaN, and with it all that is computed from the sum.
    is_class = (labels >= 0) & (labels < n_classes)
    total = xp.sum(exponentials, axis=1)
    total = xp.where(is_class, total, xp.full_like(total, float("nan")))
    # Clipped, because a label out of range wraps around (CuPy) or raises (array-api-strict).
    index = xp.clip(labels, 0, n_classes - 1)[:, None]
    losses = xp.log(total) - xp.take_along_axis(shifted, index, axis=1)[:, 0]
    target = xp.astype(labels[:, None] == classes[None, :], logits.dtype)
    dlogits = exponentials / total[:, None] - target
    correct = (best == labels) & ~xp.isnan(total)
    return losses, dlogits, xp.astype(correct, xp.int32)


def bias_relu(z: Array, bias: Array) -> Array:
    """Add the bias to every row and rectify. See `kernels.bias_relu`."""
    xp = array_namespace(z, bias)
    z += bias
    return xp.maximum(z, xp.zeros_like(bias))


def relu_backward(dh: Array, h: Array) -> tuple[Array, Array]:
    """Pass the gradient through the rectifier and sum its columns. See `kernels.relu_backward`."""
    xp = array_namespace(dh, h)
    # Multiplying, unlike `where`, lets an infinite or NaN gradient show itself as NaN.
    dh *= xp.astype(h > 0, dh.dtype)
    return dh, xp.sum(dh, axis=0)


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
    """Advance one parameter array and its velocity. See `kernels.momentum_update`."""
    # One factor for both scales, and none where it is 1: passes over the gradients less.
    scale = learning_rate * gradient_scale
    if scale != 1.0:
        gradient_sum *= scale
    if l2 != 0.0:
        gradient_sum += (learning_rate * l2) * parameter
    velocity *= momentum
    velocity += gradient_sum
    if nesterov:
        gradient_sum += momentum * velocity
        parameter -= gradient_sum
    else:
        parameter -= velocity
    return parameter, velocity


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
) -> Iterator[tuple[Array, ...]]:
    """Train with a step each time the iterator goes on. See `kernels.minibatch_steps`."""
    xp = array_namespace(order)
    losses = xp.zeros(order.shape[0], dtype=layers[0][0].dtype, device=device(order))
    correct = xp.zeros(order.shape[0], dtype=xp.int32, device=device(order))
    for batch, rate in steps:
        (weight, bias), (last_weight, last_bias) = layers
        rows = order[batch]
        x = xp.astype(xp.take(features, rows, axis=0), weight.dtype)
        if scale != 1.0:
            x *= scale
        hidden = bias_relu(x @ weight, bias)
        logits = hidden @ last_weight
        logits += last_bias
        seen, dlogits, right = softmax_cross_entropy(logits, xp.take(labels, rows, axis=0))
        dz, db = relu_backward(dlogits @ last_weight.T, hidden)
        gradients = ((x.T @ dz, db), (hidden.T @ dlogits, xp.sum(dlogits, axis=0)))
        options = {"gradient_scale": rate * (1.0 / rows.shape[0]), "nesterov": nesterov}
        stepped = [
            momentum_update(*arrays, 1.0, momentum, l2=decay, **options)
            for layer in zip(layers, velocity, gradients, strict=True)
            for arrays, decay in zip(zip(*layer, strict=True), (rate * l2, 0.0), strict=True)
        ]
        parameters, velocities = zip(*stepped, strict=True)
        layers, velocity = ((p[:2], p[2:]) for p in (parameters, velocities))
        losses = xp.concat([losses[: batch.start], seen, losses[batch.stop :]])
        correct = xp.concat([correct[: batch.start], right, correct[batch.stop :]])
        yield layers, velocity, losses, correct

"""The fused operations of a training step: one name, one contract.

Each function checks shapes and dtypes, then asks the array: CuPy arrays that the CUDA kernels take
go to `kernels.cuda`, NumPy's to `kernels.cpu`, which keeps the rectifier in cache, and all
others to the array-API definition in `kernels.reference`. Arguments marked *donated* may be
overwritten: use only what is returned. Labels are not checked against the number of classes (that
would wait for the device); a label out of range shows itself as NaN.

Five operations are parts of a step; `minibatch_steps` does whole ones (see `kernels.minibatch`).
"""

from types import ModuleType

import numpy as np
from array_api_compat import is_cupy_array

from . import cpu, reference
from .checks import check_float, check_labels, check_same_dtype, check_shape
from .minibatch import Stepped, fuses_minibatch, minibatch_steps
from .namespace import Array, array_namespace

__all__ = [
    "Array",
    "Stepped",
    "array_namespace",
    "bias_relu",
    "fuses_minibatch",
    "minibatch_steps",
    "momentum_update",
    "momentum_update_product",
    "relu_backward",
    "softmax_cross_entropy",
]


def softmax_cross_entropy(logits: Array, labels: Array) -> tuple[Array, Array, Array]:
    """Return every row's cross-entropy loss, its gradient and whether its prediction is right.

    ``losses[n] = logsumexp(logits[n]) - logits[n, labels[n]]`` and
    ``dlogits[n] = softmax(logits[n]) - onehot(labels[n])``, the derivative of ``losses[n]``
    (not divided by the number of rows).

    Parameters
    ----------
    logits : (N, K) float32 or float64
        Unnormalised scores; K at least 1. Left untouched.
    labels : (N,) uint8, int32 or int64
        Class indices in [0, K). Left untouched.

    Returns
    -------
    losses : (N,) dtype of logits
        Never negative. +inf where the target's logit is -inf and another one is finite.
    dlogits : (N, K) dtype of logits
        Every row sums to 0.
    correct : (N,) int32
        1 where the label is the class of the largest logit (the first of equal ones), else 0.

    A label out of range, or logits whose softmax is undefined (a NaN, a +inf, all of them -inf),
    make the row's loss and gradient NaN and its `correct` 0.

    Raises
    ------
    ValueError
        Shapes other than (N, K) and (N,).
    TypeError
        Other dtypes, or arrays of different libraries.

    Notes
    -----
    Derivation: mlp/README.md, "The loss".
    """
    xp = array_namespace(logits, labels)
    if logits.ndim != 2:
        raise ValueError(f"logits must have shape (N, K), got {logits.shape}")
    check_shape("labels", labels, (logits.shape[0],), "pass class indices, not one-hot rows")
    check_float(xp, "logits", logits)
    check_labels(xp, labels)
    return _implementation(xp, logits, labels).softmax_cross_entropy(logits, labels)  # type: ignore[no-any-return]


def bias_relu(z: Array, bias: Array) -> Array:
    """Add a bias to every row and rectify: ``max(z + bias, 0)``.

    Parameters
    ----------
    z : (N, H) float32 or float64
        Donated.
    bias : (H,) dtype of z

    Returns
    -------
    (N, H) dtype of z
        Never negative; NaN stays NaN.

    Raises
    ------
    ValueError
        Shapes other than (N, H) and (H,).
    TypeError
        Other dtypes, or arrays of different libraries.
    """
    xp = array_namespace(z, bias)
    if z.ndim != 2:
        raise ValueError(f"z must have shape (N, H), got {z.shape}")
    check_shape("bias", bias, (z.shape[1],))
    check_float(xp, "z", z)
    check_same_dtype(z, bias=bias)
    return _implementation(xp, z, bias).bias_relu(z, bias)


def relu_backward(dh: Array, h: Array) -> tuple[Array, Array]:
    """Pass a gradient through the rectifier and sum its columns for the bias.

    ``dz = dh * (h > 0)`` and ``db = dz.sum(axis=0)``, summed in a fixed order. The mask is
    multiplied, not selected, so that an infinite or NaN ``dh`` behind a zero ``h`` becomes NaN
    instead of vanishing.

    Parameters
    ----------
    dh : (N, H) float32 or float64
        Derivative by the rectifier's output. Donated.
    h : (N, H) dtype of dh
        The rectifier's output (what `bias_relu` returned). Left untouched.

    Returns
    -------
    dz : (N, H) dtype of dh
    db : (H,) dtype of dh

    Raises
    ------
    ValueError
        Shapes that differ or are not (N, H).
    TypeError
        Other dtypes, or arrays of different libraries.

    Notes
    -----
    Derivation: mlp/README.md, "The hidden layer".
    """
    xp = array_namespace(dh, h)
    if dh.ndim != 2:
        raise ValueError(f"dh must have shape (N, H), got {dh.shape}")
    check_shape("h", h, dh.shape)
    check_float(xp, "dh", dh)
    check_same_dtype(dh, h=h)
    return _implementation(xp, dh, h).relu_backward(dh, h)  # type: ignore[no-any-return]


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
    """Advance one parameter array by one step of gradient descent with momentum.

    ``g = gradient_scale * gradient_sum + l2 * parameter``, then
    ``velocity <- momentum * velocity + learning_rate * g`` and
    ``parameter <- parameter - velocity``; with `nesterov`
    ``parameter <- parameter - (momentum * velocity + learning_rate * g)``.

    Parameters
    ----------
    parameter, velocity, gradient_sum : arrays of one shape, float32 or float64
        All three donated. On NumPy and CuPy the first two are updated in place, also through
        contiguous views.
    learning_rate, momentum, gradient_scale, l2 : float
        Python floats: a ``numpy.float64`` would widen float32 arrays. `gradient_scale` turns a
        sum over rows into a mean; `l2` is the coefficient of half the squared norm.
    nesterov : bool
        Look ahead along the new velocity.

    Returns
    -------
    parameter, velocity
        Of the shape and dtype given.

    Raises
    ------
    ValueError
        Shapes that differ.
    TypeError
        Other dtypes, or arrays of different libraries.

    Notes
    -----
    The velocity carries the learning rate, as in Polyak's heavy ball and Keras (whose velocity is
    its negative); PyTorch's buffer is ``velocity / learning_rate`` while the rate is constant.
    """
    xp = array_namespace(parameter, velocity, gradient_sum)
    check_shape("velocity", velocity, parameter.shape)
    check_shape("gradient_sum", gradient_sum, parameter.shape)
    check_float(xp, "parameter", parameter)
    check_same_dtype(parameter, velocity=velocity, gradient_sum=gradient_sum)
    implementation = _implementation(xp, parameter, velocity, gradient_sum)
    return implementation.momentum_update(  # type: ignore[no-any-return]
        parameter,
        velocity,
        gradient_sum,
        float(learning_rate),
        float(momentum),
        gradient_scale=float(gradient_scale),
        l2=float(l2),
        nesterov=nesterov,
    )


def momentum_update_product(
    parameter: Array,
    velocity: Array,
    left: Array,
    right: Array,
    momentum: float,
    *,
    l2: float = 0.0,
    nesterov: bool = False,
) -> tuple[Array, Array]:
    """Advance one parameter array along the gradient ``left.T @ right``.

    What `momentum_update` does of that product, to the bit, with a learning rate of 1; on NumPy
    BLAS adds the product to the velocity, where it can, and no gradient is ever an array.

    Parameters
    ----------
    parameter, velocity : (M, H) float32 or float64
        Donated; on NumPy and CuPy they are updated in place.
    left : (N, M) dtype of parameter
        What entered the layer. Left untouched.
    right : (N, H) dtype of parameter
        Derivatives by the layer's output, times the learning rate. Left untouched.
    momentum, l2 : float
        See `momentum_update`; `l2` too is multiplied by the learning rate already.
    nesterov : bool
        See there.

    Returns
    -------
    parameter, velocity

    Raises
    ------
    ValueError
        Shapes that do not go together.
    TypeError
        Other dtypes, or arrays of different libraries.
    """
    xp = array_namespace(parameter, velocity, left, right)
    if left.ndim != 2 or right.ndim != 2:
        raise ValueError(f"left and right must have two axes, got {left.shape}, {right.shape}")
    check_shape("right", right, (left.shape[0], right.shape[1]))
    check_shape("parameter", parameter, (left.shape[1], right.shape[1]))
    check_shape("velocity", velocity, parameter.shape)
    check_float(xp, "parameter", parameter)
    check_same_dtype(parameter, velocity=velocity, left=left, right=right)
    if xp is not np:
        gradient = left.T @ right
        return momentum_update(
            parameter, velocity, gradient, 1.0, momentum, l2=l2, nesterov=nesterov
        )
    return cpu.momentum_update_product(
        parameter, velocity, left, right, float(momentum), l2=float(l2), nesterov=nesterov
    )


def _implementation(xp: Array, *arrays: Array) -> ModuleType:
    """Choose by the arrays' own type; CuPy is imported only where its arrays are."""
    if xp is np:
        return cpu
    if is_cupy_array(arrays[0]):
        from . import cuda

        if cuda.supports(*arrays):
            return cuda
    return reference

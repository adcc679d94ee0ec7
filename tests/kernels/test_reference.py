import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tolerances import ROUNDING

import kernels
from kernels import reference

DTYPES = ["float32", "float64"]
LABEL_DTYPES = ["uint8", "int32", "int64"]

# The operations as the package offers them (on NumPy `kernels.cpu`), and their definition.
both = pytest.mark.parametrize("operations", [kernels, reference], ids=["kernels", "reference"])


def case(n, k, dtype="float64", label_dtype="int64", seed=0):
    rng = np.random.default_rng(seed)
    logits = (3 * rng.normal(size=(n, k))).astype(dtype)
    return logits, rng.integers(0, min(k, 256), n).astype(label_dtype)


@both
@pytest.mark.parametrize("label_dtype", LABEL_DTYPES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("n", "k"), [(1, 2), (31, 10), (64, 33), (7, 1000), (5, 1)])
def test_cross_entropy_against_the_definition_in_float64(operations, n, k, dtype, label_dtype):
    logits, labels = case(n, k, dtype, label_dtype)
    kept = logits.copy()
    losses, dlogits, correct = operations.softmax_cross_entropy(logits, labels)
    np.testing.assert_array_equal(logits, kept)
    assert losses.dtype == dlogits.dtype == dtype
    assert correct.dtype == np.int32
    wide = kept.astype(np.float64)
    log_sum_exp = np.log(np.exp(wide).sum(axis=1))
    np.testing.assert_allclose(losses, log_sum_exp - wide[np.arange(n), labels], **ROUNDING[dtype])
    expected = np.exp(wide - log_sum_exp[:, None])
    expected[np.arange(n), labels] -= 1
    np.testing.assert_allclose(dlogits, expected, **ROUNDING[dtype])
    np.testing.assert_array_equal(correct, wide.argmax(axis=1) == labels)


@both
@pytest.mark.parametrize("dtype", DTYPES)
@given(data=st.data())
@settings(max_examples=50, deadline=None)
def test_cross_entropy_properties(operations, data, dtype):
    n, k = data.draw(st.integers(1, 8)), data.draw(st.integers(1, 40))
    scale = data.draw(st.sampled_from([1e-3, 1.0, 1e2, 1e4]))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    logits = rng.uniform(-scale, scale, (n, k)).astype(dtype)
    labels = rng.integers(0, k, n)
    losses, dlogits, correct = operations.softmax_cross_entropy(logits, labels)
    assert (losses >= 0).all()
    assert np.isfinite(losses).all()
    assert ((dlogits >= -1) & (dlogits <= 1)).all()
    np.testing.assert_allclose(dlogits.sum(axis=1), np.zeros(n), **ROUNDING[dtype])
    shift = np.asarray(2.0 ** data.draw(st.integers(-3, 3)), dtype)
    # Rounding logits + shift to the grid first makes the shifted logits exact.
    grid = np.round(logits * 4) / 4
    shifted = operations.softmax_cross_entropy((grid + shift).astype(dtype), labels)
    for value, expected in zip(
        shifted, operations.softmax_cross_entropy(grid.astype(dtype), labels), strict=True
    ):
        np.testing.assert_allclose(value, expected, **ROUNDING[dtype])
    assert set(np.unique(correct)) <= {0, 1}


@both
@pytest.mark.parametrize("dtype", DTYPES)
def test_large_logits_are_exact(operations, dtype):
    logits = np.array([[1e4, -1e4, 0.0], [-1e4, 1e4, 0.0]], dtype)
    losses, dlogits, correct = operations.softmax_cross_entropy(logits, np.array([0, 0]))
    np.testing.assert_array_equal(losses, np.array([0.0, 2e4], dtype))
    np.testing.assert_array_equal(dlogits, [[0, 0, 0], [-1, 1, 0]])
    np.testing.assert_array_equal(correct, [1, 0])


@both
def test_ties_go_to_the_first_class(operations):
    logits = np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0]])
    np.testing.assert_array_equal(
        operations.softmax_cross_entropy(logits, np.array([0, 1]))[2], [1, 0]
    )


@both
@pytest.mark.parametrize("label_dtype", LABEL_DTYPES)
@pytest.mark.parametrize("bad", [3, 255, -1])
def test_a_bad_label_gives_nan_and_leaves_the_other_rows_alone(operations, bad, label_dtype):
    if bad < 0 and label_dtype == "uint8":
        bad = 254
    logits, labels = case(4, 3, label_dtype=label_dtype)
    expected = operations.softmax_cross_entropy(logits, labels)
    labels[2] = bad
    losses, dlogits, correct = operations.softmax_cross_entropy(logits, labels)
    assert np.isnan(losses[2])
    assert np.isnan(dlogits[2]).all()
    assert correct[2] == 0
    for value, whole in zip((losses, dlogits, correct), expected, strict=True):
        np.testing.assert_array_equal(np.delete(value, 2, 0), np.delete(whole, 2, 0))


@both
@pytest.mark.parametrize(
    "row",
    [[np.nan, 0, 1], [0, 1, np.nan], [np.inf, 0, 1], [np.inf, np.inf, 0], [-np.inf] * 3],
    ids=str,
)
@pytest.mark.parametrize("label", [0, 2])
def test_an_undefined_softmax_gives_nan(operations, row, label):
    with np.errstate(invalid="ignore"):
        losses, dlogits, correct = operations.softmax_cross_entropy(
            np.array([row]), np.array([label])
        )
    assert np.isnan(losses[0])
    assert np.isnan(dlogits[0]).all()
    assert correct[0] == 0


@both
def test_minus_infinity_at_the_target_gives_an_infinite_loss_and_a_finite_gradient(operations):
    losses, dlogits, correct = operations.softmax_cross_entropy(
        np.array([[0.0, -np.inf, 0.0]]), np.array([1])
    )
    assert losses[0] == np.inf
    np.testing.assert_array_equal(dlogits, [[0.5, -1.0, 0.5]])
    assert correct[0] == 0


@both
@pytest.mark.parametrize("dtype", DTYPES)
def test_bias_relu(operations, dtype):
    z = np.array([[1.0, -3.0, np.nan], [-1.0, 2.0, np.inf]], dtype)
    h = operations.bias_relu(z.copy(), np.array([0.5, 1.0, 0.0], dtype))
    assert h.dtype == dtype
    np.testing.assert_array_equal(h, [[1.5, 0.0, np.nan], [0.0, 3.0, np.inf]])


@both
@pytest.mark.parametrize("dtype", DTYPES)
def test_relu_backward_masks_and_sums_the_columns(operations, dtype):
    h = np.array([[2.0, 0.0], [0.0, 1.0], [3.0, 4.0]], dtype)
    dh = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], dtype)
    dz, db = operations.relu_backward(dh.copy(), h)
    assert dz.dtype == db.dtype == dtype
    np.testing.assert_array_equal(dz, [[1.0, 0.0], [0.0, 4.0], [5.0, 6.0]])
    np.testing.assert_array_equal(db, [6.0, 10.0])


@both
def test_an_infinite_gradient_behind_the_mask_stays_visible(operations):
    with np.errstate(invalid="ignore"):
        dz, db = operations.relu_backward(np.array([[np.inf, np.nan]]), np.zeros((1, 2)))
    assert np.isnan(dz).all()
    assert np.isnan(db).all()


@both
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("l2", [0.0, 0.25])
def test_momentum_update_by_hand(operations, dtype, nesterov, l2):
    """Powers of two make every step exact: g = 0.5*4 + l2*8, nu = 0.5*2 + 0.25*g."""
    parameter, velocity = np.array([8.0], dtype), np.array([2.0], dtype)
    gradient = np.array([4.0], dtype)
    new_parameter, new_velocity = operations.momentum_update(
        parameter, velocity, gradient, 0.25, 0.5, gradient_scale=0.5, l2=l2, nesterov=nesterov
    )
    g = 2.0 + 8.0 * l2
    nu = 1.0 + 0.25 * g
    assert new_velocity.dtype == new_parameter.dtype == dtype
    assert new_velocity[0] == nu
    assert new_parameter[0] == 8.0 - (0.5 * nu + 0.25 * g if nesterov else nu)


@both
def test_momentum_update_writes_in_place_through_views(operations):
    parameter, velocity = np.ones(10), np.zeros(10)
    operations.momentum_update(parameter[2:5], velocity[2:5], np.ones(3), 0.5, 0.0)
    np.testing.assert_array_equal(parameter, [1, 1, 0.5, 0.5, 0.5, 1, 1, 1, 1, 1])
    np.testing.assert_array_equal(velocity, [0, 0, 0.5, 0.5, 0.5, 0, 0, 0, 0, 0])


@both
@pytest.mark.parametrize("dtype", DTYPES)
def test_an_empty_batch_gives_empty_results(operations, dtype):
    losses, dlogits, correct = operations.softmax_cross_entropy(
        np.empty((0, 3), dtype), np.empty(0, np.int64)
    )
    assert (losses.shape, dlogits.shape, correct.shape) == ((0,), (0, 3), (0,))
    dz, db = operations.relu_backward(np.empty((0, 3), dtype), np.empty((0, 3), dtype))
    assert dz.shape == (0, 3)
    np.testing.assert_array_equal(db, np.zeros(3))


FLOATS = np.zeros((4, 3), np.float32)
LABELS = np.zeros(4, np.int64)


@pytest.mark.parametrize(
    ("error", "message", "call"),
    [
        (ValueError, r"labels must have shape \(4,\), got \(4, 1\); pass class indices",
         lambda: kernels.softmax_cross_entropy(FLOATS, LABELS[:, None])),
        (ValueError, r"logits must have shape \(N, K\), got \(4,\)",
         lambda: kernels.softmax_cross_entropy(LABELS, LABELS)),
        (TypeError, "logits must be float32 or float64, got int64",
         lambda: kernels.softmax_cross_entropy(FLOATS.astype(np.int64), LABELS)),
        (TypeError, "labels must be uint8, int32 or int64, got float32",
         lambda: kernels.softmax_cross_entropy(FLOATS, FLOATS[:, 0])),
        (ValueError, r"bias must have shape \(3,\), got \(4,\)",
         lambda: kernels.bias_relu(FLOATS, np.zeros(4, np.float32))),
        (TypeError, "bias must be float32 like the others, got float64",
         lambda: kernels.bias_relu(FLOATS, np.zeros(3))),
        (ValueError, r"h must have shape \(4, 3\), got \(3, 3\)",
         lambda: kernels.relu_backward(FLOATS, FLOATS[:3])),
        (TypeError, "h must be float32 like the others, got float64",
         lambda: kernels.relu_backward(FLOATS, np.zeros((4, 3)))),
        (ValueError, r"velocity must have shape \(4, 3\), got \(3,\)",
         lambda: kernels.momentum_update(FLOATS, FLOATS[0], FLOATS, 0.1, 0.9)),
        (ValueError, r"left and right must have two axes, got \(4,\), \(4, 3\)",
         lambda: kernels.momentum_update_product(FLOATS, FLOATS, FLOATS[:, 0], FLOATS, 0.9)),
        (ValueError, r"right must have shape \(4, 3\), got \(3, 3\)",
         lambda: kernels.momentum_update_product(FLOATS, FLOATS, FLOATS, FLOATS[:3], 0.9)),
        (ValueError, r"parameter must have shape \(3, 3\), got \(4, 3\)",
         lambda: kernels.momentum_update_product(FLOATS, FLOATS, FLOATS, FLOATS, 0.9)),
        (TypeError, "right must be float32 like the others, got float64",
         lambda: kernels.momentum_update_product(
             FLOATS[:3], FLOATS[:3], FLOATS, np.zeros((4, 3)), 0.9)),
        (TypeError, "gradient_sum must be float32 like the others, got float64",
         lambda: kernels.momentum_update(FLOATS, FLOATS, np.zeros((4, 3)), 0.1, 0.9)),
    ],
)  # fmt: skip
def test_wrong_arguments_are_named(error, message, call):
    with pytest.raises(error, match=message):
        call()


def test_arrays_of_two_libraries_are_refused():
    import array_api_strict

    with pytest.raises(TypeError, match=r"[Mm]ultiple namespaces"):
        kernels.bias_relu(FLOATS, array_api_strict.zeros(3, dtype=array_api_strict.float32))

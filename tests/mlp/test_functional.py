import numpy as np
import pytest
from bits import assert_same_bits
from tolerances import ROUNDING

from mlp import functional


def test_relu_rectifies_and_keeps_nan():
    x = np.array([-2.0, 0.0, 3.0, np.nan, -np.inf, np.inf])
    np.testing.assert_array_equal(functional.relu(x), [0.0, 0.0, 3.0, np.nan, 0.0, np.inf])


def test_softmax_of_known_logits():
    np.testing.assert_allclose(
        functional.softmax(np.log([[1.0, 2.0, 5.0]])), [[0.125, 0.25, 0.625]], **ROUNDING["float64"]
    )


@pytest.mark.parametrize("shift", [-1e4, 1e4])
def test_softmax_does_not_change_with_a_shift(shift):
    logits = np.random.default_rng(0).integers(-8, 8, (7, 10)).astype(np.float64)
    assert_same_bits(functional.softmax(logits + shift), functional.softmax(logits))


def test_linear_adds_the_bias_to_every_row():
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    weight = np.array([[1.0, 0.0, 2.0], [0.0, 1.0, -1.0]])
    out = functional.linear(x, weight, np.array([10.0, 20.0, 30.0]))
    np.testing.assert_array_equal(out, [[11.0, 22.0, 30.0], [13.0, 24.0, 32.0]])


def test_one_hot():
    rows = functional.one_hot(np.array([2, 0], dtype=np.uint8), 3, dtype=np.float32)
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(rows, [[0, 0, 1], [1, 0, 0]])


def test_average_cross_entropy_of_known_probabilities():
    targets = np.array([[1.0, 0.0], [0.0, 1.0]])
    predictions = np.array([[0.5, 0.5], [0.75, 0.25]])
    expected = (np.log(2) + np.log(4)) / 2
    np.testing.assert_allclose(
        functional.average_cross_entropy(targets, predictions), expected, **ROUNDING["float64"]
    )


def test_average_cross_entropy_is_finite_when_a_probability_underflows():
    targets = np.array([[0.0, 1.0]])
    loss = functional.average_cross_entropy(targets, functional.softmax(np.array([[0.0, -1e4]])))
    assert 700 < loss < 710  # -log of the smallest normal float64


def test_grad_cross_entropy_is_the_derivative_of_the_average():
    rng = np.random.default_rng(1)
    logits = rng.normal(size=(4, 5))
    targets = functional.one_hot(np.array([0, 4, 2, 2]), 5)
    step = 1e-6
    numeric = np.empty_like(logits)
    for index in np.ndindex(*logits.shape):
        losses = []
        for sign in (1, -1):
            moved = logits.copy()
            moved[index] += sign * step
            losses.append(functional.average_cross_entropy(targets, functional.softmax(moved)))
        numeric[index] = (losses[0] - losses[1]) / (2 * step)
    analytic = functional.grad_cross_entropy(targets, logits)
    assert np.linalg.norm(numeric - analytic) <= 1e-8 * np.linalg.norm(analytic)


def test_accuracy_counts_rows_and_gives_ties_to_the_first_class():
    targets = functional.one_hot(np.array([0, 1, 2]), 3)
    predictions = np.array([[0.4, 0.4, 0.2], [0.5, 0.5, 0.0], [0.1, 0.2, 0.7]])
    np.testing.assert_allclose(
        functional.accuracy(targets, predictions), 2 / 3, **ROUNDING["float64"]
    )

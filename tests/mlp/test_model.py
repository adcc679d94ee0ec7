import numpy as np
import pytest
from bits import assert_same_bits
from tolerances import GRADIENT, ROUNDING

from mlp import functional, init_parameters, predict, predict_probabilities
from mlp.model import (
    Layer,
    add_sums,
    evaluate,
    forward,
    loss_and_gradients,
    map_arrays,
    named_arrays,
)

SIZES = [(12, 9, 4), (12, 8, 7, 6, 4)]  # one hidden layer and three

SEED = 3  # no pre-activation of either network is within a step of its kink


def rows(n, seed=3):
    rng = np.random.default_rng(seed)
    return rng.uniform(size=(n, 12)), rng.integers(0, 4, n).astype(np.uint8)


def pre_activations(parameters, x):
    """Return every z = h @ W + b before a rectifier, from the textbook definitions."""
    values = []
    for weight, bias in parameters[:-1]:
        values.append(functional.linear(x, weight, bias))
        x = functional.relu(values[-1])
    return values


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_gradients_agree_with_central_finite_differences(sizes):
    parameters = init_parameters(sizes, seed=SEED, dtype="float64")
    x, labels = rows(30)
    step = 1e-5
    analytic = named_arrays(loss_and_gradients(parameters, x, labels).gradients)
    signs = [z > 0 for z in pre_activations(parameters, x)]
    for name, array in named_arrays(parameters).items():
        numeric = np.empty_like(array)
        for index in np.ndindex(*array.shape):
            kept, losses = array[index], []
            for moved in (kept + step, kept - step):
                array[index] = moved
                losses.append(evaluate(parameters, x, labels).loss)
                # A kink inside the step would make the difference quotient meaningless.
                for z, sign in zip(pre_activations(parameters, x), signs, strict=True):
                    assert ((z > 0) == sign).all()
            array[index] = kept
            numeric[index] = (losses[0] - losses[1]) / (2 * step)
        error = np.linalg.norm(numeric - analytic[name]) / np.linalg.norm(analytic[name])
        assert error <= GRADIENT, (name, error)


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_forward_and_loss_are_the_textbook_definitions(sizes):
    parameters = init_parameters(sizes, seed=5, dtype="float64")
    x, labels = rows(11)
    h = x
    for weight, bias in parameters[:-1]:
        h = functional.relu(functional.linear(h, weight, bias))
    logits = functional.linear(h, *parameters[-1])
    np.testing.assert_allclose(forward(parameters, x)[0], logits, **ROUNDING["float64"])
    targets = functional.one_hot(labels, 4)
    probabilities = functional.softmax(logits)
    sums = evaluate(parameters, x, labels)
    np.testing.assert_allclose(
        sums.loss / 11,
        functional.average_cross_entropy(targets, probabilities),
        **ROUNDING["float64"],
    )
    assert sums.correct == 11 * functional.accuracy(targets, logits)
    assert sums.rows == 11
    np.testing.assert_allclose(
        predict_probabilities(parameters, x), probabilities, **ROUNDING["float64"]
    )
    np.testing.assert_array_equal(predict(parameters, x), np.argmax(logits, axis=1))


def test_sums_of_two_pieces_add_up_to_the_sums_of_all_rows():
    parameters = init_parameters((12, 9, 4), seed=5, dtype="float64")
    x, labels = rows(20)
    whole = loss_and_gradients(parameters, x, labels)
    parts = add_sums(
        loss_and_gradients(parameters, x[:13], labels[:13]),
        loss_and_gradients(parameters, x[13:], labels[13:]),
    )
    assert parts.rows == whole.rows == 20
    assert parts.correct == whole.correct
    np.testing.assert_allclose(parts.loss, whole.loss, **ROUNDING["float64"])
    for mine, theirs in zip(parts.gradients, whole.gradients, strict=True):
        np.testing.assert_allclose(mine.weight, theirs.weight, **ROUNDING["float64"])
        np.testing.assert_allclose(mine.bias, theirs.bias, **ROUNDING["float64"])


def test_initial_weights_are_xavier_normal_and_biases_zero():
    parameters = init_parameters((784, 1000, 10), seed=421, dtype="float32")
    for layer, variance in zip(parameters, (2 / 1784, 2 / 1010), strict=True):
        assert layer.weight.dtype == layer.bias.dtype == np.float32
        assert abs(layer.weight.var() / variance - 1) < 0.05
        assert abs(layer.weight.mean()) < 4 * (variance / layer.weight.size) ** 0.5
        assert not layer.bias.any()


def test_initial_weights_depend_on_the_seed_and_the_layer_only():
    one = init_parameters((6, 6, 6), seed=1, dtype="float64")
    again = init_parameters((6, 6, 6), seed=1, dtype="float64")
    other = init_parameters((6, 6, 6), seed=2, dtype="float64")
    assert_same_bits(one[0].weight, again[0].weight)
    assert (one[0].weight != other[0].weight).all()
    assert (one[0].weight != one[1].weight).all()


def test_arrays_are_mapped_place_by_place_and_networks_must_have_the_same_form():
    one, other = (init_parameters((6, 5, 3), seed=seed, dtype="float64") for seed in (1, 2))
    seen = []
    total = map_arrays(lambda *arrays: seen.append(arrays) or arrays[0] - arrays[1], one, other)
    assert [type(layer) for layer in total] == [Layer, Layer]
    for name, array in named_arrays(total).items():
        assert_same_bits(array, named_arrays(one)[name] - named_arrays(other)[name])
    assert [first.shape for first, _ in seen] == [(6, 5), (5,), (5, 3), (3,)]
    assert map_arrays(lambda array: array, ()) == ()
    with pytest.raises(ValueError, match="shorter"):
        map_arrays(np.add, one, other[:1])

"""The same code on every array library, against NumPy in float64."""

from functools import partial

import numpy as np
import pytest
from array_libraries import CASES, Library, use
from bits import assert_same_bits
from tolerances import LIBRARIES, TRAINING

import kernels
from mlp import (
    TrainingConfig,
    functional,
    init_parameters,
    predict,
    predict_probabilities,
    train,
)
from mlp.device import to_numpy
from mlp.model import Layer, evaluate, forward, loss_and_gradients, named_arrays
from mlp.optimizer import Momentum
from mlp.training import initial_state


@pytest.fixture
def backend(request, need):
    library, dtype = request.param
    with use(library, dtype, need) as backend:
        yield backend


def cases(function):
    return pytest.mark.parametrize("backend", CASES, indirect=True)(function)


def problem(dtype):
    """Draw float64 numbers that the case's dtype represents exactly."""
    rng = np.random.default_rng(3)
    parameters = init_parameters((6, 8, 5, 4), seed=2, dtype=dtype)
    biased = [
        Layer(w.astype(np.float64), rng.normal(size=b.shape).astype(dtype).astype(np.float64))
        for w, b in parameters
    ]
    x = rng.normal(size=(17, 6)).astype(dtype).astype(np.float64)
    return tuple(biased), x, rng.integers(0, 4, 17)


def put(backend, parameters):
    return tuple(Layer(*map(backend.put, layer)) for layer in parameters)


def assert_layers_close(backend, actual, expected, tolerance):
    for name, array in named_arrays(expected).items():
        backend.assert_close(named_arrays(actual)[name], to_numpy(array), **tolerance)


@cases
@pytest.mark.parametrize("label_dtype", ["uint8", "int32", "int64"])
def test_functional(backend, label_dtype):
    (layer, *_), x, labels = problem(backend.dtype)
    close = partial(backend.assert_close, **LIBRARIES[backend.dtype])
    logits = functional.linear(x, *layer)
    ours = functional.linear(*map(backend.put, (x, *layer)))
    close(ours, logits)
    close(functional.relu(ours), functional.relu(logits))
    close(functional.softmax(ours), functional.softmax(logits))
    targets = functional.one_hot(
        backend.put(labels.astype(label_dtype)), logits.shape[1], dtype=backend.float
    )
    expected = functional.one_hot(labels, logits.shape[1])
    close(targets, expected)
    for function, predictions, theirs in (
        (functional.average_cross_entropy, functional.softmax(ours), functional.softmax(logits)),
        (functional.grad_cross_entropy, ours, logits),
        (functional.accuracy, ours, logits),
    ):
        close(function(targets, predictions), function(expected, theirs))


@cases
@pytest.mark.parametrize("label_dtype", ["uint8", "int32", "int64"])
def test_softmax_cross_entropy(backend, label_dtype):
    close = partial(backend.assert_close, **LIBRARIES[backend.dtype])
    logits = 3 * np.random.default_rng(1).normal(size=(33, 10)).astype(backend.dtype)
    labels = np.arange(33) % 10
    ours = backend.put(logits), backend.put(labels.astype(label_dtype))
    expected = kernels.softmax_cross_entropy(logits.astype(np.float64), labels)
    for mine, theirs in zip(kernels.softmax_cross_entropy(*ours), expected, strict=True):
        close(mine, theirs)
    assert_same_bits(ours[0], logits)


@cases
def test_a_bad_label_gives_nan(backend):
    """Where a library would wrap the index around or raise."""
    labels = backend.put(np.array([-1, 1, 3]))
    losses, dlogits, correct = kernels.softmax_cross_entropy(backend.put(np.eye(3)), labels)
    np.testing.assert_array_equal(np.isnan(to_numpy(losses)), [True, False, True])
    np.testing.assert_array_equal(np.isnan(to_numpy(dlogits)).any(axis=1), [True, False, True])
    np.testing.assert_array_equal(to_numpy(correct), [0, 1, 0])


@cases
def test_bias_relu_and_its_gradient(backend):
    close = partial(backend.assert_close, **LIBRARIES[backend.dtype])
    rng = np.random.default_rng(2)
    z, bias, dh = (rng.normal(size=size).astype(backend.dtype) for size in ((9, 7), 7, (9, 7)))
    h = kernels.bias_relu(z.copy(), bias)
    ours = kernels.bias_relu(backend.put(z), backend.put(bias))
    close(ours, h)
    gradients = kernels.relu_backward(dh.copy(), h)
    for mine, theirs in zip(kernels.relu_backward(backend.put(dh), ours), gradients, strict=True):
        close(mine, theirs)


@cases
@pytest.mark.parametrize("nesterov", [False, True])
def test_momentum_update(backend, nesterov):
    rng = np.random.default_rng(4)
    arrays = [rng.normal(size=(5, 3)).astype(backend.dtype) for _ in range(3)]
    update = partial(
        kernels.momentum_update,
        learning_rate=0.1,
        momentum=0.9,
        gradient_scale=0.25,
        l2=0.01,
        nesterov=nesterov,
    )
    expected = update(*(array.astype(np.float64) for array in arrays))
    for mine, theirs in zip(update(*map(backend.put, arrays)), expected, strict=True):
        backend.assert_close(mine, theirs, **LIBRARIES[backend.dtype])


@cases
def test_model(backend):
    parameters, x, labels = problem(backend.dtype)
    close = partial(backend.assert_close, **LIBRARIES[backend.dtype])
    ours, rows, classes = put(backend, parameters), backend.put(x), backend.put(labels)
    close(forward(ours, rows)[0], forward(parameters, x)[0])
    close(predict_probabilities(ours, rows), predict_probabilities(parameters, x))
    close(predict(ours, rows), predict(parameters, x))
    mine, theirs = (
        loss_and_gradients(ours, rows, classes),
        loss_and_gradients(parameters, x, labels),
    )
    assert_layers_close(backend, mine.gradients, theirs.gradients, LIBRARIES[backend.dtype])
    for sums in (mine, evaluate(ours, rows, classes)):
        assert sums.rows == 17
        assert float(sums.correct) == theirs.correct
        np.testing.assert_allclose(float(sums.loss), theirs.loss, **LIBRARIES[backend.dtype])


@cases
def test_weights_of_rows(backend):
    parameters, x, labels = problem(backend.dtype)
    weights = np.linspace(0, 2, len(labels))
    ours = put(backend, parameters)
    mine = loss_and_gradients(ours, *map(backend.put, (x, labels, weights.astype(backend.dtype))))
    theirs = loss_and_gradients(parameters, x, labels, weights)
    assert_layers_close(backend, mine.gradients, theirs.gradients, LIBRARIES[backend.dtype])
    np.testing.assert_allclose(float(mine.loss), theirs.loss, **LIBRARIES[backend.dtype])
    assert float(mine.correct) == theirs.correct


@cases
def test_optimizer(backend):
    parameters, _, _ = problem(backend.dtype)
    gradients = tuple(Layer(np.cos(weight), np.sin(bias)) for weight, bias in parameters)

    def step(parameters, gradients):
        optimizer = Momentum(0.9, nesterov=True, l2=0.01)
        velocity = optimizer.init_velocity(parameters, 1e-5)
        return optimizer.update(parameters, velocity, gradients, 0.1, 0.1 / 4)

    ours = step(put(backend, parameters), put(backend, gradients))
    for mine, theirs in zip(ours, step(parameters, gradients), strict=True):
        assert_layers_close(backend, mine, theirs, LIBRARIES[backend.dtype])


def move(backend, dataset):
    return dataset.map(lambda rows: rows.map(backend.put))


@cases
@pytest.mark.parametrize(
    ("batch_size", "hidden", "weighted"),
    [
        (None, (8, 8), False),
        (64, (8, 8), False),
        (64, (200,), False),
        (64, (200,), True),
    ],
    ids=["full", "batches", "units", "weighted units"],
)
def test_training_changes_nothing_of_the_callers_and_returns_its_library(
    make_dataset, backend, batch_size, hidden, weighted
):
    # Shapes that repeat: JAX compiles every operation once for each shape.
    dataset = make_dataset(128, 64, 64, n_features=8, n_classes=8, weighted=weighted)
    config = TrainingConfig(
        hidden=hidden,
        epochs=4,
        dtype=backend.dtype,
        batch_size=batch_size,
        shard_rows=64,
        nesterov=True,
        l2=1e-3,
        early_stopping=3,
    )
    moved = move(backend, dataset)
    state = initial_state(moved, config)
    expected = train(dataset, config)
    arrays = [
        *(array for rows in moved.splits.values() for array in rows if array is not None),
        *named_arrays(state.parameters).values(),
        *named_arrays(state.velocity).values(),
    ]
    before = [to_numpy(array).copy() for array in arrays]
    ours = train(moved, config, state=state)
    for array, kept in zip(arrays, before, strict=True):
        assert_same_bits(array, kept)
    for mine, theirs in zip(ours.history, expected.history, strict=True):
        np.testing.assert_allclose(mine[1:-1], theirs[1:-1], **TRAINING[backend.dtype])
    assert_layers_close(backend, ours.parameters, expected.parameters, TRAINING[backend.dtype])
    assert_layers_close(backend, ours.velocity, expected.velocity, TRAINING[backend.dtype])
    x = backend.put(dataset.test.features / 255)
    np.testing.assert_array_equal(
        to_numpy(predict(ours.parameters, x)),
        predict(expected.parameters, (dataset.test.features / 255).astype(backend.dtype)),
    )


@pytest.mark.parametrize(
    ("library", "advice"),
    [
        (Library.JAX_FLOAT32, r"jax_enable_x64"),
        (Library.STRICT_FLOAT32, r"no_float64.*; use dtype float32"),
    ],
)
def test_float64_where_there_is_none_names_the_setting(make_dataset, need, library, advice):
    with use(library, "float32", need) as backend:
        moved = move(backend, make_dataset())
        with pytest.raises(ValueError, match=f"has no float64 .*{advice}"):
            train(moved, TrainingConfig(hidden=(8,), epochs=1, dtype="float64"))


@pytest.mark.parametrize("flag", [(), ("--all-libraries",)])
def test_a_missing_library_skips_visibly_or_fails(pytestconfig, need, monkeypatch, flag):
    monkeypatch.setattr(pytestconfig.option, "all_libraries", bool(flag))
    outcome = pytest.fail.Exception if flag else pytest.skip.Exception
    with pytest.raises(outcome, match="no_such_library cannot be imported"):
        need("no_such_library")

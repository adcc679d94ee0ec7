"""Rows that have weights: against other implementations, against repeated rows, to the bit."""

import sys
from dataclasses import replace
from types import SimpleNamespace

import array_api_strict
import numpy as np
import pytest
from bits import assert_same_bits, bits_of
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neural_network import MLPClassifier
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.validation import has_fit_parameter
from thread_ranks import MPI, on_ranks
from tolerances import GRADIENT, ROUNDING, TRAINING

from mlp import DataError, Dataset, Layer, Preparation, Rows, TrainingConfig, epochs, train
from mlp.epochs import by_rows, by_units
from mlp.keras_reference import train_keras
from mlp.model import (
    cross_entropy,
    evaluate,
    init_parameters,
    loss_and_gradients,
    named_arrays,
    parameters_sha256,
    to_sums,
)
from mlp.team import Team
from mlp.training import initial_state
from mlp.work import Work, epoch_order, step_kind

CONFIG = TrainingConfig(
    hidden=(24,), epochs=20, dtype="float64", learning_rate=0.05, velocity_init=0.0, threads=2
)
WAYS = {
    "full batch": {},
    "full batch in pieces": {"shard_rows": 70, "nesterov": True},
    "by rows": {"batch_size": 64, "hidden": (16, 8)},
    "by rows, l2": {"batch_size": 64, "shard_rows": 30, "l2": 0.01, "schedule": "cosine"},
    "by units": {"batch_size": 64, "l2": 0.01, "nesterov": True},
    "two sets of units": {"batch_size": 50, "hidden": (250,)},
    # A third of the weights is 0, so every ninth of such batches counts nothing.
    "pairs by units": {"batch_size": 2, "learning_rate": 0.005},
    "pairs by rows": {"batch_size": 2, "hidden": (16, 8), "learning_rate": 0.005},
}
every_way = pytest.mark.parametrize("way", WAYS)


def assert_same_training(mine, theirs):
    assert len(mine.history) == len(theirs.history)
    for one, other in zip(mine.history, theirs.history, strict=True):
        np.testing.assert_allclose(one[1:-1], other[1:-1], **TRAINING["float64"])
    for name in ("parameters", "velocity"):
        others = named_arrays(getattr(theirs, name))
        for key, array in named_arrays(getattr(mine, name)).items():
            np.testing.assert_allclose(array, others[key], **TRAINING["float64"], err_msg=key)


@every_way
def test_keras_comes_to_the_same_training(make_dataset, need, way):
    need("tensorflow")
    dataset = make_dataset(n_train=60 if "pairs" in way else 300, weighted=True)
    # Keras rounds momentum to float32, and the coefficient of l2.
    exact = {"momentum": float(np.float32(0.9)), "l2": 2**-7 if "l2" in WAYS[way] else 0.0}
    config = replace(CONFIG, **WAYS[way] | exact)
    assert_same_training(train(dataset, config), train_keras(dataset, config))


@pytest.fixture
def keras_in_float64(need):
    """Let Keras' `fit` hand on rows and weights in float64."""
    keras = need("tensorflow").keras
    before = keras.config.floatx()
    keras.config.set_floatx("float64")
    yield keras
    keras.config.set_floatx(before)


def test_keras_own_fit_with_its_own_reduction_comes_to_the_same_weights(
    make_dataset, keras_in_float64
):
    keras = keras_in_float64
    dataset = make_dataset(weighted=True)
    config = replace(CONFIG, momentum=0.75, nesterov=True)
    start = init_parameters((20, 24, 4), seed=config.seed, dtype="float64")
    model = keras.Sequential(
        [
            keras.Input((20,), dtype="float64"),
            keras.layers.Dense(24, activation="relu", dtype="float64"),
            keras.layers.Dense(4, dtype="float64"),
        ]
    )
    model.set_weights([array for layer in start for array in layer])
    try:
        loss = keras.losses.SparseCategoricalCrossentropy(
            from_logits=True, reduction="mean_with_sample_weight", dtype="float64"
        )
    except ValueError:
        pytest.skip("Keras has this reduction from 3.7 on")
    rate = keras.Variable(0.05, dtype="float64", trainable=False)
    model.compile(keras.optimizers.SGD(lambda: rate, 0.75, nesterov=True), loss)
    x, labels, weights = dataset.train
    options = {"batch_size": 300, "epochs": 20, "shuffle": False, "verbose": 0}
    model.fit(x / 255, labels, sample_weight=weights, **options)
    mine = train(dataset, config).parameters
    for layer, weight, bias in zip(mine, *[iter(model.get_weights())] * 2, strict=True):
        np.testing.assert_allclose(layer.weight, weight, **TRAINING["float64"])
        np.testing.assert_allclose(layer.bias, bias, **TRAINING["float64"])


def test_keras_balances_classes_too(make_dataset, need):
    need("tensorflow")
    dataset = make_dataset(weighted=True)
    config = replace(CONFIG, momentum=0.5, batch_size=64, class_weight="balanced")
    state = train_keras(dataset, config)
    assert_same_training(train(dataset, config), state)
    other = train_keras(dataset, replace(config, class_weight=None))
    assert parameters_sha256(state.parameters) != parameters_sha256(other.parameters)


@pytest.mark.parametrize("batch_size", [None, 50])
def test_scikit_learn_comes_to_the_same_weights(make_dataset, batch_size):
    """Step by step: it has an order of its own."""
    if not has_fit_parameter(MLPClassifier, "sample_weight"):
        pytest.skip("scikit-learn's MLPClassifier takes weights of rows from 1.7 on")
    dataset = make_dataset(weighted=True)
    config = replace(CONFIG, batch_size=batch_size, nesterov=True, momentum=0.8)
    x, labels, weights = dataset.train.features / 255, dataset.train.labels, dataset.train.weights
    theirs = MLPClassifier(
        (24,),
        solver="sgd",
        alpha=0.0,
        learning_rate_init=0.05,
        momentum=0.8,
        nesterovs_momentum=True,
        shuffle=False,
        batch_size=300,
    ).partial_fit(x, labels, classes=range(4))
    start = init_parameters((20, 24, 4), seed=config.seed, dtype="float64")
    for index, layer in enumerate(start):
        theirs.coefs_[index][...], theirs.intercepts_[index][...] = layer
    for velocity in theirs._optimizer.velocities:
        velocity[...] = 0
    theirs.set_params(batch_size=batch_size or 300)
    for epoch in range(20):
        order = epoch_order(config.seed, epoch, 300) if batch_size else np.arange(300)
        for batch in np.split(order, 300 // (batch_size or 300)):
            theirs.partial_fit(x[batch], labels[batch], sample_weight=weights[batch])
    state = train(dataset, config)
    for index, layer in enumerate(state.parameters):
        np.testing.assert_allclose(layer.weight, theirs.coefs_[index], **TRAINING["float64"])
        np.testing.assert_allclose(layer.bias, theirs.intercepts_[index], **TRAINING["float64"])


@settings(max_examples=15, deadline=None)
@given(
    weights=st.lists(st.integers(0, 4), min_size=6, max_size=30).filter(any),
    hidden=st.sampled_from([(7,), (6, 5)]),
    pieces=st.sampled_from([None, 4]),
    seed=st.integers(0, 9),
)
def test_whole_weights_are_rows_that_are_repeated(weights, hidden, pieces, seed):
    rng = np.random.default_rng(seed)
    n = len(weights)
    rows = Rows(rng.standard_normal((n, 5)), rng.integers(0, 3, n), np.array(weights, float))
    repeated = rows.take(np.repeat(np.arange(n), weights))._replace(weights=None)
    config = replace(CONFIG, hidden=hidden, epochs=5, l2=0.1, shard_rows=pieces, seed=seed)
    one, other = (
        train(Dataset(train_rows, train_rows, None, Preparation(tuple("abc"))), config)
        for train_rows in (rows, repeated)
    )
    for mine, theirs in zip(one.history, other.history, strict=True):
        np.testing.assert_allclose(mine.train_loss, theirs.train_loss, **TRAINING["float64"])
        np.testing.assert_allclose(mine.valid_loss, theirs.valid_loss, **TRAINING["float64"])
    for key, array in named_arrays(one.parameters).items():
        np.testing.assert_allclose(
            array, named_arrays(other.parameters)[key], **TRAINING["float64"]
        )


@every_way
def test_only_the_ratios_of_weights_matter(make_dataset, way):
    dataset, config = make_dataset(weighted=True), replace(CONFIG, epochs=2, **WAYS[way])
    scaled = dataset.map(
        lambda rows: rows if rows.weights is None else rows._replace(weights=rows.weights * 3.7e-6)
    )
    assert_same_training(train(dataset, config), train(scaled, config))


@every_way
def test_threads_and_ranks_come_to_the_same_bits(make_dataset, monkeypatch, way):
    monkeypatch.setitem(sys.modules, "mpi4py", SimpleNamespace(MPI=MPI))
    dataset = make_dataset(n_train=60 if "pairs" in way else 300, weighted=True)
    config = replace(CONFIG, epochs=2, class_weight="balanced", **WAYS[way])

    def bits(communicator=None, threads=1):
        state = train(dataset, replace(config, threads=threads), communicator=communicator)
        hashes = [parameters_sha256(network) for network in (state.parameters, state.velocity)]
        return hashes, bits_of(state.history)

    expected = bits()
    assert bits(threads=2) == bits(threads=3) == expected
    for size in (2, 3):
        assert on_ranks(size, bits)[0] == [expected] * size


@every_way
def test_a_training_that_goes_on_comes_to_the_same_bits(make_dataset, way):
    dataset = make_dataset(n_train=60, weighted=True)
    config = replace(
        CONFIG, epochs=4, class_weight="balanced", **WAYS[way] | {"schedule": "cosine"}
    )
    states = []
    whole = train(dataset, config, on_epoch=states.append)
    again = train(dataset, config, state=states[2])
    assert parameters_sha256(again.parameters) == parameters_sha256(whole.parameters)
    assert bits_of(again.history) == bits_of(whole.history)


@pytest.mark.parametrize("xp", [np, array_api_strict], ids=["numpy", "strict"])
@pytest.mark.parametrize("one_epoch", [by_rows, by_units])
def test_a_batch_that_counts_nothing_is_no_step(make_dataset, one_epoch, xp):
    """Neither momentum nor decay goes on; and what it has lost is not counted."""
    dataset = make_dataset(n_train=96, weighted=True)
    weights = np.where(np.arange(96) // 32 == 1, 0.0, dataset.train.weights + 0.1)
    dataset = replace(dataset, train=dataset.train._replace(weights=weights))
    dataset = dataset.map(lambda rows: rows.map(xp.asarray))
    config = replace(CONFIG, batch_size=32, l2=0.1, velocity_init=0.01)
    work = Work(dataset, config, Team(1))
    state = initial_state(dataset, config)
    _, steps = work.steps(0)
    order = xp.asarray(np.arange(96))
    steps = [step._replace(weight=float(weights[step.batch].sum())) for step in steps]
    assert steps[1].weight == 0
    mine = one_epoch(work, state.parameters, state.velocity, order, steps)
    theirs = one_epoch(work, state.parameters, state.velocity, order, [steps[0], steps[2]])
    for one, other in zip(mine[:2], theirs[:2], strict=True):
        for name, array in named_arrays(one).items():
            assert_same_bits(array, named_arrays(other)[name])
    for total in (lambda sums: float(sums.loss), lambda sums: sums.divisor):
        expected = sum(map(total, theirs[2]))
        assert sum(map(total, mine[2])) == pytest.approx(expected, rel=1e-14)
    assert sum(sums.rows for sums in mine[2]) == 96


@pytest.mark.parametrize("changes", [{}, {"hidden": (16, 8)}], ids=["by units", "by rows"])
def test_a_training_with_such_batches_has_no_nan(make_dataset, changes):
    dataset = make_dataset(n_train=40, weighted=True)
    state = train(dataset, replace(CONFIG, batch_size=1, epochs=3, **changes))
    counted = replace(dataset, train=dataset.train.take(np.flatnonzero(dataset.train.weights)))
    first = train(counted, replace(CONFIG, batch_size=None, epochs=0, **changes)).history[0]
    np.testing.assert_allclose(state.history[0].train_loss, first.train_loss, **ROUNDING["float64"])
    assert np.isfinite([row[1:] for row in state.history]).all()


def test_losses_are_weighted_and_accuracies_are_shares_of_rows(make_dataset):
    dataset = make_dataset(weighted=True)
    row = train(dataset, replace(CONFIG, epochs=0)).history[0]
    plain = train(
        dataset.map(lambda rows: rows._replace(weights=None)), replace(CONFIG, epochs=0)
    ).history[0]
    assert row.test_loss == plain.test_loss  # there no weights were given
    for split in ("train", "valid"):
        assert getattr(row, f"{split}_loss") != getattr(plain, f"{split}_loss")
    for split in ("train", "valid", "test"):
        assert getattr(row, f"{split}_accuracy") == getattr(plain, f"{split}_accuracy")


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("way", ["full batch", "by rows", "by units"])
def test_balanced_classes_are_scikit_learns_weights(make_dataset, way, weighted):
    dataset = make_dataset(weighted=weighted)
    few = np.flatnonzero((dataset.train.labels > 0) | (np.arange(300) % 7 == 0))
    dataset = replace(dataset, train=dataset.train.take(few))
    labels, given = dataset.train.labels, dataset.train.weights
    expected = compute_sample_weight("balanced", labels)
    if weighted:
        counts = np.bincount(labels, given)
        expected = given.sum() / (4 * counts[labels]) * given
    by_hand = replace(dataset, train=dataset.train._replace(weights=expected))
    config = replace(CONFIG, epochs=3, **WAYS[way])
    balanced = train(dataset, replace(config, class_weight="balanced"))
    assert_same_training(balanced, train(by_hand, config))
    assert parameters_sha256(balanced.parameters) != parameters_sha256(
        train(dataset, config).parameters
    )


def test_without_weights_the_kernels_own_arrays_are_used(monkeypatch):
    """No multiplication by one: rows without weights take the path that they took."""
    given = tuple(np.ones(shape) for shape in ((5,), (5, 3), (5,)))
    monkeypatch.setattr("mlp.model.softmax_cross_entropy", lambda *_: given)
    found = cross_entropy(np.zeros((5, 3)), np.zeros(5, np.uint8))
    assert all(one is other for one, other in zip(found, given, strict=True))
    assert to_sums(given[0], given[2], None).divisor == 5


def test_weighted_batches_are_not_fused(make_dataset, monkeypatch):
    monkeypatch.setattr("mlp.work.divides_units", lambda config, kind: False)
    monkeypatch.setattr("mlp.work.fuses_minibatch", lambda *_: True)
    config = replace(CONFIG, batch_size=64)
    plain, weighted = make_dataset(), make_dataset(weighted=True)
    assert step_kind(config, plain) == "fused"
    assert step_kind(config, weighted) == "by rows"
    assert step_kind(replace(config, class_weight="balanced"), plain) == "by rows"
    # Weights of held-out rows alone are no matter of steps.
    held_out = replace(plain, valid=weighted.valid)
    assert step_kind(config, held_out) == "fused"
    monkeypatch.setattr(epochs, "step_kind", lambda config, dataset: "fused")
    assert np.isfinite(train(held_out, config).history[-1][1:]).all()


@pytest.mark.parametrize("way", ["full batch", "by rows", "by units"])
def test_another_library_comes_to_numpys_numbers(make_dataset, way):
    dataset = make_dataset(weighted=True)
    config = replace(CONFIG, epochs=2, class_weight="balanced", **WAYS[way])
    device = array_api_strict.Device("device1")
    there = dataset.map(
        lambda rows: rows.map(lambda array: array_api_strict.asarray(array, device=device))
    )
    mine, theirs = train(there, config), train(dataset, config)
    for one, other in zip(mine.history, theirs.history, strict=True):
        np.testing.assert_allclose(one[1:-1], other[1:-1], **TRAINING["float64"])


@pytest.mark.parametrize("shape", [(9,), (6, 5)])
def test_gradients_are_those_of_the_weighted_loss(shape):
    """Central differences of the loss, of which the gradient is a sum of weighted rows'."""
    rng = np.random.default_rng(0)
    parameters = tuple(
        Layer(weight, rng.normal(size=bias.shape))  # no unit stands at the rectifier's corner
        for weight, bias in init_parameters((4, *shape, 3), seed=0, dtype="float64")
    )
    x, labels, weights = rng.normal(size=(11, 4)), rng.integers(0, 3, 11), rng.uniform(0, 2, 11)
    found = named_arrays(loss_and_gradients(parameters, x, labels, weights).gradients)
    step = 1e-5
    for name, array in named_arrays(parameters).items():
        numeric = np.empty_like(array)
        for index in np.ndindex(array.shape):
            kept, sides = array[index], []
            for sign in (1, -1):
                array[index] = kept + sign * step
                sides.append(float(evaluate(parameters, x, labels, weights).loss))
            array[index] = kept
            numeric[index] = (sides[0] - sides[1]) / (2 * step)
        norm = np.linalg.norm(found[name])
        assert np.linalg.norm(numeric - found[name]) <= GRADIENT * norm, name


def test_bad_labels_and_weights_are_told_before_classes_are_balanced(make_dataset):
    dataset = make_dataset()
    config = replace(CONFIG, class_weight="balanced")
    for changes, message in (
        ({"labels": dataset.train.labels + np.uint8(250)}, "labels must be 0 to 3, got 250 to 253"),
        ({"labels": dataset.train.labels.astype(np.int64) - 1}, "labels must be 0 to 3, got -1"),
        ({"weights": np.full(300, np.nan)}, "sample_weight must be finite and not negative"),
        ({"weights": np.ones(299)}, "sample_weight must be real numbers of shape"),
    ):
        bad = replace(dataset, train=dataset.train._replace(**changes))
        with pytest.raises(DataError, match=f"memory: training rows: {message}"):
            train(bad, config)

from dataclasses import replace

import numpy as np
import pytest
from bits import assert_same_bits
from tolerances import KERAS_L2, TRAINING

from mlp import Rows, TrainingConfig, init_parameters, keras_reference, predict, train
from mlp.device import to_numpy
from mlp.model import forward, named_arrays

# Keras rounds the momentum to float32, so ours is told the same.
CONFIG = TrainingConfig(hidden=(16, 8), epochs=6, dtype="float64", momentum=float(np.float32(0.9)))


@pytest.fixture(autouse=True)
def tensorflow(need):
    need("tensorflow")


def assert_same_run(ours, theirs, tolerance):
    assert len(ours.history) == len(theirs.history)
    for mine, other in zip(ours.history, theirs.history, strict=True):
        np.testing.assert_allclose(mine[:-1], other[:-1], **tolerance)
    for name in ("parameters", "velocity"):
        mine, other = (named_arrays(getattr(state, name)) for state in (ours, theirs))
        for key, array in mine.items():
            assert isinstance(other[key], np.ndarray)
            assert other[key].dtype == array.dtype
            np.testing.assert_allclose(array, other[key], **tolerance, err_msg=key)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("batch_size", [None, 70])
@pytest.mark.parametrize("options", [{}, {"nesterov": True, "schedule": "cosine"}])
def test_a_run_has_our_rows_and_weights(make_dataset, dtype, batch_size, options):
    config = replace(CONFIG, dtype=dtype, batch_size=batch_size, **options)
    dataset = make_dataset()
    seen = []
    theirs = keras_reference.train_keras(
        dataset, config, on_epoch=lambda state: seen.append(state.epoch)
    )
    assert_same_run(train(dataset, config), theirs, TRAINING[dtype])
    assert seen == list(range(7))


def test_l2_is_ours_up_to_its_rounding_to_float32(make_dataset):
    dataset = make_dataset()
    config = replace(CONFIG, l2=1e-2)
    assert_same_run(train(dataset, config), keras_reference.train_keras(dataset, config), KERAS_L2)


def test_early_stopping_stops_at_our_epoch_with_our_weights(make_dataset):
    dataset = make_dataset(n_train=40, n_features=6)
    labels = dataset.valid.labels.copy()
    labels[::3] = (labels[::3] + 1) % 4
    dataset = replace(dataset, valid=Rows(dataset.valid.features, labels))
    config = replace(CONFIG, hidden=(64,), epochs=500, early_stopping=7)
    ours, theirs = train(dataset, config), keras_reference.train_keras(dataset, config)
    assert 7 < ours.epoch == theirs.epoch < 500
    assert ours.result_epoch == theirs.result_epoch == ours.epoch - 7
    for mine, other in zip(ours.result_parameters, theirs.result_parameters, strict=True):
        np.testing.assert_allclose(mine.weight, other.weight, **TRAINING["float64"])


def test_without_momentum_or_held_out_rows(make_dataset):
    dataset = replace(make_dataset(), valid=None, test=None)
    config = replace(CONFIG, momentum=0.0)
    ours, theirs = train(dataset, config), keras_reference.train_keras(dataset, config)
    np.testing.assert_allclose(
        [row[1:3] for row in ours.history],
        [row[1:3] for row in theirs.history],
        **TRAINING["float64"],
    )


def test_the_model_is_a_keras_model_that_fits_and_gives_its_weights_back(make_dataset):
    dataset = make_dataset()
    parameters = init_parameters((20, 16, 8, 4), seed=1, dtype="float32")
    model = keras_reference.build(parameters, replace(CONFIG, dtype="float32"))
    for mine, theirs in zip(parameters, keras_reference.to_parameters(model), strict=True):
        assert_same_bits(mine.weight, theirs.weight)
        assert_same_bits(mine.bias, theirs.bias)
    x = keras_reference.host_input(dataset.train, "float32", dataset.preparation)
    np.testing.assert_allclose(
        to_numpy(forward(parameters, x)[0]), model.predict(x, verbose=0), **TRAINING["float32"]
    )
    fitted = model.fit(x, dataset.train.labels, batch_size=50, epochs=8, verbose=0)
    after = keras_reference.to_parameters(model)
    accuracy = np.mean(predict(after, x) == dataset.train.labels)
    assert fitted.history["loss"][-1] < fitted.history["loss"][0]
    evaluated = model.evaluate(x, dataset.train.labels, verbose=0)[1]
    assert evaluated == pytest.approx(accuracy, abs=KERAS_L2["atol"])

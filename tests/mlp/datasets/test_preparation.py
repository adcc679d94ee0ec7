"""How raw things become input, on every library; what odd pictures are told."""

import tracemalloc
from dataclasses import replace

import array_api_strict
import numpy as np
import pytest
from bits import assert_same_bits
from tolerances import ROUNDING, STANDARDISED, STANDARDISED_DEVIATION, STANDARDISED_MEAN

import mlp
from mlp import Dataset, Preparation, Rows, TrainingConfig, load
from mlp.datasets.preparation import to_input, why_unlike
from mlp.work import Work


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_features_are_scaled_because_the_data_says_so_not_because_they_are_uint8(dtype):
    features = np.array([[0, 51, 255]], dtype=np.uint8)
    scaled = to_input(features, np.dtype(dtype), 1 / 255)
    assert scaled.dtype == dtype
    np.testing.assert_allclose(scaled, [[0, 0.2, 1]], **ROUNDING[dtype])
    assert_same_bits(to_input(features, np.dtype(dtype), 1.0), features.astype(dtype))
    assert features.dtype == np.uint8


@pytest.mark.parametrize("library", [np, array_api_strict])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("given", ["uint8", "float32", "float64"])
def test_rows_are_scaled_then_standardised_and_stay_as_they_were(library, dtype, given):
    rows = np.random.default_rng(0).integers(0, 256, (50, 4)).astype(given)
    scaled = rows.astype(np.float64) / 255
    mean, deviation = scaled.mean(axis=0), scaled.std(axis=0)
    preparation = Preparation(("a", "b"), None, 1 / 255, mean=mean, deviation=deviation)
    before = library.asarray(rows.copy())
    found = preparation.input(before, getattr(library, dtype))
    assert found.dtype == getattr(library, dtype)
    expected = ((scaled - mean) / deviation).astype(dtype)
    np.testing.assert_allclose(np.asarray(found), expected, **STANDARDISED)
    assert_same_bits(np.asarray(before), rows)


def test_a_mean_that_is_large_beside_its_deviation_is_subtracted_before_the_cast():
    rows = 1e9 + np.random.default_rng(0).normal(size=(50, 3))
    dataset = Dataset.from_arrays(rows, np.arange(50) % 2, standardize=True)
    x = dataset.preparation.input(rows, np.float32)
    np.testing.assert_allclose(x.std(axis=0), 1, **STANDARDISED_DEVIATION)


def test_training_predicting_and_keras_make_the_same_of_a_row(make_dataset):
    from mlp.keras_reference import host_input

    raw = make_dataset()
    dataset = Dataset.from_arrays(
        raw.train.features.reshape(-1, 4, 5), raw.train.labels, standardize=True
    )
    work = Work(dataset, TrainingConfig(hidden=(3,)), None)
    x, *_ = work.input(dataset.train, slice(None))
    parameters = mlp.init_parameters((20, 3, 4), seed=0, dtype="float32")
    classifier = mlp.Classifier.of(parameters, dataset)
    assert_same_bits(classifier.input(dataset.train.features), x)
    assert_same_bits(host_input(dataset.train, "float32", dataset.preparation), x)
    np.testing.assert_allclose(x.mean(axis=0), 0, **STANDARDISED_MEAN)
    np.testing.assert_allclose(x.std(axis=0), 1, **STANDARDISED_DEVIATION)


def test_a_column_without_deviation_is_only_centred():
    rows = np.stack([np.full(37, 3.0), np.full(37, 0.1), np.arange(37.0)], axis=1)
    assert rows[:, 1].std() > 0  # by rounding alone
    dataset = Dataset.from_arrays(rows, np.arange(37) % 2, standardize=True)
    assert dataset.preparation.deviation[:2] == (1, 1)
    assert np.abs(dataset.preparation.input(rows, np.float64)[:, :2]).max() < 1e-15


def test_standardised_rows_on_disk_train_as_those_in_memory_do(tmp_path):
    rng = np.random.default_rng(0)
    labels = (np.arange(200) % 3).astype(np.uint8)
    images = rng.integers(0, 256, (200, 6, 5)).astype(np.uint8)
    np.savez(tmp_path / "a.npz", images=images, labels=labels)
    (tmp_path / "disk").mkdir()
    np.save(tmp_path / "disk" / "images.npy", images)
    np.save(tmp_path / "disk" / "labels.npy", labels)
    config = TrainingConfig(hidden=(6,), epochs=2, batch_size=20)
    weights = []
    for path in (tmp_path / "a.npz", tmp_path / "disk"):
        dataset = load(path, split=(100, 50), standardize=True)
        weights.append(mlp.train(dataset, config).parameters[0].weight)
    assert_same_bits(*weights)


def test_standardising_rows_on_disk_takes_no_more_memory(tmp_path):
    """Their 12,000 rows have 12 MB as bytes, and 48 as floats."""
    np.save(tmp_path / "images.npy", np.zeros((12_000, 40, 25), np.uint8))
    np.save(tmp_path / "labels.npy", np.arange(12_000) % 3)
    config = TrainingConfig(hidden=(4,), epochs=1, batch_size=500, threads=1)
    peaks = {}
    for standardize in (False, False, True):  # what is loaded once is loaded the first time
        tracemalloc.start()
        mlp.train(load(tmp_path, standardize=standardize), config)
        peaks[standardize] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    print(f"\npeak of memory: {peaks[False] / 1e6:.1f} MB, standardised {peaks[True] / 1e6:.1f}")
    assert peaks[True] < peaks[False] + 1e6


LIGHT = Preparation(("a", "b"), (10, 10), 1 / 255, border=(0.0, 20.0), extent=(0.2, 0.8))


def square(side, ink=255, ground=0):
    picture = np.full((10, 10), ground, np.uint8)
    picture[1 : 1 + side, 1 : 1 + side] = ink
    return picture


def test_a_picture_unlike_the_training_pictures_is_told_the_option():
    assert why_unlike(square(5), LIGHT) == ""
    inverted = "its border has brightness 255, those in training 0 to 20; --ink dark inverts it"
    assert why_unlike(square(5, 0, 255), LIGHT) == inverted
    dark = replace(LIGHT, ink="dark", border=(235.0, 255.0))
    assert why_unlike(square(5, 0, 255), dark) == ""
    assert why_unlike(square(5), dark).endswith("; --ink light inverts it")
    assert "--ground, --ink and --crop" in why_unlike(square(5, 255, 128), LIGHT)
    small = "its ink takes 0.04 of the picture, in training 0.20 to 0.80; --crop cuts it out"
    assert why_unlike(square(2), LIGHT) == small


def test_of_cropped_pictures_and_of_models_that_do_not_know_nothing_is_said():
    for preparation in (replace(LIGHT, crop=True), replace(LIGHT, border=None)):
        assert why_unlike(square(5, 0, 255), preparation) == ""


def test_ink_and_border_are_decided_once_for_a_set():
    rng = np.random.default_rng(0)
    dark = rng.integers(200, 256, (60, 8, 8)).astype(np.uint8)
    dark[:, 3:5, 3:5] = 0
    dark[:9] = 255 - dark[:9]  # some of the other kind
    found = Dataset.from_arrays(dark, np.arange(60) % 2).preparation
    assert (found.ink, found.ground, found.crop) == ("dark", "white", False)
    assert found.scale == 1 / 255
    assert found.border[1] > 200
    light = Dataset.from_arrays(255 - dark, np.arange(60) % 2).preparation
    assert (light.ink, light.ground) == ("light", "black")
    assert isinstance(Dataset.from_arrays(dark, np.arange(60) % 2).train, Rows)

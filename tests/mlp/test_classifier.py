"""A trained network and what its input means: its file to the bit, and prediction."""

from dataclasses import replace

import numpy as np
import pytest
from bits import assert_same_bits
from tolerances import ROUNDING

from mlp import (
    Classifier,
    Preparation,
    init_parameters,
    load_model,
    predict,
    predict_probabilities,
)
from mlp.model import named_arrays
from mlp.model_file import Origin


def make(dtype="float32", *, images=True):
    parameters = init_parameters((6, 5, 3), seed=1, dtype=dtype)
    parameters[0].weight[0, 0] = -0.0
    scale, shape = (1 / 255, (2, 3)) if images else (0.1, None)
    preparation = Preparation(("A", "Б", '"'), shape, scale)
    if images:
        more = {"ink": "dark", "border": (0.1, 255.0), "extent": (0.0, 1.0)}
        return Classifier(parameters, replace(preparation, **more), Origin("ab", (0.5, 0.25), 3))
    mean, deviation = (0.1, -2.0, 1e300, 0.0, 1.0, 2.0), (1.0, 1 / 3, 1e-300, 1.0, 1.0, 1.0)
    columns = tuple("uvwxyß")
    more = {"mean": mean, "deviation": deviation, "feature_names": columns}
    return Classifier(parameters, replace(preparation, **more))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("images", [False, True])
def test_a_model_is_read_back_to_the_bit_by_its_folder_or_by_its_name(tmp_path, dtype, images):
    classifier = make(dtype, images=images)
    classifier.save(tmp_path / "model.safetensors")
    for path in (tmp_path, str(tmp_path), tmp_path / "model.safetensors"):
        found = load_model(path)
        assert found[1:] == classifier[1:]
        for name, array in named_arrays(classifier.parameters).items():
            assert_same_bits(named_arrays(found.parameters)[name], array)


def test_arrays_in_another_memory_order_are_written_as_what_they_are(tmp_path):
    classifier = make()
    turned = tuple(layer._replace(weight=layer.weight.T.copy().T) for layer in make().parameters)
    assert not turned[0].weight.flags.c_contiguous
    classifier._replace(parameters=turned).save(tmp_path / "a.safetensors")
    found = load_model(tmp_path / "a.safetensors")
    assert_same_bits(found.parameters[0].weight, classifier.parameters[0].weight)


def test_it_is_of_a_network_and_of_the_data_it_was_trained_on(make_dataset):
    dataset = make_dataset()
    parameters = init_parameters((20, 5, 4), seed=1, dtype="float32")
    found = Classifier.of(parameters, dataset)
    assert found.preparation is dataset.preparation
    assert (found.origin, found.note) == (None, "")
    x = dataset.test.features.astype(np.float32) * np.float32(dataset.scale)
    assert_same_bits(found.input(dataset.test.features), x)
    assert_same_bits(
        found.predict_probabilities(dataset.test.features), predict_probabilities(parameters, x)
    )


def test_its_input_is_an_image_or_a_row():
    assert make().input_shape == (2, 3)
    assert make(images=False).input_shape == (6,)


def test_raw_rows_are_predicted_and_what_is_none_is_named():
    classifier = make()
    raw = np.random.default_rng(0).integers(0, 256, (2500, 2, 3)).astype(np.uint8)
    probabilities = classifier.predict_proba(raw)
    x = raw.reshape(2500, 6).astype(np.float32) * np.float32(1 / 255)
    np.testing.assert_allclose(
        probabilities, predict_probabilities(classifier.parameters, x), **ROUNDING["float32"]
    )
    np.testing.assert_array_equal(classifier.predict(raw), probabilities.argmax(axis=1))
    np.testing.assert_array_equal(classifier.predict(raw.reshape(2500, 6)), classifier.predict(raw))
    assert classifier.predict_proba(raw[:0]).shape == (0, 3)
    for same in (raw / 255, raw[..., None].astype(np.int64), raw[:, None] / np.float32(255)):
        assert_same_bits(classifier.predict_proba(same), probabilities)
    rows = make(images=False)
    features = np.random.default_rng(0).standard_normal((9, 6))
    odd = np.where(np.arange(9)[:, None] == 4, np.nan, features)
    for model, given, kind, message in (
        (
            classifier,
            raw / 128,
            ValueError,
            "raw rows: pixels must be whole numbers .* got float64",
        ),
        (classifier, raw[0], ValueError, r"\(N, 2, 3\) or \(N, 6\), got uint8 of shape \(2, 3\)"),
        (rows, features[:, :5], ValueError, r"\(N, 6\), got float64 of shape \(9, 5\)"),
        (rows, odd, ValueError, "features must be finite, row 4 holds NaN or inf"),
        (rows, features.astype(str), TypeError, "raw rows must be numbers"),
    ):
        with pytest.raises(kind, match=message):
            model.predict(given)


def test_a_classifier_is_written_in_one_short_line():
    assert repr(make()) == 'Classifier(6 - 5 - 3, float32, classes A, Б, ")'


def test_pixels_that_nobody_scaled_are_refused():
    parameters = make().parameters
    for function in (predict, predict_probabilities):
        with pytest.raises(TypeError, match=r"x must be floats, .* got uint8; of raw rows ask"):
            function(parameters, np.zeros((2, 6), np.uint8))


def test_rows_that_overflow_are_no_class():
    classifier = make()._replace(preparation=Preparation(tuple("ABC")))
    rows = np.zeros((3, 6))
    rows[1] = 1e300
    with pytest.raises(ValueError, match="row 1 is so large that the model's outputs are not fin"):
        classifier.predict(rows)

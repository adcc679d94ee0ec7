"""A trained network's file: written and read to the bit, and judged without trust."""

import json
import os
import struct
from dataclasses import asdict, replace

import numpy as np
import pytest
from bits import assert_same_bits
from safetensors.numpy import save_file
from tolerances import ROUNDING

from mlp import (
    Classifier,
    Preparation,
    init_parameters,
    load_model,
    predict,
    predict_probabilities,
)
from mlp.files import FileError
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


def refuse(path, message):
    with pytest.raises(FileError) as caught:
        load_model(path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def said(**changes):
    rest = asdict(Preparation(()))
    for name in ("class_names", "image_size", "scale"):
        del rest[name]
    return json.dumps(rest | changes)


def origin(**changes):
    return json.dumps(Origin("ab", None, 3)._asdict() | changes)


F4 = np.float32
CRAFTED = [
    ({"layers.0.weight": np.ones((6, 5))}, {}, "layer 0 must be float32 or float64 like"),
    ({"layers.1.bias": np.ones(3, np.int32)}, {}, "layer 1 must be float32 or float64"),
    ({"layers.1.bias": np.ones(4, F4)}, {}, "layer 1 must have a weight"),
    ({"layers.1.bias": np.ones((), F4)}, {}, "layer 1 must have a weight"),
    ({"layers.0.weight": np.ones((0, 5), F4)}, {}, "layer 0 must have a weight"),
    ({"layers.0.weight": np.ones(5, F4)}, {}, "layer 0 must have a weight"),
    ({"layers.1.weight": np.ones((4, 3), F4)}, {}, "layer 1 must take the 5 units"),
    ({"layers.1.bias": np.full(3, np.nan, F4)}, {}, "layer 1 must be finite"),
    ({"layers.0.bias": None}, {}, "is missing"),
    ({}, {"scale": None}, "'scale' must be a finite number above 0, got nothing"),
    ({}, {"scale": "nan"}, "'scale' must be a finite number above 0, got nan"),
    ({}, {"scale": "inf"}, "'scale' must be a finite number above 0, got inf"),
    ({}, {"scale": "-1"}, "'scale' must be a finite number above 0, got -1"),
    ({}, {"scale": "true"}, "'scale' must be a finite number above 0, got true"),
    ({}, {"class_names": "[" * 100_000}, "'class_names' must be a list of 3 names"),
    ({}, {"class_names": '["A", "B"]'}, "'class_names' must be a list of 3 names"),
    ({}, {"class_names": '["A", "B", 3]'}, "'class_names' must be a list of 3 names"),
    ({}, {"class_names": '"ABC"'}, "'class_names' must be a list of 3 names"),
    ({}, {"image_shape": "[2, 2]"}, "'image_shape' must be null, or a height and a width"),
    ({}, {"image_shape": "[-2, -3]"}, "'image_shape' must be null, or a height"),
    ({}, {"image_shape": "[2.0, 3.0]"}, "'image_shape' must be null, or a height"),
    ({}, {"image_shape": "[6]"}, "'image_shape' must be null, or a height"),
    ({}, {"image_shape": "9" * 5000}, "'image_shape' must be null, or a height"),
    ({}, {"preparation": "{}"}, "'preparation' must be what this project writes, for 6 features"),
    ({}, {"preparation": "[" * 100_000}, "'preparation' must be what"),
    ({}, {"preparation": said(ground="green")}, "'preparation' must be what"),
    ({}, {"preparation": said(ink=3)}, "'preparation' must be what"),
    ({}, {"preparation": said(crop=1)}, "'preparation' must be what"),
    ({}, {"preparation": said(more=1)}, "'preparation' must be what"),
    ({}, {"preparation": said(mean=[0.0] * 6)}, "'preparation' must be what"),
    ({}, {"preparation": said(mean=[0] * 5, deviation=[1] * 5)}, "'preparation' must be what"),
    ({}, {"preparation": said(mean=[0] * 6, deviation=[0] * 6)}, "'preparation' must be what"),
    ({}, {"preparation": said(mean=[1e999] * 6, deviation=[1] * 6)}, "'preparation' must be what"),
    ({}, {"preparation": said(feature_names=["a"])}, "'preparation' must be what"),
    ({}, {"preparation": said(border=[1])}, "'preparation' must be what"),
    ({}, {"preparation": said(extent="ab")}, "'preparation' must be what"),
    ({}, {"preparation": said(), "origin": "[]"}, "'origin' must be a hash, a split and its seed"),
    ({}, {"preparation": said(), "origin": origin(split=[1, 0.5])}, "'origin' must be"),
    ({}, {"preparation": said(), "origin": origin(split_seed=-1)}, "'origin' must be"),
    ({}, {"preparation": said(), "origin": origin(sha256=None)}, "'origin' must be"),
]


@pytest.mark.parametrize(("arrays", "metadata", "message"), CRAFTED)
def test_a_crafted_model_is_refused(arrays, metadata, message, tmp_path):
    whole = named_arrays(init_parameters((6, 5, 3), seed=1, dtype="float32"))
    described = {"scale": "1.0", "class_names": '["A", "B", "C"]', "image_shape": "null"}
    save_file(whole, tmp_path / "m.safetensors", described)
    assert load_model(tmp_path / "m.safetensors").scale == 1.0  # as it is before the change
    kept = (
        {key: value for key, value in given.items() if value is not None}
        for given in (whole | arrays, described | metadata)
    )
    save_file(next(kept), tmp_path / "m.safetensors", next(kept))
    refuse(tmp_path / "m.safetensors", message)


def safetensors(dtype, shape, size):
    """Return the file of one layer, whose arrays both have this dtype, shape and size in bytes."""
    layer = {
        f"layers.0.{name}": {
            "dtype": dtype,
            "shape": shape,
            "data_offsets": [k * size, (k + 1) * size],
        }
        for k, name in enumerate(("bias", "weight"))
    }
    header = json.dumps(layer).encode()
    return struct.pack("<Q", len(header)) + header + bytes(2 * size)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "cannot be read, or is damaged"),
        (b"hello, world", "cannot be read, or is damaged"),
        (struct.pack("<Q", 2**60) + b"{}", "cannot be read, or is damaged"),
        (struct.pack("<Q", 2) + b"{}", "is no model of this project: it holds no layers"),
        (struct.pack("<Q", 90_000) + b"[" * 90_000, "cannot be read, or is damaged"),
        (safetensors("BF16", [1, 1], 2), ""),  # NumPy knows it where ml_dtypes is imported
        (safetensors("F8_E4M3", [1, 1], 1), "cannot be read, or is damaged"),
        (safetensors("F16", [1, 1], 2), "layer 0 must be float32 or float64"),
        (safetensors("F32", [1] * 99, 4), "cannot be read, or is damaged"),
        (safetensors("F32", [2**40, 0], 0), "layer 0 must have a weight"),
        (safetensors("\x1b[31m\n", [1], 4), "cannot be read, or is damaged"),
    ],
)
def test_a_file_that_is_no_model_is_refused(data, message, tmp_path):
    (tmp_path / "model.safetensors").write_bytes(data)
    refuse(tmp_path, f"model.safetensors: {message}")


def test_a_pipe_or_an_empty_folder_is_no_model(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    absent = "no such model; name a run directory"
    for model, message in (("", absent), ("pipe", "pipe: is no file"), ("nowhere", absent)):
        refuse(tmp_path / model, message)


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
    rows = make(images=False)
    features = np.random.default_rng(0).standard_normal((9, 6))
    odd = np.where(np.arange(9)[:, None] == 4, np.nan, features)
    for model, given, kind, message in (
        (classifier, raw / 255, TypeError, "pixels must be uint8 from 0 to 255, got float64"),
        (classifier, raw[0], ValueError, r"shape \(N, 2, 3\) or \(N, 6\), got \(2, 3\)"),
        (rows, features[:, :5], ValueError, r"shape \(N, 6\), got \(9, 5\)"),
        (rows, odd, ValueError, "features must be finite, row 4 holds NaN or inf"),
        (rows, features.astype(str), TypeError, "features must be numbers"),
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

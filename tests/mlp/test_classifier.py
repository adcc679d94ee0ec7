"""A trained network's file: written and read to the bit, and judged without trust."""

import json
import os
import struct

import numpy as np
import pytest
from bits import assert_same_bits
from safetensors.numpy import save_file

from mlp import Classifier, init_parameters, load_model, predict_probabilities
from mlp.files import FileError
from mlp.model import named_arrays


def make(dtype="float32", *, images=True):
    parameters = init_parameters((6, 5, 3), seed=1, dtype=dtype)
    parameters[0].weight[0, 0] = -0.0
    scale, shape = (1 / 255, (2, 3)) if images else (0.1, None)
    return Classifier(parameters, scale, ("A", "Б", '"'), shape)


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
    assert found[1:] == (dataset.scale, dataset.class_names, dataset.image_shape)
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

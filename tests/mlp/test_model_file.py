"""What a model's file says besides its arrays: judged without trust."""

import json
import os
import struct
from dataclasses import asdict

import numpy as np
import pytest
from safetensors.numpy import save_file

from mlp import Preparation, init_parameters, load_model
from mlp.files import FileError
from mlp.model import named_arrays
from mlp.model_file import Origin


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

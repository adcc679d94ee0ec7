import io
import json
import struct

import numpy as np
import pytest

from mlp.check.child import wire


def travelled(value):
    stream = io.BytesIO()
    wire.send(stream, value)
    stream.seek(0)
    return wire.receive(stream)


@pytest.mark.parametrize(
    "value",
    [None, True, 3, -2.5, float("inf"), "text \x1b", (1, [2, (3,)]), {"a": [1, None]}, [], {}],
)
def test_plain_values_travel_unchanged(value):
    assert travelled(value) == value


@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3), (2, 0, 4)])
@pytest.mark.parametrize(
    "dtype", ["float64", "float32", "int64", "uint8", "bool", ">f8", "float16"]
)
def test_arrays_travel_unchanged_and_may_be_written_to(shape, dtype):
    value = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype)
    first, second = travelled((value, [value + value]))
    np.testing.assert_array_equal(first, value)
    np.testing.assert_array_equal(second[0], value + value)
    assert (first.dtype, first.shape) == (value.dtype, value.shape)
    first[...] = 1


def test_arrays_in_any_memory_order_travel():
    value = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(travelled(value.T), value.T)
    np.testing.assert_array_equal(travelled(value[:, ::2]), value[:, ::2])


@pytest.mark.parametrize(
    "value", [object(), np.array([object()]), np.array([1j]), 1 << 99, len, [[[[[[[[0]]]]]]]]]
)
def test_what_does_not_travel_arrives_as_its_name(value):
    arrived = travelled(value)
    while isinstance(arrived, list):
        arrived = arrived[0]
    assert isinstance(arrived, wire.Other)


def test_what_is_too_large_arrives_as_its_name():
    assert isinstance(travelled(np.zeros(wire.LARGEST + 1, np.int8)), wire.Other)
    assert isinstance(travelled([np.zeros(wire.LARGEST // 2 + 1, np.int8)] * 2), wire.Other)


def message(text, data=b""):
    return io.BytesIO(struct.pack("<II", len(text), len(data)) + text + data)


@pytest.mark.parametrize(
    "content",
    [
        {"dtype": "<f8", "shape": [2], "start": 0},  # no bytes
        {"dtype": "<f8", "shape": [-1], "start": 0},
        {"dtype": "<f8", "shape": [1 << 62, 1 << 62], "start": 0},
        {"dtype": "|O", "shape": [1], "start": 0},
        {"dtype": "nonsense", "shape": [1], "start": 0},
        {"dtype": "<f8"},
        {"dict": [1]},
    ],
)
def test_a_message_that_makes_no_sense_is_refused(content):
    with pytest.raises(ValueError, match=r"."):
        wire.receive(message(json.dumps(content).encode(), b"1234"))


def test_a_message_cut_short_or_too_long_is_refused():
    with pytest.raises(EOFError):
        wire.receive(io.BytesIO(b"\x05\x00"))
    with pytest.raises(EOFError):
        wire.receive(io.BytesIO(message(b"[1,2]").getvalue()[:-1]))
    with pytest.raises(ValueError, match="larger"):
        wire.receive(io.BytesIO(struct.pack("<II", 1 << 31, 0)))

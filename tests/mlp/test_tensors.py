"""Files of arrays: whole, damaged, hollow, larger than memory."""

import os
import struct

import numpy as np
import pytest
from bits import assert_same_bits
from safetensors.numpy import save

from mlp import tensors
from mlp.files import FileError, write
from mlp.tensors import read_tensors


def test_arrays_come_back_with_their_metadata_and_damage_is_one_line(tmp_path):
    array = np.array([[0.0, -0.0, np.nan]], np.float32)
    content = save({"a": array}, {"key": "value"})
    write(tmp_path / "a", content)
    arrays, metadata = read_tensors(tmp_path / "a")
    assert_same_bits(arrays["a"], array)
    assert metadata == {"key": "value"}
    write(tmp_path / "a", content[:-1])
    with pytest.raises(FileError, match=r"a: cannot be read, or is damaged \(") as caught:
        read_tensors(tmp_path / "a")
    assert "\n" not in str(caught.value)


def hollow(path, gibibytes):
    """Write a valid file of one array, of which nothing but the header is written."""
    size = int(gibibytes * 2**30)
    header = f'{{"a": {{"dtype": "F32", "shape": [{size // 4}], "data_offsets": [0, {size}]}}}}'
    path.write_bytes(struct.pack("<Q", len(header)) + header.encode())
    os.truncate(path, 8 + len(header) + size)


@pytest.mark.parametrize("gibibytes", [1, 60])
def test_a_hollow_file_is_refused_before_it_fills_memory(tmp_path, gibibytes):
    hollow(tmp_path / "a", gibibytes)
    with pytest.raises(FileError, match=r"a: claims .* bytes, but hardly any are written in it"):
        read_tensors(tmp_path / "a")


def test_a_small_hollow_file_is_zeros_as_a_copy_may_leave_them(tmp_path):
    hollow(tmp_path / "a", 2**-10)
    assert_same_bits(read_tensors(tmp_path / "a")[0]["a"], np.zeros(2**18, np.float32))


def test_a_file_larger_than_memory_is_refused(tmp_path, monkeypatch):
    write(tmp_path / "a", save({"a": np.zeros(3)}))

    def fail(*_):
        raise MemoryError

    monkeypatch.setattr(tensors.np, "empty", fail)
    with pytest.raises(FileError, match=r"a: has .* bytes, more than there is memory for"):
        read_tensors(tmp_path / "a")

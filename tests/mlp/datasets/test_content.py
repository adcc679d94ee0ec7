"""Files made to harm the readers: what they raise, how long they take, what they allocate."""

import io
import os
import random
import struct
import time
import tracemalloc
import warnings
import zipfile

import numpy as np
import pytest
from data_files import images_and_labels, write_folders, write_idx
from PIL import Image

from mlp import DataError, load
from mlp.datasets import errors, fingerprint

LABELS = (np.arange(30) % 3).astype(np.uint8)
PIXELS = bytes(range(120))
SPLIT = (15, 6)


def npy(header, data=b"", version=1):
    length = struct.pack("<H" if version == 1 else "<I", len(header))
    return b"\x93NUMPY" + bytes([version, 0]) + length + header + data


def header(descr="'|u1'", shape="(30, 2, 2)"):
    return f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()


def write_npz(path, images, compression=zipfile.ZIP_DEFLATED, labels=LABELS):
    buffer = io.BytesIO()
    np.save(buffer, labels)
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("images.npy", images)
        archive.writestr("labels.npy", buffer.getvalue())
    return path


def idx_header(*shape):
    return struct.pack(f">4B{len(shape)}I", 0, 0, 8, len(shape), *shape)


def refuse(path, message):
    """Load what must be refused: in one line, within a second and in little memory."""
    tracemalloc.start()
    started = time.process_time()
    try:
        with pytest.raises(DataError, match=message) as caught:
            load(path, split=SPLIT)
        assert time.process_time() - started < 1.0
        assert tracemalloc.get_traced_memory()[1] < 2**24
    finally:
        tracemalloc.stop()
    assert len(str(caught.value).splitlines()) == 1
    assert str(caught.value).startswith(str(path))


BAD_HEADERS = {
    "unclosed": b"{'descr': '|u1', 'shape': (",
    "nested": b"(" * 9000,
    "deep": b"-" * 900 + b"1",
    "short dtype": header("('<i4',)"),
    "null": header("'\0'"),
    "escape": header("'\\d'"),
    "no dictionary": b"7",
    "unhashable": b"{[]: 1}",
}


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("name", BAD_HEADERS)
def test_a_senseless_npy_header_is_refused(tmp_path, name, version):
    content = npy(BAD_HEADERS[name], PIXELS, version)
    refuse(write_npz(tmp_path / "a.npz", content), "images: is no .npy array")


@pytest.mark.parametrize("version", [1, 2])
def test_a_plain_header_is_read_in_either_version(tmp_path, version):
    dataset = load(write_npz(tmp_path / "a.npz", npy(header(), PIXELS, version)), split=SPLIT)
    order = np.random.RandomState(521).permutation(30)
    np.testing.assert_array_equal(
        dataset.train.features, np.frombuffer(PIXELS, np.uint8).reshape(30, 4)[order[:15]]
    )


def test_a_header_of_python_2_is_read_without_a_warning(tmp_path):
    path = write_npz(tmp_path / "a.npz", npy(header(shape="(30L, 2L, 2L)"), PIXELS))
    with warnings.catch_warnings(record=True, action="always") as caught:
        assert load(path, split=SPLIT).image_shape == (2, 2)
    assert caught == []


def test_a_header_that_expands_is_not_unpacked(tmp_path):
    size = 2**27
    refuse(write_npz(tmp_path / "a.npz", npy(b" " * size, version=2)), "images: is no .npy array")


def test_a_dimension_that_numpy_cannot_hold_is_refused(tmp_path):
    path = write_npz(tmp_path / "a.npz", npy(header(shape=f"(0, {10**30}, 2)")))
    refuse(path, "damaged")
    (tmp_path / "labels-idx1-ubyte").write_bytes(idx_header(0))
    images = tmp_path / "images-idx3-ubyte"
    images.write_bytes(idx_header(0, 2**32 - 1, 2**32 - 1))
    refuse(images, "damaged")


@pytest.mark.parametrize("compression", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_members_that_numpy_never_writes_are_refused(tmp_path, compression):
    path = write_npz(tmp_path / "a.npz", npy(header(), PIXELS), compression)
    refuse(path, "images must be stored or deflated; use numpy.savez")


def test_an_archive_of_a_later_version_is_refused(tmp_path):
    path = write_npz(tmp_path / "a.npz", npy(header(), PIXELS))
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 6] = 200
    path.write_bytes(content)
    refuse(path, "damaged .zip file version 20.0")


def test_a_member_name_that_is_no_text_is_refused(tmp_path):
    path = write_npz(tmp_path / "a.npz", npy(header(), PIXELS))
    content = bytearray(path.read_bytes())
    entry = content.rindex(b"PK\x01\x02")
    content[entry + 9] |= 8  # says that the name is UTF-8
    content[entry + 46] = 0xFF
    path.write_bytes(content)
    refuse(path, "damaged .*utf-8")


def test_labels_that_would_grow_past_the_limit_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(errors, "EXPANDED_LIMIT", 2**16)
    labels = np.zeros(2**13 + 1, np.uint8)
    images = npy(header(shape=f"({len(labels)}, 1, 1)"), bytes(len(labels)))
    path = write_npz(tmp_path / "a.npz", images, labels=labels)
    refuse(path, "labels: claims 8193 bytes, the limit is 8192")


def test_images_of_a_folder_are_limited_together(tmp_path, monkeypatch):
    monkeypatch.setattr(errors, "EXPANDED_LIMIT", 5 * 10_000)
    for name in "AB":
        (tmp_path / name).mkdir()
        for index in range(3):
            Image.new("L", (100, 100)).save(tmp_path / name / f"{index}.png")
    refuse(tmp_path, "its images must take at most 50000 bytes")


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.npz")
    refuse(tmp_path / "pipe.npz", "no such file")


def test_names_cannot_write_to_the_terminal(tmp_path):
    for name in "AB":
        (tmp_path / name).mkdir()
        for index in range(15):
            Image.new("L", (2, 2)).save(tmp_path / name / f"{index}.png")
    (tmp_path / "A" / "x\n\x1b[2J.png").write_bytes(b"")
    assert all(note.isprintable() for note in load(tmp_path, split=(20, 5)).notes)


def replace_bytes_at_random(tmp_path, examples):
    """Repeat what `test_dataset` does with hypothesis, denser: it reaches the archive's tables."""
    path = write_npz(tmp_path / "a.npz", npy(header(), PIXELS), zipfile.ZIP_STORED)
    whole = path.read_bytes()
    choose = random.Random(0)
    refused = 0
    for _ in range(examples):
        content = bytearray(whole)
        for _ in range(choose.randint(1, 6)):
            content[choose.randrange(len(content))] = choose.randrange(256)
        path.write_bytes(content)
        try:
            load(path, split=SPLIT)
        except DataError:
            refused += 1
    assert refused > examples // 2


def test_replaced_bytes_raise_nothing_but_data_errors(tmp_path):
    replace_bytes_at_random(tmp_path, 500)


@pytest.mark.slow
def test_many_replaced_bytes_raise_nothing_but_data_errors(tmp_path):
    replace_bytes_at_random(tmp_path, 10_000)


@pytest.mark.parametrize("form", ["npz", "idx", "folders"])
def test_what_is_larger_on_disk_than_what_may_expand_is_still_read(tmp_path, monkeypatch, form):
    """The limit is for what unpacks to a multiple; 10 bytes of it, and files of a thousand."""
    images, labels = images_and_labels()
    paths = {
        "npz": lambda: tmp_path / "a.npz",
        "idx": lambda: write_idx(tmp_path / "idx", "train", images, labels),
        "folders": lambda: write_folders(tmp_path / "folders"),
    }
    np.savez(tmp_path / "a.npz", images=images, labels=labels)
    path = paths[form]()
    expected = load(path, split=(30, 20))
    monkeypatch.setattr(errors, "EXPANDED_LIMIT", 10 * errors.LABEL_GROWTH)
    assert fingerprint(load(path, split=(30, 20))) == fingerprint(expected)

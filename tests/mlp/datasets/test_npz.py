"""Archives of arrays: what is read, and headers and members made to harm the reader."""

import warnings
import zipfile

import numpy as np
import pytest
from bits import assert_same_bits
from data_files import (
    SPLIT,
    N,
    assert_split_like_the_task,
    images_and_labels,
    npy,
    npz_bytes,
    npz_of_npy,
    refuse,
    write_npz,
)

from mlp import load
from mlp.datasets import errors, npz
from mlp.datasets.content import read
from mlp.datasets.npz import Archive, Source, open_array, read_rows
from mlp.datasets.reading import Reading

IMAGES, IMAGE_LABELS = images_and_labels()
LABELS = (np.arange(30) % 3).astype(np.uint8)
PIXELS = bytes(range(120))


def header(descr="'|u1'", shape="(30, 2, 2)"):
    return f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()


def claim(shape, data=b""):
    """Give an archive whose images claim a shape and have these data."""
    return npz_of_npy(npy(header(shape=str(shape)), data), IMAGE_LABELS)


def read_npz(path):
    return read(path, Reading()).parts["train"][:2]


def write(path, images, compression=zipfile.ZIP_DEFLATED, labels=LABELS):
    path.write_bytes(npz_of_npy(images, labels, compression))
    return path


@pytest.mark.parametrize("key", ["images", "features"])
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_rows_and_labels_are_read_as_they_are(tmp_path, key, save):
    rows = IMAGES if key == "images" else IMAGES.reshape(N, -1) / -255
    save(tmp_path / "a.npz", **{key: rows, "labels": IMAGE_LABELS, "more": np.zeros(3)})
    for array, expected in zip(read_npz(tmp_path / "a.npz"), (rows, IMAGE_LABELS), strict=True):
        assert_same_bits(array, expected)


def test_arrays_are_found_by_name_and_read_one_by_one(tmp_path):
    np.savez(tmp_path / "a.npz", images=IMAGES, labels=IMAGE_LABELS)
    with Archive(tmp_path / "a.npz") as archive:
        assert set(archive.names) == {"images", "labels"}
    with open_array(Source(tmp_path / "a.npz", "images")) as array:
        assert (array.shape, array.dtype) == (IMAGES.shape, np.uint8)
    assert_same_bits(read_rows(Source(tmp_path / "a.npz", "labels")), IMAGE_LABELS)


@pytest.mark.filterwarnings("ignore::mlp.ScaleWarning")  # they are pixels
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_npz_of_features_is_not_scaled(tmp_path, dtype):
    images, labels = images_and_labels()
    features = np.asfortranarray(images.reshape(N, -1).astype(dtype))
    dataset = load(write_npz(tmp_path / "a.npz", features=features, labels=labels), split=SPLIT)
    assert_split_like_the_task(dataset, features, labels)
    assert dataset.train.features.dtype == dtype
    assert (dataset.scale, dataset.image_shape) == (1.0, None)


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
    refuse(write(tmp_path / "a.npz", content), "images: is no .npy array")


@pytest.mark.parametrize("version", [1, 2])
def test_a_plain_header_is_read_in_either_version(tmp_path, version):
    images, _ = read_npz(write(tmp_path / "a.npz", npy(header(), PIXELS, version)))
    assert_same_bits(images, np.frombuffer(PIXELS, np.uint8).reshape(30, 2, 2))


def test_a_header_of_python_2_is_read_without_a_warning(tmp_path):
    path = write(tmp_path / "a.npz", npy(header(shape="(30L, 2L, 2L)"), PIXELS))
    with warnings.catch_warnings(record=True, action="always") as caught:
        assert read_npz(path)[0].shape == (30, 2, 2)
    assert caught == []


def test_a_header_that_expands_is_not_unpacked(tmp_path):
    size = 2**27
    refuse(write(tmp_path / "a.npz", npy(b" " * size, version=2)), "images: is no .npy array")


@pytest.mark.parametrize("compression", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_members_that_numpy_never_writes_are_refused(tmp_path, compression):
    path = write(tmp_path / "a.npz", npy(header(), PIXELS), compression)
    refuse(path, "images must be stored or deflated; use numpy.savez")


def test_an_archive_of_a_later_version_is_refused(tmp_path):
    path = write(tmp_path / "a.npz", npy(header(), PIXELS))
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 6] = 200
    path.write_bytes(content)
    refuse(path, "damaged .zip file version 20.0")


def test_a_member_name_that_is_no_text_is_refused(tmp_path):
    path = write(tmp_path / "a.npz", npy(header(), PIXELS))
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
    path = write(tmp_path / "a.npz", images, labels=labels)
    refuse(path, "labels: claims 8193 bytes, the limit is 8192")


def test_an_archive_of_too_many_arrays_is_refused(tmp_path, monkeypatch):
    """It is opened for every array that is read."""
    path = write(tmp_path / "a.npz", npy(header(), PIXELS))
    monkeypatch.setattr(npz, "_MEMBERS", 1)
    refuse(path, "must hold at most 1 arrays")


def test_a_dimension_that_numpy_cannot_hold_is_refused(tmp_path):
    path = write(tmp_path / "a.npz", npy(header(shape=f"(0, {10**30}, 2)")))
    refuse(path, "damaged")


WHOLE = npz_bytes(images=IMAGES, labels=IMAGE_LABELS)
BAD = {
    "wrong key": (
        npz_bytes(pictures=IMAGES, labels=IMAGE_LABELS),
        r"must have arrays named as rows .*; got labels \(60,\), pictures \(60, 5, 4\)$",
    ),
    "no labels": (npz_bytes(images=IMAGES), r"must have arrays .* got images \(60, 5, 4\)$"),
    "pickle": (
        npz_bytes(images=np.array([print, None]), labels=IMAGE_LABELS),
        "images: must hold numbers, got dtype object",
    ),
    "pickled labels": (
        npz_bytes(images=IMAGES, labels=np.array(["a"] * N, object)),
        "labels: must hold numbers or texts, got dtype object; save texts as numpy.array",
    ),
    "texts for rows": (
        npz_bytes(images=np.array(["a"] * N), labels=IMAGE_LABELS),
        "images: must hold numbers, got dtype <U1",
    ),
    "corrupt member": (WHOLE[:200] + b"\0\1\2\3" * 9 + WHOLE[236:], "damaged|no .npy array"),
    "10**12 rows": (claim((10**12, 28, 28)), "images: claims 784000000000000 bytes, the limit is"),
    "more rows than bytes": (
        claim((60, 5, 4), b"x"),
        "claims 1200 bytes of data, the file holds 1",
    ),
    "more bytes than rows": (
        claim((1, 5, 4), b"x" * 99),
        "images: claims 20 bytes of data, the file holds more",
    ),
    "negative shape": (claim((-1, 5, 4)), "impossible shape|is no .npy array"),
    "a bool for a size": (claim((True, 5, 4)), "impossible shape|is no .npy array"),
    "a program for a header": (
        npz_of_npy(npy(b"__import__('os').system('touch /tmp/never')\n"), IMAGE_LABELS),
        "images: is no .npy array",
    ),
    "decompression bomb": (
        claim((2_000_000, 28, 28), bytes(10**6)),
        "images: claims 1568000000 bytes, the limit is 1073741824",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_archive_is_named_in_one_line(tmp_path, name):
    content, message = BAD[name]
    (tmp_path / "bad.npz").write_bytes(content)
    refuse(tmp_path / "bad.npz", message)

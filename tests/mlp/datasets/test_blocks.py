"""Rows to predict, block by block: what fits a model, and what is named."""

import gzip

import numpy as np
import pytest
from bits import assert_same_bits
from data_files import idx

from mlp import DataError
from mlp.datasets import blocks
from mlp.datasets.blocks import is_rows_file, read_blocks

IMAGES = np.random.default_rng(0).integers(0, 256, (600, 6, 5)).astype(np.uint8)
LABELS = np.arange(600) % 7


@pytest.fixture(params=["npz", "idx", "gzip"])
def given(request, tmp_path):
    """Write images with labels in each form; give the path."""
    if request.param == "npz":
        np.savez_compressed(tmp_path / "a.npz", images=IMAGES, labels=LABELS)
        return tmp_path / "a.npz"
    pack, end = (bytes, "") if request.param == "idx" else (gzip.compress, ".gz")
    (tmp_path / f"labels-idx1-ubyte{end}").write_bytes(pack(idx(LABELS.astype(np.uint8))))
    path = tmp_path / f"images-idx3-ubyte{end}"
    path.write_bytes(pack(idx(IMAGES)))
    return path


def test_rows_come_in_order_with_their_labels_a_block_at_a_time(given):
    found = list(read_blocks(given, (6, 5), 7))
    assert [len(rows) for rows, _ in found] == [256, 256, 88]
    assert_same_bits(np.concatenate([rows for rows, _ in found]), IMAGES.reshape(600, 30))
    np.testing.assert_array_equal(np.concatenate([labels for _, labels in found]), LABELS)


def test_what_holds_rows_is_known_by_its_first_bytes(given, tmp_path):
    assert is_rows_file(given)
    for name, content in (("a.npz", b""), ("b.npz", b"\x89PNG"), ("c", b"\xff\xd8")):
        (tmp_path / name).write_bytes(content)
        assert not is_rows_file(tmp_path / name)


def test_without_labels_there_are_none(tmp_path):
    np.savez(tmp_path / "a.npz", images=IMAGES)
    (tmp_path / "images-idx3-ubyte").write_bytes(idx(IMAGES))
    (tmp_path / "any name").write_bytes(idx(IMAGES))
    for name in ("a.npz", "images-idx3-ubyte", "any name"):
        assert {labels for _, labels in read_blocks(tmp_path / name, (6, 5), 7)} == {None}


@pytest.mark.parametrize("dtype", ["float32", "float64", ">f8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_features_are_floats_of_either_width_and_order(tmp_path, dtype, order):
    features = np.asarray(np.linspace(-1, 1, 3600).reshape(600, 6), dtype, order=order)
    np.savez(tmp_path / "a.npz", features=features, images=IMAGES)
    rows = np.concatenate([rows for rows, _ in read_blocks(tmp_path / "a.npz", (6,), 7)])
    np.testing.assert_array_equal(rows, features)
    assert rows.dtype == np.dtype(dtype).newbyteorder("=")


def test_what_comes_before_the_damage_is_given(tmp_path):
    (tmp_path / "images").write_bytes(idx(IMAGES)[:-1])
    seen = []
    with pytest.raises(DataError, match="claims 600 rows, ends within"):
        seen.extend(len(rows) for rows, _ in read_blocks(tmp_path / "images", (6, 5), 7))
    assert seen == [blocks.ROWS, blocks.ROWS]


def bad_rows(path, kind):
    images = np.zeros((4, 28, 28), np.uint8)
    labels = np.zeros(4, np.int64)
    arrays = {
        "no images": {"pictures": images},
        "other size": {"images": images[:, 1:]},
        "floats": {"images": images.astype(np.float32)},
        "objects": {"images": np.array([{}, {}], object)},
        "no row axis": {"images": np.zeros((), np.uint8)},
        "labels too few": {"images": images, "labels": labels[1:]},
        "labels too high": {"images": images, "labels": labels + 10},
        "labels below": {"images": images, "labels": labels - 1},
        "labels one-hot": {"images": images, "labels": np.eye(10)[labels]},
    }
    if kind in arrays:
        np.savez(path, **arrays[kind])
    else:
        path.write_bytes(kind)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("no images", "must hold the array 'images' for this model, got ['pictures']"),
        (
            "other size",
            "rows must be uint8 of shape (N, 28, 28) for this model, got uint8 of shape",
        ),
        ("floats", "got float32 of shape (4, 28, 28)"),
        ("objects", "must hold numbers"),
        ("no row axis", "got uint8 of shape ()"),
        ("labels too few", "labels must be integers of shape (4,), got int64 of shape (3,)"),
        ("labels too high", "labels must be 0 to 9 for this model, got 10 to 10"),
        ("labels below", "labels must be 0 to 9 for this model, got -1 to -1"),
        ("labels one-hot", "labels must be integers of shape (4,), got float64 of shape (4, 10)"),
        (b"PK\x03\x04 no archive", "is no whole .npz archive"),
        (b"\x1f\x8b no gzip", "cannot be read, or is damaged"),
        (b"\0\0\x08\x01\0\0\0\1a", "must begin with the IDX header of 3-dimensional bytes"),
        (idx(np.zeros((1, 28, 28), np.uint8), (2**31, 28, 28)), "the limit is"),
        (gzip.compress(idx(np.zeros((1, 28, 28), np.uint8), (2**31, 28, 28))), "the limit is"),
        (idx(np.zeros((1, 28, 28), np.uint8), (9, 28, 28)), "claims 9 rows, ends within"),
        (idx(np.zeros((2, 28, 28), np.uint8), (1, 28, 28)), "more than the 1 rows it claims"),
    ],
)
def test_files_of_rows_that_are_damaged_or_do_not_fit(kind, message, tmp_path):
    bad_rows(tmp_path / "set.npz", kind)
    with pytest.raises(DataError) as caught:
        list(read_blocks(tmp_path / "set.npz", (28, 28), 10))
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "set.npz"))
    assert "\n" not in str(caught.value)

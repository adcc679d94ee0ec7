"""Rows to predict, block by block: what fits a model, and what is named."""

import gzip
from dataclasses import replace

import numpy as np
import pytest
from bits import assert_same_bits
from data_files import idx
from PIL import Image

from mlp import DataError, Preparation
from mlp.datasets import blocks
from mlp.datasets.blocks import is_rows_file, read_blocks

IMAGES = np.random.default_rng(0).integers(0, 256, (600, 6, 5)).astype(np.uint8)
LABELS = np.arange(600) % 7
SEVEN = tuple("abcdefg")
PICTURES, FEATURES = Preparation(SEVEN, (6, 5)), Preparation(SEVEN)


def read(path, preparation=PICTURES, n_features=30):
    """Return the rows and labels of all blocks, and the notes."""
    notes = []
    found = list(read_blocks(path, preparation, n_features, notes.append))
    return [rows for rows, _ in found], [labels for _, labels in found], notes


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
    rows, labels, notes = read(given)
    assert [len(block) for block in rows] == [256, 256, 88]
    assert_same_bits(np.concatenate(rows), IMAGES.reshape(600, 30))
    np.testing.assert_array_equal(np.concatenate(labels), LABELS)
    assert notes == []


@pytest.mark.parametrize(
    ("arrays", "predicted"),
    [
        (dict(X=IMAGES, y=LABELS), ""),
        (dict(x_train=IMAGES[:9], y_train=LABELS[:9], x_test=IMAGES, y_test=LABELS), "x_test"),
        (
            dict(train_images=IMAGES[:9], val_images=IMAGES, val_labels=LABELS[:, None]),
            "val_images",
        ),
        (dict(data=IMAGES[:, None], target=np.array(SEVEN)[LABELS]), ""),
    ],
    ids=["X, y", "Keras", "MedMNIST", "texts"],
)
def test_of_an_archive_the_test_rows_are_predicted_else_what_there_is(tmp_path, arrays, predicted):
    path = tmp_path / "a.npz"
    np.savez(path, **arrays)
    rows, labels, notes = read(path)
    assert_same_bits(np.concatenate(rows), IMAGES.reshape(600, 30))
    np.testing.assert_array_equal(np.concatenate(labels), LABELS)
    assert notes == ([f"{path}: of its arrays {predicted} is predicted"] if predicted else [])


@pytest.mark.parametrize("save", [np.save, np.savez])
@pytest.mark.parametrize("labelled", [True, False])
def test_an_array_alone_in_its_file_is_rows_with_the_labels_beside_it(tmp_path, save, labelled):
    end = ".npy" if save is np.save else ".npz"
    names = ("a-test-imgs", "a-test-labels") if labelled else ("mine", "y_mine")
    for name, array in zip(names, (IMAGES, LABELS), strict=True):
        save(tmp_path / f"{name}{end}", array)
    path = tmp_path / f"{names[0]}{end}"
    assert is_rows_file(path)
    rows, labels, notes = read(path)
    assert_same_bits(np.concatenate(rows), IMAGES.reshape(600, 30))
    if labelled:
        np.testing.assert_array_equal(np.concatenate(labels), LABELS)
    else:
        assert set(labels) == {None}
    assert notes == []
    np.savez(tmp_path / f"{names[1]}.npz", LABELS)
    np.save(tmp_path / f"{names[1]}.npy", LABELS)  # which of them?
    rows, labels, notes = read(path)
    assert_same_bits(np.concatenate(rows), IMAGES.reshape(600, 30))
    assert set(labels) == {None}
    assert [note.partition("; ")[2] for note in notes] == (
        ["leave one of them out; its rows are predicted without labels"] if labelled else []
    )


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
        assert set(read(tmp_path / name)[1]) == {None}


@pytest.mark.parametrize("dtype", ["float32", "float64", ">f8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_features_are_floats_of_either_width_and_order(tmp_path, dtype, order):
    features = np.asarray(np.linspace(-1, 1, 3600).reshape(600, 6), dtype, order=order)
    np.savez(tmp_path / "a.npz", features=features, images=IMAGES)
    rows = np.concatenate(read(tmp_path / "a.npz", FEATURES, 6)[0])
    np.testing.assert_array_equal(rows, features)
    assert rows.dtype == np.dtype(dtype).newbyteorder("=")


def test_what_comes_before_the_damage_is_given(tmp_path):
    (tmp_path / "images").write_bytes(idx(IMAGES)[:-1])
    seen, found = [], read_blocks(tmp_path / "images", PICTURES, 30, print)
    with pytest.raises(DataError, match="claims 600 rows, ends within"):
        seen.extend(len(rows) for rows, _ in found)
    assert seen == [blocks.ROWS, blocks.ROWS]


def bad_rows(path, kind):
    images = np.zeros((4, 28, 28), np.uint8)
    labels = np.zeros(4, np.int64)
    arrays = {
        "no images": {"pictures": images, "labels": labels},
        "other size": {"images": images[:, 1:]},
        "floats": {"images": images + np.float32(0.5) * np.arange(4)[:, None, None]},
        "objects": {"images": np.array([{}, {}], object)},
        "no row axis": {"images": np.zeros((), np.uint8)},
        "labels too few": {"images": images, "labels": labels[1:]},
        "labels of two ones": {"images": images, "labels": np.ones((4, 10), np.uint8)},
    }
    if kind in arrays:
        np.savez(path, **arrays[kind])
    else:
        path.write_bytes(kind)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (
            "no images",
            "must have arrays named as rows (images, features, data or x), or those of a part",
        ),
        (
            "other size",
            "takes pictures of shape (N, 28, 28) or (N, 784), got uint8 of shape (4, 27, 28)",
        ),
        ("floats", "or fractions from 0 to 1, got float64 from 0 to 1.5, with fractions"),
        ("objects", "must hold numbers"),
        ("no row axis", "got uint8 of shape ()"),
        ("labels too few", "holds 4 rows but 3 labels"),
        ("labels of two ones", "must be one-hot, a single 1 among zeros in every row; row 0 holds"),
        (b"PK\x03\x04 no archive", "is no whole .npz archive"),
        (b"\x1f\x8b no gzip", "cannot be read, or is damaged"),
        (b"\0\0\x08\x01\0\0\0\1a", "must begin with the IDX header of bytes or numbers in 2"),
        (idx(np.zeros((1, 28, 28), np.uint8), (2**31, 28, 28)), "the limit is"),
        (gzip.compress(idx(np.zeros((1, 28, 28), np.uint8), (2**31, 28, 28))), "the limit is"),
        (idx(np.zeros((1, 28, 28), np.uint8), (9, 28, 28)), "claims 9 rows, ends within"),
        (idx(np.zeros((2, 28, 28), np.uint8), (1, 28, 28)), "more than the 1 rows it claims"),
    ],
)
def test_files_of_rows_that_are_damaged_or_do_not_fit(kind, message, tmp_path):
    bad_rows(tmp_path / "set.npz", kind)
    with pytest.raises(DataError) as caught:
        read(tmp_path / "set.npz", Preparation(tuple("abcdefghij"), (28, 28)), 784)
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "set.npz"))
    assert "\n" not in str(caught.value)


COLOURS = np.random.default_rng(1).integers(0, 256, (300, 6, 5, 3)).astype(np.uint8)
GREY = np.stack([np.asarray(Image.fromarray(one).convert("L")) for one in COLOURS])


@pytest.mark.parametrize(
    ("array", "expected", "note"),
    [
        (IMAGES / 255, IMAGES, "rows of float64 (6, 5): 0 to 1 becomes 0 to 255"),
        (IMAGES.reshape(600, 30).astype(">i4"), IMAGES, None),
        (IMAGES[:, None] / np.float32(255), IMAGES, "float32 (1, 6, 5): 0 to 1 becomes 0 to 255"),
        (np.moveaxis(COLOURS, -1, 1), GREY, "(3, 6, 5): colours become grey as ITU-R 601 weighs"),
        (COLOURS / 255.0, GREY, "grey as ITU-R 601 weighs them; 0 to 1 becomes 0 to 255"),
    ],
)
@pytest.mark.parametrize("order", ["C", "F"])
def test_pictures_of_any_layout_are_those_rows_a_block_at_a_time(
    array, expected, note, order, tmp_path
):
    np.savez(tmp_path / "a.npz", images=np.asarray(array, order=order))
    rows, _, notes = read(tmp_path / "a.npz")
    assert len(rows[0]) == blocks.ROWS
    assert_same_bits(np.concatenate(rows), expected.reshape(len(expected), 30))
    assert [note in one for one in notes] == ([] if note is None else [True])


def test_a_range_that_only_the_last_block_shows_holds_for_all(tmp_path):
    """Zeros and ones alone would be fractions; the last row says that they are levels."""
    images = np.zeros((600, 6, 5))
    images[0], images[-1] = 1, 200
    np.savez(tmp_path / "a.npz", images=images)
    assert_same_bits(
        np.concatenate(read(tmp_path / "a.npz")[0]), images.reshape(600, 30).astype("u1")
    )
    images[-1, 0, 0] = 0.5
    np.savez(tmp_path / "a.npz", images=images)
    with pytest.raises(DataError, match="with fractions"):
        next(read_blocks(tmp_path / "a.npz", PICTURES, 30, print))


def test_pictures_are_transposed_where_those_of_training_were(tmp_path):
    np.savez(tmp_path / "a.npz", images=IMAGES)
    rows, _, notes = read(tmp_path / "a.npz", Preparation(SEVEN, (5, 6), transposed=True))
    assert_same_bits(np.concatenate(rows), IMAGES.swapaxes(1, 2).reshape(600, 30))
    assert notes == [
        f"{tmp_path / 'a.npz'}: its pictures are transposed, as those of training were"
    ]


def test_transparent_pictures_are_laid_on_the_models_ground(tmp_path):
    clear = np.full((9, 6, 5, 2), [70, 0], np.uint8)
    np.savez(tmp_path / "a.npz", images=clear)
    for ground, level in (("white", 255), ("black", 0)):
        rows, _, notes = read(tmp_path / "a.npz", replace(PICTURES, ground=ground))
        assert_same_bits(rows[0], np.full((9, 30), level, np.uint8))
        assert f"transparency is laid on {ground}" in notes[0]


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint16, np.int64, np.float16])
def test_features_of_any_numbers_are_floats(dtype, tmp_path):
    features = (np.arange(1800).reshape(600, 3) % 2).astype(dtype)
    np.savez(tmp_path / "a.npz", features=features)
    rows, _, notes = read(tmp_path / "a.npz", FEATURES, 3)
    assert_same_bits(np.concatenate(rows), features.astype(np.float32))
    assert notes == []


@pytest.mark.parametrize(
    ("labels", "own", "expected", "note"),
    [
        (LABELS + 10, tuple("10 11 12 13 14 15 16".split()), LABELS, ""),
        (LABELS, None, LABELS, ""),
        (LABELS * 1.0, None, LABELS, ""),
        (np.eye(7, dtype=bool)[LABELS], tuple("1234567"), LABELS, ""),
        (LABELS[:, None], None, LABELS, ""),
        (
            LABELS + 5,
            None,
            np.where(LABELS < 2, LABELS + 5, -1),
            "the model knows no label 7 to 11",
        ),
        (LABELS - 1, None, LABELS - 1, "the model knows no label -1"),
        (
            np.where(LABELS == 3, np.nan, LABELS),
            None,
            np.where(LABELS == 3, -1, LABELS),
            "86 rows have no label",
        ),
    ],
)
def test_labels_are_recognised_and_unknown_ones_are_none(labels, own, expected, note, tmp_path):
    np.savez(tmp_path / "a.npz", images=IMAGES, labels=labels)
    _, found, notes = read(tmp_path / "a.npz", replace(PICTURES, labels=own))
    np.testing.assert_array_equal(np.concatenate(found), expected)
    path = tmp_path / "a.npz"
    assert notes == ([f"{path}: {note}; such rows are predicted without one"] if note else [])

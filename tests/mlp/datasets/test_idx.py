"""IDX files, plain and gzip: pairs, test sets, and headers that lie."""

import gzip
import os
import struct

import numpy as np
import pytest
from bits import assert_same_bits
from data_files import SPLIT, assert_split_like_the_task, idx, images_and_labels, refuse, write_idx

from mlp import DataError, load
from mlp.datasets.idx import find_pairs, labels_file, read_idx

IMAGES, LABELS = images_and_labels()


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize("name", ["a", "a.gz"])
def test_gzip_is_known_by_the_files_first_bytes_whatever_its_name(tmp_path, pack, name):
    (tmp_path / name).write_bytes(pack(idx(IMAGES)))
    assert_same_bits(read_idx(tmp_path / name, 3), IMAGES)


@pytest.mark.parametrize("name", ["a-images-idx3-ubyte", "a-labels-idx1-ubyte"])
@pytest.mark.parametrize("kind", ["pipe", "device"])
@pytest.mark.timeout(30)
def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path, name, kind):
    write_idx(tmp_path, "a", IMAGES, LABELS)
    (tmp_path / name).unlink()
    os.mkfifo(tmp_path / name) if kind == "pipe" else (tmp_path / name).symlink_to("/dev/zero")
    for path in (tmp_path, tmp_path / "a-images-idx3-ubyte"):
        with pytest.raises(DataError, match=r"is no file|the labels beside it are missing"):
            load(path, split=SPLIT)


def test_the_labels_of_images_are_named_like_them(tmp_path):
    for images, labels in (
        ("images-idx3-ubyte", "labels-idx1-ubyte"),
        ("t10k-images.idx3-ubyte.gz", "t10k-labels.idx1-ubyte"),
        ("my images-idx3-ubyte", "my labels-idx1-ubyte.gz"),
    ):
        (tmp_path / labels).touch()
        assert labels_file(tmp_path / images) == tmp_path / labels
    with pytest.raises(DataError, match=r"missing: z-labels-idx1-ubyte or z-labels-idx1-ubyte.gz"):
        labels_file(tmp_path / "z-images-idx3-ubyte")


def test_a_folders_pairs_are_training_and_test_or_a_single_one(tmp_path):
    assert find_pairs(tmp_path) == {}
    write_idx(tmp_path, "letters", IMAGES, LABELS)
    (pair,) = find_pairs(tmp_path).values()
    assert pair.images.name == "letters-images-idx3-ubyte"
    write_idx(tmp_path, "t10k", IMAGES, LABELS)
    several = (
        "holds several data sets; name the images of one of them: letters-images-idx3-ubyte, t10k"
    )
    with pytest.raises(DataError, match=several):
        find_pairs(tmp_path)
    (tmp_path / "letters-images-idx3-ubyte").unlink()
    write_idx(tmp_path, "train", IMAGES, LABELS)
    names = {part: pair.images.name[:5] for part, pair in find_pairs(tmp_path).items()}
    assert names == {"train": "train", "test": "t10k-"}


def test_a_dimension_that_numpy_cannot_hold_is_refused(tmp_path):
    (tmp_path / "labels-idx1-ubyte").write_bytes(idx(LABELS[:0]))
    path = tmp_path / "images-idx3-ubyte"
    path.write_bytes(idx(IMAGES[:0], (0, 2**32 - 1, 2**32 - 1)))
    refuse(path, "damaged")


@pytest.mark.parametrize("pack", [None, gzip.compress], ids=["plain", "gzip"])
def test_one_idx_pair_is_split(tmp_path, pack):
    images, labels = images_and_labels()
    options = {"pack": pack, "suffix": ".gz"} if pack else {}
    folder = write_idx(tmp_path / "set", "train", images, labels, **options)
    dataset = load(folder, split=SPLIT)
    assert_split_like_the_task(dataset, images, labels)
    by_file = load(next(folder.glob("*images*")), split=SPLIT)
    assert_split_like_the_task(by_file, images, labels)
    assert by_file.sha256 == dataset.sha256


def test_a_t10k_pair_is_the_test_set_and_left_out_rows_are_noted(tmp_path):
    images, labels = images_and_labels()
    test_images, test_labels = images_and_labels(9, seed=1)
    folder = write_idx(tmp_path / "set", "train", images, labels)
    write_idx(folder, "t10k", test_images, test_labels)
    dataset = load(folder, split=SPLIT)
    np.testing.assert_array_equal(dataset.test.features, test_images.reshape(9, -1))
    np.testing.assert_array_equal(dataset.test.labels, test_labels)
    assert [len(rows.labels) for rows in (dataset.train, dataset.valid)] == [30, 20]
    assert dataset.notes[0] == (
        f"{folder}: 10 rows are left out; a split of 40 and 20 trains on them too"
    )
    assert "left out" not in "".join(load(folder, split=(40, 20)).notes)


GZ = {"train-images-idx3-ubyte": None}  # what the packed file replaces


GZ_NAME = "train-images-idx3-ubyte.gz"


def claim(*shape):
    return struct.pack(">4B3I", 0, 0, 8, 3, *shape)


BAD_IDX = {
    "other magic": ({"train-images-idx3-ubyte": b"\0\0\x0a\x03" + bytes(12)}, "got 00000a03"),
    "short header": ({"train-images-idx3-ubyte": b"\0\0\x08"}, "must begin with the IDX header"),
    "10**12 rows": (
        {"train-images-idx3-ubyte": claim(2**32 - 1, 300, 300)},
        "claims 386547056550000 bytes, the limit is",
    ),
    "truncated": (
        {"train-images-idx3-ubyte": idx(IMAGES)[:-7]},
        "claims 1200 bytes of data, the file holds 1193",
    ),
    "too long": (
        {"train-labels-idx1-ubyte": idx(LABELS) + b"x"},
        "claims 60 bytes of data, the file holds more",
    ),
    "other counts": ({"train-labels-idx1-ubyte": idx(LABELS[:-1])}, "60 rows but 59 labels"),
    "labels missing": ({"train-labels-idx1-ubyte": None}, "the labels beside it are missing"),
    "two pairs": (
        {"letters-images-idx3-ubyte": idx(IMAGES), "letters-labels-idx1-ubyte": idx(LABELS)},
        "several data sets; .*: letters-images-idx3-ubyte, train-images-idx3-ubyte",
    ),
    "other test shape": (
        {"t10k-images-idx3-ubyte": idx(IMAGES[:, :, :3]), "t10k-labels-idx1-ubyte": idx(LABELS)},
        r"test rows must be uint8 of shape \(5, 4\) like the training rows, got .* \(5, 3\)",
    ),
    "other test classes": (
        {"t10k-images-idx3-ubyte": idx(IMAGES), "t10k-labels-idx1-ubyte": idx(LABELS + 1)},
        "test set: labels must be among those of the training rows, 0 to 2; got 3",
    ),
    "broken gzip": (GZ | {GZ_NAME: gzip.compress(idx(IMAGES))[:-9]}, "damaged"),
    "no gzip": (
        GZ | {GZ_NAME: b"letters"},
        "must begin with the IDX header of bytes or numbers in 2 to 4",
    ),
    "gzip bomb": (
        GZ | {GZ_NAME: gzip.compress(claim(2**21, 28, 28) + bytes(10**6))},
        "claims 1644167168 bytes, the limit is 1073741824",
    ),
}


@pytest.mark.parametrize("name", BAD_IDX)
def test_bad_idx_files_are_named_in_one_line(tmp_path, name):
    files, message = BAD_IDX[name]
    folder = write_idx(tmp_path / "set", "train", IMAGES, LABELS)
    for file, content in files.items():
        if content is None:
            (folder / file).unlink()
        else:
            (folder / file).write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        load(folder, split=SPLIT)
    assert str(caught.value).startswith(str(folder))
    assert "\n" not in str(caught.value)

"""Every form of data, and everything that can be wrong with it, as messages of one line."""

import contextlib
import gzip
import hashlib
import io
import struct
import time
import zipfile
from dataclasses import replace

import array_api_strict
import numpy as np
import pytest
from bits import assert_same_bits
from data_files import (
    SPLIT,
    N,
    idx,
    images_and_labels,
    npz_bytes,
    write_idx,
    write_npz,
    write_png,
)
from fuzzing import damaged
from hypothesis import given, settings
from PIL import Image
from tolerances import ROUNDING

from mlp import (
    DataError,
    Rows,
    TrainingConfig,
    choose_device,
    functional,
    init_parameters,
    load,
    train,
)
from mlp.datasets import fingerprint
from mlp.datasets.on_disk import FileRows
from mlp.device import Device
from mlp.model import forward


def assert_split_like_the_task(dataset, images, labels):
    order = np.arange(len(images))
    np.random.RandomState(521).shuffle(order)  # what np.random.seed(521), shuffle(order) do
    flat = images.reshape(len(images), -1)
    for rows, cut in (
        (dataset.train, slice(0, 30)),
        (dataset.valid, slice(30, 50)),
        (dataset.test, slice(50, None)),
    ):
        assert_same_bits(rows.features, np.ascontiguousarray(flat[order[cut]]))
        np.testing.assert_array_equal(rows.labels, labels[order[cut]])
        assert rows.features.flags.c_contiguous
        assert rows.labels.dtype == np.uint8


def test_npz(tmp_path):
    images, labels = images_and_labels()
    path = write_npz(tmp_path / "a.npz", images=images, labels=labels.astype(np.int64))
    dataset = load(path, split=SPLIT)
    assert_split_like_the_task(dataset, images, labels)
    assert (dataset.n_classes, dataset.n_features, dataset.image_shape) == (3, 20, (5, 4))
    assert dataset.train.features.dtype == np.uint8
    assert dataset.scale == 1 / 255
    assert dataset.class_names == ("0", "1", "2")
    assert dataset.path == str(path)
    assert dataset.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert dataset.notes == (f"{path}: data set with SHA-256 {dataset.sha256}",)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_npz_of_features_is_not_scaled(tmp_path, dtype):
    images, labels = images_and_labels()
    features = np.asfortranarray(images.reshape(N, -1).astype(dtype))
    dataset = load(write_npz(tmp_path / "a.npz", features=features, labels=labels), split=SPLIT)
    assert_split_like_the_task(dataset, features, labels)
    assert dataset.train.features.dtype == dtype
    assert (dataset.scale, dataset.image_shape) == (1.0, None)


def test_the_embedded_set_is_known():
    dataset = load()
    sizes = [len(rows.labels) for rows in (dataset.train, dataset.valid, dataset.test)]
    assert sizes == [10_000, 6_000, 2_724]
    assert dataset.class_names == tuple("ABCDEFGHIJ")
    assert dataset.notes == ()


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
    assert dataset.notes[0] == (f"{folder}: 10 rows are left out; --split 40 20 trains on them too")
    assert "left out" not in "".join(load(folder, split=(40, 20)).notes)


def test_the_split_seed_changes_the_split(tmp_path):
    images, labels = images_and_labels()
    path = write_npz(tmp_path / "a.npz", images=images, labels=labels)
    one, two = load(path, split=SPLIT), load(path, split=SPLIT, split_seed=7)
    assert (one.train.features != two.train.features).any()


def header_only_npz(header, data=b""):
    """Write an archive whose 'images' has this .npy header and this data."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        text = header.encode().ljust(117) + b"\n"
        archive.writestr(
            "images.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data
        )
        labels = io.BytesIO()
        np.save(labels, images_and_labels()[1])
        archive.writestr("labels.npy", labels.getvalue())
    return buffer.getvalue()


IMAGES, LABELS = images_and_labels()
FEATURES = IMAGES.reshape(N, -1).astype(np.float32)
HOLE = FEATURES.copy()
HOLE[7, 3] = np.nan
ENDLESS = FEATURES.copy()
ENDLESS[9, 0] = np.inf
WHOLE = npz_bytes(images=IMAGES, labels=LABELS)
BAD_NPZ = {
    "wrong key": (
        npz_bytes(pictures=IMAGES, labels=LABELS),
        r"must hold the arrays 'images' \(or 'features'\) and 'labels', got \['labels', 'pictures",
    ),
    "no labels": (npz_bytes(images=IMAGES), r"must hold the arrays .* got \['images'\]"),
    "float images": (
        npz_bytes(images=IMAGES / 255, labels=LABELS),
        r"images must be uint8 of shape \(N, H, W\), .* got float64 of shape \(60, 5, 4\)",
    ),
    "flat images": (
        npz_bytes(images=IMAGES.reshape(N, -1), labels=LABELS),
        r"images must be uint8 of shape .* got uint8 of shape \(60, 20\)",
    ),
    "float labels": (
        npz_bytes(images=IMAGES, labels=LABELS * 1.0),
        r"labels must be integers of shape \(N,\), got float64 of shape \(60,\)",
    ),
    "one-hot labels": (
        npz_bytes(images=IMAGES, labels=np.eye(3, dtype=np.uint8)[LABELS]),
        r"labels must be integers .* shape \(60, 3\); give class indices, not one-hot rows",
    ),
    "other counts": (npz_bytes(images=IMAGES, labels=LABELS[:-1]), "60 rows but 59 labels"),
    "negative labels": (
        npz_bytes(images=IMAGES, labels=LABELS.astype(np.int32) - 1),
        "labels must be class indices from 0, got -1 to 1",
    ),
    "huge labels": (
        npz_bytes(images=IMAGES, labels=LABELS.astype(np.uint64) + np.uint64(2**63)),
        "labels must be class indices from 0, got 9223372036854775808",
    ),
    "a class skipped": (
        npz_bytes(images=IMAGES, labels=LABELS * 2),
        "labels must be exactly 0 to 2 for 3 distinct ones, got 0 to 4",
    ),
    "one class": (npz_bytes(images=IMAGES, labels=LABELS * 0), "at least 2 classes, got 1"),
    "a class not trained": (
        npz_bytes(
            images=IMAGES,
            labels=np.eye(1, N, np.random.RandomState(521).permutation(N)[-1], dtype=int)[0],
        ),
        r"classes \[1\] have no training rows",
    ),
    "NaN": (npz_bytes(features=HOLE, labels=LABELS), "features must be finite, row 7 holds NaN"),
    "inf": (npz_bytes(features=ENDLESS, labels=LABELS), "must be finite, row 9 holds NaN or inf"),
    "no rows": (npz_bytes(images=IMAGES[:0], labels=LABELS[:0]), "holds no data"),
    "no pixels": (npz_bytes(images=IMAGES[:, :0], labels=LABELS), "holds no data"),
    "pickle": (
        npz_bytes(images=np.array([print, None]), labels=LABELS),
        "images: must hold numbers, got dtype object",
    ),
    "truncated": (WHOLE[: len(WHOLE) // 2], "is neither a whole .npz archive nor an IDX file"),
    "text": (b"letters", "is neither a whole .npz archive"),
    "empty file": (b"", "is neither a whole .npz archive"),
    "corrupt member": (WHOLE[:200] + b"\0\1\2\3" * 9 + WHOLE[236:], "damaged|no .npy array"),
    "10**12 rows": (
        header_only_npz(
            "{'descr': '|u1', 'fortran_order': False, 'shape': (1000000000000, 28, 28), }"
        ),
        "images: claims 784000000000000 bytes, the limit is",
    ),
    "more rows than bytes": (
        header_only_npz("{'descr': '|u1', 'fortran_order': False, 'shape': (60, 5, 4), }", b"x"),
        "images: claims 1200 bytes of data, the file holds 1",
    ),
    "more bytes than rows": (
        header_only_npz("{'descr': '|u1', 'fortran_order': False, 'shape': (1, 5, 4)}", b"x" * 99),
        "images: claims 20 bytes of data, the file holds more",
    ),
    "negative shape": (
        header_only_npz("{'descr': '|u1', 'fortran_order': False, 'shape': (-1, 5, 4), }"),
        "impossible shape|is no .npy array",
    ),
    "a program for a header": (
        header_only_npz("__import__('os').system('touch /tmp/never')"),
        "images: is no .npy array",
    ),
    "decompression bomb": (
        header_only_npz(
            "{'descr': '|u1', 'fortran_order': False, 'shape': (2000000, 28, 28), }", bytes(10**6)
        ),
        "images: claims 1568000000 bytes, the limit is 1073741824",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_NPZ)
def test_a_bad_npz_is_named_in_one_line(tmp_path, name):
    content, message = BAD_NPZ[name]
    path = tmp_path / "bad.npz"
    path.write_bytes(content)
    started = time.process_time()
    with pytest.raises(DataError, match=message) as caught:
        load(path, split=SPLIT)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)
    assert time.process_time() - started < 1.0


GZ = {"train-images-idx3-ubyte": None}  # what the packed file replaces
GZ_NAME = "train-images-idx3-ubyte.gz"


def claim(*shape):
    return struct.pack(">4B3I", 0, 0, 8, 3, *shape)


BAD_IDX = {
    "other magic": ({"train-images-idx3-ubyte": b"\0\0\x0d\x03" + bytes(12)}, "got 00000d03"),
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
        r"holds several IDX pairs \(letters, train\); name one images file",
    ),
    "other test shape": (
        {"t10k-images-idx3-ubyte": idx(IMAGES[:, :, :3]), "t10k-labels-idx1-ubyte": idx(LABELS)},
        r"test rows must have shape \(5, 4\) like the training rows, got \(5, 3\)",
    ),
    "other test classes": (
        {"t10k-images-idx3-ubyte": idx(IMAGES), "t10k-labels-idx1-ubyte": idx(LABELS + 1)},
        "test labels must be 0 to 2, got 3",
    ),
    "broken gzip": (GZ | {GZ_NAME: gzip.compress(idx(IMAGES))[:-9]}, "damaged"),
    "no gzip": (GZ | {GZ_NAME: b"letters"}, "must begin with the IDX header of 3-dimensional"),
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


def test_a_missing_path_is_named(tmp_path):
    with pytest.raises(DataError, match=r"none\.npz: no such file or folder"):
        load(tmp_path / "none.npz")


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ((50, 20), "--split 50 20 must fit into its 60 rows"),
        ((40, 20), "--split 40 20 must fit into its 60 rows and leave some to test"),
        ((40, 0), "--split must give training and validation rows"),
    ],
)
def test_a_split_that_does_not_fit_is_refused(tmp_path, split, message):
    path = tmp_path / "a.npz"
    path.write_bytes(WHOLE)
    with pytest.raises(DataError, match=message):
        load(path, split=split)


def png_bytes():
    buffer = io.BytesIO()
    Image.fromarray(IMAGES[0]).save(buffer, format="PNG")
    return buffer.getvalue()


SEEDS = {"npz": WHOLE, "idx": idx(IMAGES), "gz": gzip.compress(idx(IMAGES)), "png": png_bytes()}


def damaged_path(folder, kind):
    """Prepare a data set and give its path and the file to be damaged."""
    if kind == "npz":
        return folder / "a.npz", folder / "a.npz"
    if kind == "png":
        for label in "AB":
            for index in range(3):
                write_png(folder / "png" / label / f"{index}.png", IMAGES[index])
        return folder / "png", folder / "png" / "A" / "3.png"
    place = write_idx(folder / kind, "train", IMAGES, LABELS)
    if kind == "idx":
        return place, place / "train-images-idx3-ubyte"
    (place / "train-images-idx3-ubyte").unlink()
    return place, place / GZ_NAME


def fuzz(kind, examples, folder):
    path, file = damaged_path(folder, kind)

    @settings(max_examples=examples, deadline=None, database=None)
    @given(content=damaged(SEEDS[kind]))
    def check(content):
        file.write_bytes(content)
        started = time.process_time()
        with contextlib.suppress(DataError):
            dataset = load(path, split=(4, 1) if kind == "png" else SPLIT)
            assert dataset.n_classes >= 2
        assert time.process_time() - started < 1.0

    check()


@pytest.mark.parametrize("kind", SEEDS)
def test_damaged_files_raise_nothing_but_data_errors(kind, tmp_path):
    fuzz(kind, 500, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("kind", SEEDS)
def test_many_damaged_files_raise_nothing_but_data_errors(kind, tmp_path):
    fuzz(kind, 10_000, tmp_path)


def assert_other_fingerprint(dataset, **changes):
    assert fingerprint(replace(dataset, **changes)) != fingerprint(dataset)


def test_the_fingerprint_is_another_for_whatever_ranks_must_find_alike(make_dataset):
    dataset = make_dataset()
    features, labels = dataset.train
    for row in (0, len(labels) - 1):
        other = labels.copy()
        other[row] = (other[row] + 1) % dataset.n_classes
        assert_other_fingerprint(dataset, train=Rows(features, other))
    other = dataset.test.labels.copy()
    other[-1] = (other[-1] + 1) % dataset.n_classes
    assert_other_fingerprint(dataset, test=Rows(dataset.test.features, other))
    assert_other_fingerprint(dataset, train=Rows(features[:, :-1], labels))
    assert_other_fingerprint(dataset, train=Rows(features.astype(np.float32), labels))
    assert_other_fingerprint(dataset, scale=1.0)
    assert_other_fingerprint(dataset, n_classes=dataset.n_classes + 1)
    assert_other_fingerprint(dataset, test=None)
    assert_other_fingerprint(dataset, train=dataset.valid, valid=dataset.train)


def test_the_fingerprint_costs_no_pass_over_the_features(make_dataset):
    """Whose values it therefore does not tell, nor where they were read."""
    dataset = make_dataset()
    other = Rows(dataset.train.features + 1, dataset.train.labels)
    same = replace(dataset, train=other, path="elsewhere", notes=("a note",))
    assert fingerprint(same) == fingerprint(dataset)


@pytest.mark.parametrize(("n_classes", "dtype"), [(256, np.uint8), (257, np.int32)])
@pytest.mark.parametrize("batch_size", [None, 100])
def test_as_many_classes_as_a_byte_holds_and_one_more_are_read_and_learned(
    tmp_path, n_classes, dtype, batch_size
):
    labels = np.arange(4 * n_classes) % n_classes
    features = np.stack([np.sin(labels), np.cos(labels), labels / n_classes], axis=1)
    path = write_npz(tmp_path / "a.npz", features=features, labels=labels)
    dataset = load(path, split=(4 * n_classes - 20, 10), split_seed=3)
    assert {rows.labels.dtype for rows in dataset.splits.values()} == {np.dtype(dtype)}
    assert dataset.n_classes == len(dataset.class_names) == n_classes
    order = np.random.RandomState(3).permutation(4 * n_classes)
    np.testing.assert_array_equal(dataset.train.labels, labels[order[:-20]])
    config = TrainingConfig(hidden=(8,), epochs=3, batch_size=batch_size, dtype="float64")
    first, *_, last = train(dataset, config).history
    assert last.train_loss < first.train_loss
    parameters = init_parameters((3, 8, n_classes), seed=421, dtype="float64")
    logits = forward(parameters, dataset.train.features)[0]
    targets = functional.one_hot(labels[order[:-20]], n_classes)
    expected = functional.average_cross_entropy(targets, functional.softmax(logits))
    np.testing.assert_allclose(first.train_loss, expected, **ROUNDING["float64"])


DEVICE = Device(
    array_api_strict, array_api_strict.Device("device1"), "cuda", "cuda", "cuda:0", "a stand-in"
)


def test_a_data_set_has_the_splits_that_are_there(make_dataset):
    dataset = make_dataset()
    assert list(dataset.splits) == ["train", "valid", "test"]
    assert dataset.splits["valid"] is dataset.valid
    assert list(replace(dataset, valid=None).splits) == ["train", "test"]
    assert dataset.n_features == 20


@pytest.mark.parametrize("absent", [{}, {"valid": None}, {"test": None}])
def test_a_function_is_applied_to_every_split_that_is_there_and_the_rest_stays(
    make_dataset, absent
):
    dataset = replace(make_dataset(), **absent)
    halved = dataset.map(lambda rows: rows.map(lambda array: array[::2]))
    assert list(halved.splits) == list(dataset.splits)
    for name, rows in dataset.splits.items():
        assert_same_bits(halved.splits[name].features, rows.features[::2].copy())
        assert_same_bits(halved.splits[name].labels, rows.labels[::2].copy())
    rest = {name: getattr(dataset, name) for name in ("scale", "n_classes", "path", "notes")}
    assert {name: getattr(halved, name) for name in rest} == rest


def test_all_rows_are_copied_to_a_device_and_numpy_keeps_its_own(make_dataset):
    dataset = make_dataset()
    moved = dataset.to(DEVICE)
    for name, rows in dataset.splits.items():
        for array, there in zip(rows, moved.splits[name], strict=True):
            assert there.device == DEVICE.handle
            assert_same_bits(there, array)
    same = dataset.to(choose_device("cpu"))
    assert same.train.features is dataset.train.features


def test_rows_are_taken_by_a_slice_as_views_and_by_number_as_copies(make_dataset):
    rows = make_dataset().train
    view = rows.take(slice(3, 9))
    assert np.shares_memory(view.features, rows.features)
    assert_same_bits(view.labels, rows.labels[3:9])
    index = np.array([7, 0, 7, 299])
    copy = rows.take(index)
    assert not np.shares_memory(copy.features, rows.features)
    assert_same_bits(copy.features, rows.features[index])
    there = rows.map(DEVICE.put)
    for number, expected in (
        (slice(3, 9), rows.take(slice(3, 9))),
        (array_api_strict.asarray(index, device=DEVICE.handle), copy),
    ):
        for array, other in zip(there.take(number), expected, strict=True):
            assert array.device == DEVICE.handle
            assert_same_bits(array, other)


def test_rows_on_disk_stay_there_for_numpy_and_are_read_for_others(tmp_path):
    images, labels = images_and_labels()
    np.save(tmp_path / "images.npy", images)
    np.save(tmp_path / "labels.npy", labels)
    dataset = load(tmp_path, split=SPLIT)
    assert isinstance(dataset.train.features, FileRows)
    assert dataset.to(choose_device("cpu")).train.features is dataset.train.features
    order = np.random.RandomState(521).permutation(60)[:30]
    expected = images.reshape(60, 20)[order]
    moved = dataset.to(DEVICE)
    assert moved.train.features.device == DEVICE.handle
    assert_same_bits(moved.train.features, expected)
    for index in (slice(4, 11), np.array([3, 0, 29])):
        taken = dataset.train.take(index)
        assert_same_bits(taken.features, np.ascontiguousarray(expected[index]))
        assert_same_bits(taken.labels, labels[order][index].copy())

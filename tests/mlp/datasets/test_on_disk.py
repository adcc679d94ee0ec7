"""Data larger than memory: the same numbers as from memory, and no memory for the rows."""

import os
import subprocess
import sys
import threading
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from bits import assert_same_bits, bits_of

from mlp import DataError, TrainingConfig, load, train
from mlp.datasets.on_disk import FileRows
from mlp.model import parameters_sha256


@pytest.fixture
def images_and_labels():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (500, 6, 5)).astype(np.uint8), (np.arange(500) % 3).astype("u1")


@pytest.fixture
def folder(tmp_path, images_and_labels):
    np.save(tmp_path / "images.npy", images_and_labels[0])
    np.save(tmp_path / "labels.npy", images_and_labels[1])
    return tmp_path


@pytest.mark.parametrize(("batch_size", "hidden"), [(None, 12), (70, 12), (30, 200)])
def test_training_from_disk_gives_the_weights_of_training_from_memory(
    folder, images_and_labels, tmp_path, batch_size, hidden
):
    images, labels = images_and_labels
    np.savez(tmp_path / "same.npz", images=images, labels=labels)
    config = TrainingConfig(
        hidden=(hidden,), epochs=3, batch_size=batch_size, threads=3, shard_rows=32
    )
    states = [
        train(load(path, split=(300, 100)), config) for path in (folder, tmp_path / "same.npz")
    ]
    assert parameters_sha256(states[0].parameters) == parameters_sha256(states[1].parameters)
    assert bits_of(states[0].history) == bits_of(states[1].history)


@pytest.mark.parametrize("name", ["images.npy", "labels.npy"])
@pytest.mark.timeout(30)
def test_a_pipe_is_refused_and_not_waited_for(folder, name):
    (folder / name).unlink()
    os.mkfifo(folder / name)
    with pytest.raises(DataError, match=f"{name}: is no file"):
        load(folder, split=(300, 100))


def test_labels_that_are_hardly_written_do_not_fill_memory(folder):
    """Both claim as many rows; the labels alone would take eight bytes of memory for each."""
    rows = 2**34
    for name, shape in (("images.npy", (rows, 1, 1)), ("labels.npy", (rows,))):
        with (folder / name).open("wb") as file:
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            file.truncate(file.tell() + rows)
    tracemalloc.start()
    with pytest.raises(DataError, match=r"labels\.npy: claims 17179869184 bytes, the limit is"):
        load(folder, split=(300, 100))
    assert tracemalloc.get_traced_memory()[1] < 2**24
    tracemalloc.stop()


def test_rows_are_read_by_slice_and_by_number_into_a_buffer_used_again(folder, images_and_labels):
    flat = images_and_labels[0].reshape(500, 30)
    dataset = load(folder, split=(300, 100))
    assert isinstance(dataset.train.features, FileRows)
    assert dataset.n_features == 30
    rows = FileRows(folder / "images.npy", 128, (500, 6, 5)).select(np.array([7, 400, 2, 9]))
    first = rows.read(slice(1, 4))
    np.testing.assert_array_equal(first, flat[[400, 2, 9]])
    second = rows.read(np.array([3, 0]))
    np.testing.assert_array_equal(second, flat[[9, 7]])
    assert np.shares_memory(first, second)
    held = []
    thread = threading.Thread(target=lambda: held.append(rows.read(slice(0, 2))))
    thread.start()
    thread.join()
    assert not np.shares_memory(first, held[0])


def test_a_file_that_shrinks_while_training_is_an_error(folder):
    dataset = load(folder, split=(300, 100))
    with (folder / "images.npy").open("r+b") as file:
        file.truncate(2000)
    with pytest.raises(OSError, match=r"images\.npy: row \d+ is not there any more"):
        train(dataset, replace(TrainingConfig(), hidden=(4,), epochs=1))


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("images.npy", np.zeros((500, 30), np.uint8), r"must have shape \(N, H, W\), or be flat"),
        ("images.npy", np.zeros((500, 6, 5), np.float32), "got float32"),
        ("images.npy", np.zeros((500, 6, 5), np.uint8, order="F"), "in C order"),
        ("images.npy", np.zeros((499, 6, 5), np.uint8), "499 rows but 500 labels"),
        ("labels.npy", np.array([None]), "must hold numbers or texts, got dtype object"),
        ("labels.npy", np.zeros(500, np.uint8), "at least 2 classes"),
    ],
)
def test_bad_files_are_named(folder, name, array, message):
    np.save(folder / name, array)
    with pytest.raises(DataError, match=message):
        load(folder, split=(300, 100))


@pytest.mark.parametrize(
    ("shape", "size"), [((500, 6, 5, 1), None), ((500, 1, 6, 5), None), ((500, 30), (6, 5))]
)
def test_the_same_bytes_in_other_axes_are_the_same_pictures(folder, shape, size):
    expected = load(folder, split=(300, 100))
    np.save(folder / "images.npy", np.load(folder / "images.npy").reshape(shape))
    found = load(folder, split=(300, 100), image_size=size)
    assert isinstance(found.train.features, FileRows)
    assert found.preparation == expected.preparation
    for part, rows in expected.splits.items():
        assert_same_bits(np.asarray(found.splits[part].features), np.asarray(rows.features))


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((500, 30), {}, r"got uint8 of shape \(500, 30\), must have shape \(N, H, W\), or be flat"),
        ((500, 30), {"image_size": (5, 5)}, "only pictures in folders can be resized; its rows"),
        ((500, 5, 2, 3), {}, "must be grey; numpy.savez makes an .npz, whose colours are taken"),
        ((500, 6, 5), {"transpose": True}, r"must stand upright: images.swapaxes\(1, 2\)"),
        ((500, 5, 2, 1, 3), {}, "rows must be pictures of shape"),
        ((15000,), {}, "images on disk must be uint8 of shape"),
    ],
)
def test_what_cannot_stay_on_disk_is_refused_in_one_line(folder, shape, options, message):
    np.save(folder / "images.npy", np.load(folder / "images.npy").reshape(shape))
    with pytest.raises(DataError, match=message) as caught:
        load(folder, split=(300, 100), **options)
    assert "\n" not in str(caught.value)


def test_labels_of_rows_on_disk_are_mapped_too(folder):
    expected = load(folder, split=(300, 100))
    labels = np.load(folder / "labels.npy")
    np.save(folder / "labels.npy", np.eye(labels.max() + 1)[labels])
    assert_same_bits(load(folder, split=(300, 100)).train.labels, expected.train.labels)
    np.save(folder / "labels.npy", labels + 1.0)
    found = load(folder, split=(300, 100))
    assert_same_bits(found.train.labels, expected.train.labels)
    assert found.class_names == tuple(str(k + 1) for k in range(expected.n_classes))


def test_a_truncated_file_or_a_missing_one_is_named(folder):
    whole = (folder / "images.npy").read_bytes()
    (folder / "images.npy").write_bytes(whole[:-1])
    with pytest.raises(DataError, match="claims 15000 bytes, holds 14999"):
        load(folder, split=(300, 100))
    (folder / "labels.npy").unlink()
    with pytest.raises(DataError, match=r"labels\.npy is missing beside"):
        load(folder, split=(300, 100))


# VmHWM, because `ru_maxrss` of a process counts what its parent held when it was forked.
PEAK = """
import re, sys
from mlp import TrainingConfig, load, train
train(load(sys.argv[1], split=(int(sys.argv[2]), 1000)),
      TrainingConfig(hidden=(32,), epochs=1, batch_size=int(sys.argv[3]), threads=2,
                     shard_rows=500))
print(re.search("VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="/proc/self/status is Linux's")
@pytest.mark.parametrize("batch_size", [1000, 500], ids=["rows", "units"])
def test_peak_memory_does_not_grow_with_the_rows(tmp_path, batch_size):
    """Eight times the rows: 88 MB more on disk, at most a tenth more in memory."""
    peaks = []
    for rows in (16_000, 128_000):
        folder = tmp_path / str(rows)
        folder.mkdir()
        np.save(folder / "images.npy", np.zeros((rows, 28, 28), np.uint8))
        np.save(folder / "labels.npy", (np.arange(rows) % 64).astype(np.uint8))
        done = subprocess.run(
            [sys.executable, "-c", PEAK, str(folder), str(rows - 2000), str(batch_size)],
            capture_output=True,
            text=True,
            check=True,
        )
        peaks.append(int(done.stdout))
    print(peaks)
    assert peaks[1] <= 1.1 * peaks[0], peaks

"""What a path holds, whatever its form: what is no data set, damaged, or too large."""

import contextlib
import gzip
import hashlib
import os
import random
import time
from pathlib import Path

import numpy as np
import pytest
from data_files import (
    SPLIT,
    idx,
    images_and_labels,
    npz_bytes,
    png,
    refuse,
    write_folders,
    write_idx,
    write_png,
)
from fuzzing import damaged
from hypothesis import given, settings
from PIL import Image
from table_files import HEADER, IRIS, SMALL, digits, text

from mlp import DataError, load
from mlp.datasets import content, errors, fingerprint
from mlp.datasets.content import read
from mlp.datasets.reading import Reading

IMAGES, LABELS = images_and_labels()


@pytest.mark.parametrize(
    "content",
    [b"letters", b"", npz_bytes(images=IMAGES, labels=LABELS)[:900]],
    ids=["text", "nothing", "half an archive"],
)
def test_what_is_no_data_set_is_named(tmp_path, content):
    (tmp_path / "bad.npz").write_bytes(content)
    refuse(tmp_path / "bad.npz", "must be a whole .npz archive, an IDX file of images")


def test_a_missing_path_is_named(tmp_path):
    with pytest.raises(DataError, match=r"none\.npz: no such file or folder"):
        load(tmp_path / "none.npz")


def test_what_may_not_be_read_is_said_with_its_name(tmp_path, monkeypatch):
    """Simulated: root may read everything."""
    genuine = os.open

    def refuse(path, *rest, **options):
        if Path(path).name in ("a.npz", "labels.npy"):
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return genuine(path, *rest, **options)

    np.savez(tmp_path / "a.npz", images=IMAGES, labels=LABELS)
    (tmp_path / "disk").mkdir()
    np.save(tmp_path / "disk" / "images.npy", IMAGES)
    np.save(tmp_path / "disk" / "labels.npy", LABELS)
    monkeypatch.setattr(os, "open", refuse)
    for path, name in ((tmp_path / "a.npz", ""), (tmp_path / "disk", "/labels.npy")):
        with pytest.raises(DataError, match=rf"{path}{name}: cannot .* \(Permission denied\)$"):
            load(path, split=SPLIT)


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.npz")
    refuse(tmp_path / "pipe.npz", "is no file")


def test_the_hash_is_the_files_or_that_of_the_sorted_list_of_names_and_hashes(tmp_path):
    def sha256(data):
        return hashlib.sha256(data).hexdigest()

    np.savez(tmp_path / "a.npz", images=IMAGES, labels=LABELS)
    assert read(tmp_path / "a.npz", Reading()).sha256() == sha256((tmp_path / "a.npz").read_bytes())
    for folder in (write_idx(tmp_path / "idx", "train", IMAGES, LABELS), tmp_path / "set"):
        if folder.name == "set":
            write_folders(folder)
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        lines = [f"{path.relative_to(folder)} {sha256(path.read_bytes())}\n" for path in files]
        assert read(folder, Reading()).sha256() == sha256("".join(lines).encode())


@pytest.mark.parametrize("form", ["npz", "idx", "folders"])
def test_what_is_larger_on_disk_than_what_may_expand_is_still_read(tmp_path, monkeypatch, form):
    """The limit is for what unpacks to a multiple; 10 bytes of it, and files of a thousand."""
    images, labels = IMAGES, LABELS
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


@pytest.mark.parametrize("form", ["npz", "idx", "disk"])
def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path, monkeypatch, form):
    """Or the hash would be of other rows than those that were read."""
    folder = tmp_path / form
    folder.mkdir()
    np.savez(folder / "a.npz", images=IMAGES, labels=LABELS)
    np.save(folder / "labels.npy", LABELS)
    path = {"npz": folder / "a.npz", "idx": folder, "disk": folder}[form]
    if form == "idx":
        write_idx(folder, "train", IMAGES, LABELS)
        changing = folder / "train-labels-idx1-ubyte"
    else:
        if form == "disk":
            np.save(folder / "images.npy", IMAGES)
        changing = folder / ("labels.npy" if form == "disk" else "a.npz")
    load(path, split=(30, 20))
    genuine = content.Pair

    def written_meanwhile(*arrays):
        changing.write_bytes(changing.read_bytes())
        os.utime(changing, ns=(0, 0))
        return genuine(*arrays)

    monkeypatch.setattr(content, "Pair", written_meanwhile)
    with pytest.raises(DataError, match=rf"{changing.name}: has changed while it was read; wait"):
        load(path, split=(30, 20))


TEXTS = np.array(["zero", "one", "two"])
SEEDS = {
    "npz": npz_bytes(images=IMAGES, labels=LABELS),
    "texts": npz_bytes(x_train=IMAGES, y_train=TEXTS[LABELS], class_names=TEXTS.astype("S")),
    "idx": idx(IMAGES),
    "gz": gzip.compress(idx(IMAGES)),
    "png": png(Image.fromarray(IMAGES[0])),
    "csv": text(HEADER, *IRIS).encode(),
    "csv.gz": gzip.compress(text(*digits(SMALL)).encode()),
}


def damaged_path(folder, kind):
    """Prepare a data set and give its path and the file to be damaged."""
    if kind in ("npz", "texts"):
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
    return place, place / "train-images-idx3-ubyte.gz"


def fuzz(kind, examples, folder):
    path, file = damaged_path(folder, kind)

    @settings(max_examples=examples, deadline=None, database=None)
    @given(content=damaged(SEEDS[kind]))
    def check(content):
        def seconds():
            """Return this thread's time alone: other libraries' threads run on."""
            started = time.thread_time()
            with contextlib.suppress(DataError):
                dataset = load(path, split=(4, 1) if kind == "png" else SPLIT)
                assert dataset.n_classes >= 2
            return time.thread_time() - started

        file.write_bytes(content)
        # A file that is slow to read is slow each time; a collection of garbage comes once.
        assert seconds() < 1.0 or seconds() < 1.0

    check()


@pytest.mark.parametrize("kind", SEEDS)
def test_damaged_files_raise_nothing_but_data_errors(kind, tmp_path):
    fuzz(kind, 500, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("kind", SEEDS)
def test_many_damaged_files_raise_nothing_but_data_errors(kind, tmp_path):
    fuzz(kind, 10_000, tmp_path)


def replace_bytes_at_random(tmp_path, examples):
    """Repeat what hypothesis does above, denser: it reaches the archive's tables."""
    path = tmp_path / "a.npz"
    np.savez(path, images=IMAGES, labels=LABELS)
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

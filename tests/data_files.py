"""Small data sets, and the files of every form that hold them."""

import io
import struct
import time
import tracemalloc
import zipfile
import zlib
from contextlib import contextmanager

import numpy as np
import pytest
from bits import assert_same_bits
from PIL import Image

from mlp import DataError, load

N, SPLIT = 60, (30, 20)  # rows; those of them that train and validate


def images_and_labels(n=N, n_classes=3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (n, 5, 4)).astype(np.uint8), (np.arange(n) % n_classes).astype("u1")


def idx(array, sizes=None):
    """Return an IDX file, whose header may claim other sizes than its data have."""
    sizes = array.shape if sizes is None else sizes
    return struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *sizes) + array.tobytes()


@contextmanager
def deep_folder(above, create):
    """Make a folder 1,200 deep, where Python may call itself no more than 1,000 times."""
    deep = above.joinpath(*["d"] * 1_200)
    create(deep)
    yield deep
    for folder in (deep, *deep.parents[:1_199]):  # which pytest cannot remove either
        folder.rmdir()


def write_npz(path, **arrays):
    np.savez_compressed(path, **arrays)
    return path


def write_idx(folder, prefix, images, labels, pack=lambda data: data, suffix=""):
    folder.mkdir(exist_ok=True)
    (folder / f"{prefix}-images-idx3-ubyte{suffix}").write_bytes(pack(idx(images)))
    (folder / f"{prefix}-labels-idx1-ubyte{suffix}").write_bytes(pack(idx(labels)))
    return folder


def write_png(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, format="PNG")


def write_folders(folder):
    """Write a folder of class folders A, B and C."""
    images, labels = images_and_labels()
    for index, (image, label) in enumerate(zip(images, labels, strict=True)):
        write_png(folder / "ABC"[label] / f"{index:03}.png", image)
    return folder


def npz_bytes(**arrays):
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def npy(header, data=b"", version=1):
    """Return an .npy file with this header, whatever it says."""
    length = struct.pack("<H" if version == 1 else "<I", len(header))
    return b"\x93NUMPY" + bytes([version, 0]) + length + header + data


def npz_of_npy(images, labels, compression=zipfile.ZIP_DEFLATED):
    """Return an archive whose ``images.npy`` has these bytes."""
    buffer, member = io.BytesIO(), io.BytesIO()
    np.save(member, labels)
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        archive.writestr("images.npy", images)
        archive.writestr("labels.npy", member.getvalue())
    return buffer.getvalue()


def png(image, **options):
    stream = io.BytesIO()
    image.save(stream, "PNG", **options)
    return stream.getvalue()


def jpeg(image, **options):
    stream = io.BytesIO()
    image.save(stream, "JPEG", **{"quality": 60} | options)
    return stream.getvalue()


def claimed_png(width, height):
    """Return a PNG that claims a size and holds next to nothing."""

    def chunk(kind, data):
        crc = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + crc

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    data = chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + header + data + chunk(b"IEND", b"")


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

"""Rows of an .npz or IDX file, a block at a time: memory does not grow with the file."""

import gzip
import math
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from mlp import DataError, readers
from mlp.export import Classifier

ROWS = 256  # of a block


class Block(NamedTuple):
    """Some rows of a file, in its order."""

    features: np.ndarray  # (n, D) uint8, float32 or float64
    labels: np.ndarray | None  # (n,) class indices, where the file has them


def is_rows_file(path: Path) -> bool:
    """Tell an .npz or IDX file, plain or gzip, by its first bytes."""
    with path.open("rb") as stream:
        return stream.read(2) in (b"PK", b"\0\0", _GZIP)


def read_blocks(path: Path, classifier: Classifier) -> Iterator[Block]:
    """Read an .npz with ``images`` or ``features``, or an IDX file of images.

    Labels are taken where they are: the array ``labels``, or the IDX file beside the images.

    Raises
    ------
    DataError
        The file is damaged or does not fit the model. Blocks before the damage have been given.
    """
    with readers.named(path):
        if zipfile.is_zipfile(path):
            yield from _npz_blocks(path, classifier)
        else:
            yield from _idx_blocks(path, classifier)


_GZIP = b"\x1f\x8b"


def _npz_blocks(path: Path, classifier: Classifier) -> Iterator[Block]:
    key = "features" if classifier.image_shape is None else "images"
    with zipfile.ZipFile(path) as archive:
        members = {name.removesuffix(".npy"): name for name in archive.namelist()}
        if key not in members:
            raise DataError(
                f"{path}: must hold the array '{key}' for this model, got {sorted(members)[:9]}"
            )
        for name in {key, "labels"} & members.keys():
            # An LZMA member names the size of the buffer it is unpacked with, up to 4 GiB.
            if archive.getinfo(members[name]).compress_type not in readers.COMPRESSIONS:
                raise DataError(f"{path}: {name} must be stored or deflated; use numpy.savez")
        labels, limit = None, max(path.stat().st_size, readers.EXPANDED_LIMIT)
        if "labels" in members:
            with archive.open(members["labels"]) as stream:
                labels = readers.read_npy(stream, f"{path}: labels", limit // readers.LABEL_GROWTH)
        with archive.open(members[key]) as stream:
            shape, fortran, dtype, begun = readers.read_npy_header(stream, f"{path}: {key}")
            _check(shape, dtype, labels, classifier, path)
            if not fortran:
                yield from _stream(stream, begun, shape, dtype, labels, path)
                return
        with archive.open(members[key]) as stream:  # rows lie scattered: read all
            rows = readers.read_npy(stream, f"{path}: {key}", limit)
        for start in range(0, len(rows), ROWS):
            yield _block(rows[start : start + ROWS], labels, start)


def _idx_blocks(path: Path, classifier: Classifier) -> Iterator[Block]:
    with path.open("rb") as file:
        zipped = file.read(2) == _GZIP
    opened: Any = gzip.open(path) if zipped else path.open("rb")
    with opened as stream:
        header = stream.read(16)
        if len(header) < 16 or header[:4] != bytes([0, 0, 8, 3]):
            raise DataError(
                f"{path}: must be an .npz archive, or begin with the IDX header of images, "
                f"00000803, got {header[:4].hex()}"
            )
        shape = tuple(int(size) for size in np.frombuffer(header[4:], ">u4"))
        labels = _idx_labels(path)
        _check(shape, np.dtype(np.uint8), labels, classifier, path)
        yield from _stream(stream, b"", shape, np.dtype(np.uint8), labels, path)


def _idx_labels(path: Path) -> np.ndarray | None:
    """Read the labels beside a file of images that is named as such files are."""
    if not readers.IDX_NAME.fullmatch(path.name):
        return None
    try:
        file = readers.labels_file(path)
    except DataError:
        return None
    return readers.read_idx(file, 1, readers.LABEL_GROWTH)


def _check(
    shape: tuple[int, ...],
    dtype: "np.dtype[Any]",
    labels: np.ndarray | None,
    classifier: Classifier,
    path: Path,
) -> None:
    """See that the rows, of which only the header is read, and the labels fit the model."""
    row = classifier.input_shape
    kinds = ["float32", "float64"] if classifier.image_shape is None else ["uint8"]
    if not shape or shape[1:] != row or dtype.name not in kinds:
        want = ", ".join(map(str, row))
        raise DataError(
            f"{path}: rows must be {' or '.join(kinds)} of shape (N, {want}) for this model, got "
            f"{dtype.name} of shape {shape}"
        )
    size, limit = math.prod(shape) * dtype.itemsize, readers.EXPANDED_LIMIT
    if size > max(limit, path.stat().st_size):
        raise DataError(f"{path}: claims {size} bytes, the limit is {limit}")
    if labels is None:
        return
    if labels.dtype.kind not in "iu" or labels.shape != shape[:1]:
        raise DataError(
            f"{path}: labels must be integers of shape ({shape[0]},), got {labels.dtype} of shape "
            f"{labels.shape}"
        )
    n_classes = len(classifier.class_names)
    if labels.size and not 0 <= labels.min() <= labels.max() < n_classes:
        raise DataError(
            f"{path}: labels must be 0 to {n_classes - 1} for this model, got {labels.min()} to "
            f"{labels.max()}"
        )


def _stream(
    stream: IO[bytes],
    begun: bytes,
    shape: tuple[int, ...],
    dtype: "np.dtype[Any]",
    labels: np.ndarray | None,
    path: Path,
) -> Iterator[Block]:
    """Give the rows of an array in C order as they are read; `begun` is what already was."""
    row_bytes = math.prod(shape[1:]) * dtype.itemsize
    for start in range(0, shape[0], ROWS):
        size = min(ROWS, shape[0] - start) * row_bytes
        while len(begun) < size:
            piece = stream.read(size - len(begun))
            if not piece:
                raise DataError(f"{path}: claims {shape[0]} rows, ends within {start + ROWS}")
            begun += piece
        data, begun = begun[:size], begun[size:]
        rows = np.frombuffer(data, dtype).reshape(-1, *shape[1:])
        yield _block(rows.astype(dtype.newbyteorder("="), copy=False), labels, start)
    if begun or stream.read(1):
        raise DataError(f"{path}: holds more than the {shape[0]} rows it claims")


def _block(rows: np.ndarray, labels: np.ndarray | None, start: int) -> Block:
    return Block(
        rows.reshape(len(rows), -1), None if labels is None else labels[start : start + len(rows)]
    )

"""IDX files of bytes, plain or gzip: MNIST's form of images and labels."""

import gzip
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ..files import open_regular, real_size
from .errors import LABEL_GROWTH, DataError, expanded_limit, named
from .stored import StoredArray

IDX_NAME = re.compile(r"(.*)images([-.])idx3-ubyte(\.gz)?")
GZIP = b"\x1f\x8b"


@contextmanager
def open_idx(path: Path, rank: int) -> Iterator[StoredArray]:
    """Open an array of bytes with `rank` dimensions.

    Raises
    ------
    DataError
        The file begins with another header.
    """
    with open_regular(path) as file:
        zipped = file.peek(2)[:2] == GZIP
        stream: Any = gzip.GzipFile(fileobj=file) if zipped else file
        header = stream.read(4 + 4 * rank)
        magic = bytes([0, 0, 8, rank])
        if len(header) < 4 + 4 * rank or header[:4] != magic:
            raise DataError(
                f"{path}: must begin with the IDX header of {rank}-dimensional bytes, "
                f"{magic.hex()}, got {header[:4].hex()}"
            )
        shape = tuple(int(size) for size in np.frombuffer(header[4:], ">u4"))
        yield StoredArray(stream, str(path), shape, np.dtype(np.uint8))


def read_idx(path: Path, rank: int, growth: int = 1) -> np.ndarray:
    """Read an array of bytes, in memory that its values may take `growth` times."""
    with named(path), open_idx(path, rank) as array:
        return array.read(expanded_limit(real_size(path), growth))


def read_idx_pair(images: Path, labels: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read images (N, H, W) and labels (N,)."""
    return read_idx(images, 3), read_idx(labels, 1, LABEL_GROWTH)


def labels_file(images: Path) -> Path:
    """Return the file of the labels of a file of images.

    Raises
    ------
    DataError
        There is none.
    """
    stem = IDX_NAME.sub(r"\1labels\2idx1-ubyte", images.name)
    for name in (f"{stem}.gz", stem):
        if (images.parent / name).is_file():
            return images.parent / name
    raise DataError(f"{images}: the labels beside it are missing: {stem} or {stem}.gz")


def find_pairs(folder: Path) -> list[tuple[Path, Path]]:
    """Find a folder's images and labels: of training, and of a test set where there is one.

    Raises
    ------
    DataError
        There are several sets, or labels are missing.
    """
    names = sorted(path.name for path in folder.iterdir() if IDX_NAME.fullmatch(path.name))
    found = {name.partition("images")[0].rstrip("-._"): folder / name for name in names}
    if len(found) > 1 and not {"train", "t10k"} <= found.keys():
        raise DataError(
            f"{folder}: holds several IDX pairs ({', '.join(found)}); name one images file"
        )
    if "train" in found:
        found = {key: found[key] for key in ("train", "t10k") if key in found}
    return [(images, labels_file(images)) for images in found.values()]

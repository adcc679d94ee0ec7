"""IDX files, plain or gzip: MNIST's form of images and labels, and its relatives'."""

import gzip
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..files import open_regular, real_size
from .errors import LABEL_GROWTH, DataError, expanded_limit, named
from .naming import WORDS, Name, is_systems, understand
from .stored import StoredArray

GZIP = b"\x1f\x8b"
ROW_RANKS, LABEL_RANKS = (2, 3, 4), (1, 2)
# The third byte of a file; numbers are big-endian.
_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_SUFFIX = re.compile(
    r"(.+)([-_.\s])idx\d(?:[-_.\s](?:u?byte|short|int|float|double))?(\.gz)?", re.IGNORECASE
)
_ROLE_WORD = re.compile("(?:images?|imgs?|labels?)(?=[^a-z]*$|[-_.]idx)", re.IGNORECASE)
_INNER = ("raw", "gzip")  # folders in which downloads keep their files
_QMNIST_COLUMNS = 8  # of labels: the class, then who wrote it and where it comes from


class IdxPair(NamedTuple):
    """A file of images and that of their labels."""

    images: Path
    labels: Path


class _File(NamedTuple):
    path: Path
    name: Name


@contextmanager
def open_idx(path: Path, *ranks: int) -> Iterator[StoredArray]:
    """Open an array of bytes or numbers that has one of these numbers of dimensions.

    Raises
    ------
    DataError
        The file begins with another header.
    """
    with open_regular(path) as file:
        zipped = file.peek(2)[:2] == GZIP
        stream: Any = gzip.GzipFile(fileobj=file) if zipped else file
        magic = stream.read(4)
        kind, rank = magic[2:4] if magic[:2] == b"\0\0" and len(magic) == 4 else (0, 0)
        sizes = stream.read(4 * rank) if kind in _TYPES and rank in ranks else b""
        if len(sizes) < 4 * max(rank, 1):
            span = f"{ranks[0]} to {ranks[-1]}" if len(ranks) > 1 else f"{ranks[0]}"
            raise DataError(
                f"{path}: must begin with the IDX header of bytes or numbers in {span} dimensions, "
                f"{bytes([0, 0, 8, 3 if 3 in ranks else ranks[0]]).hex()} say, got {magic.hex()}"
            )
        shape = tuple(int(size) for size in np.frombuffer(sizes, ">u4"))
        yield StoredArray(stream, str(path), shape, np.dtype(_TYPES[kind]))


def read_idx(path: Path, *ranks: int, growth: int = 1) -> np.ndarray:
    """Read an array whole, in memory that its values may take `growth` times."""
    with named(path), open_idx(path, *ranks) as array:
        return array.read(expanded_limit(real_size(path), growth))


def read_labels(path: Path) -> tuple[np.ndarray, str]:
    """Read labels, and return a note: of QMNIST's columns only the first is the class."""
    labels = read_idx(path, *LABEL_RANKS, growth=LABEL_GROWTH)
    several = labels.ndim == 2 and labels.shape[1] == _QMNIST_COLUMNS
    if not (several and labels.dtype == np.int32 and labels.max(initial=0) > 1):  # not one-hot
        return labels, ""
    note = f"{path}: of {_QMNIST_COLUMNS} columns the first is the class; the others are left out"
    return labels[:, 0].copy(), note


def name_of(path: Path) -> Name | None:
    """Return what a file's name says, where it is that of an IDX file of rows or labels."""
    match = _SUFFIX.fullmatch(path.name)
    return None if match is None or is_systems(path.name) else understand(match[1])


def is_images(path: Path) -> bool:
    """Return whether a file is named as IDX files of images are."""
    name = name_of(path)
    return name is not None and name.role == "rows"


def labels_file(images: Path) -> Path:
    """Return the file of the labels of a file of images.

    Raises
    ------
    DataError
        There is none.
    """
    return _labels(images, _files(_root(images)))


def find_pairs(path: Path) -> dict[str, IdxPair]:
    """Find images and labels by part: in a folder, or beside a named file of images.

    A folder holds one data set, each of whose files may lie in a folder of its own. A file of
    images is named for itself alone; but where its name is one of a set of several parts, as
    ``emnist-letters-train-images-idx3-ubyte`` is, the file of training images stands for all.

    Returns
    -------
    dict of IdxPair
        Of ``train``, and of ``valid`` and ``test`` where there are such; empty for a folder
        without IDX files of images. A single part is ``train``, whatever its name.

    Raises
    ------
    DataError
        There are several sets, none has training images, or labels are missing.
    """
    files = _files(path if path.is_dir() else _root(path))
    if not path.is_dir():
        name, alone = name_of(path), IdxPair(path, _labels(path, files))
        whole = name is not None and name.of and name.part == "train"
        return (_pairs(files, name.of) if whole and name else {}) | {"train": alone}
    sets = {file.name.of: file.path.name for file in files if file.name.role == "rows"}
    if len(sets) > 1:
        raise DataError(
            f"{path}: holds several data sets; name the images of one of them: "
            f"{', '.join(sorted(sets.values()))}"
        )
    pairs = _pairs(files, *sets) if sets else {}
    if len(pairs) > 1 and "train" not in pairs:
        raise DataError(f"{path}: holds {' and '.join(pairs)} images, but none to train on")
    return pairs if "train" in pairs else dict(zip(("train",), pairs.values(), strict=False))


def _root(images: Path) -> Path:
    """Return the folder of a data set, one of whose files is named."""
    folder = images.parent
    return folder if _SUFFIX.fullmatch(folder.name) is None else folder.parent


def _files(folder: Path) -> list[_File]:
    """Return the IDX files of a folder; those in folders of their own come first."""
    inner: list[Path] = []
    direct: list[Path] = []
    for path in sorted(folder.iterdir()):
        if not path.is_dir():
            direct.append(path)
        elif name_of(path) is not None or path.name.lower() in _INNER:
            inner += sorted(file for file in path.iterdir() if not file.is_dir())
    found = ((path, name_of(path)) for path in (*inner, *direct))
    return [_File(path, name) for path, name in found if name is not None]


def _pairs(files: list[_File], of: str) -> dict[str, IdxPair]:
    """Return the pairs of one set. Of files of the same name, plain and gzip, the last counts."""
    wanted = Name("rows", "", of)
    images = {one.name.part: one.path for one in files if one.name._replace(part="") == wanted}
    parts = [part for part in WORDS if part in images]
    return {part: IdxPair(images[part], _labels(images[part], files)) for part in parts}


def _labels(images: Path, files: list[_File]) -> Path:
    """Return the labels that are named most like the images."""
    name, match = name_of(images), _SUFFIX.fullmatch(images.name)
    if name is None or match is None:
        raise DataError(f"{images}: must be named as an IDX file of images")

    def likeness(path: Path) -> tuple[bool, bool, bool]:
        rest = [_ROLE_WORD.sub("", file.name.lower()).split("idx")[0] for file in (images, path)]
        return path.parent == images.parent, rest[0] == rest[1], path.name.lower().endswith(".gz")

    wanted = name._replace(role="labels")
    found = [file.path for file in files if file.name == wanted and file.path.is_file()]
    if not found:
        stem = _ROLE_WORD.sub("labels", match[1]) + match[2] + "idx1-ubyte"
        raise DataError(f"{images}: the labels beside it are missing: {stem} or {stem}.gz")
    return max(found, key=likeness)

"""Files of images and labels, read without trust: sizes are checked before anything is allocated.

No data set can run code (no pickle), name another file, or make a reader allocate much more than
it holds on disk or `EXPANDED_LIMIT`, whichever is larger.
"""

import gzip
import hashlib
import io
import math
import re
import struct
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import chain
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from mlp.file_rows import FileRows

EXPANDED_LIMIT = 2**30  # bytes that an array of a compressed file, or a folder's images, may take
HEADER_LIMIT = 2**10  # bytes of an .npy header: of plain arrays 128, and parsing is quadratic
LABEL_GROWTH = 8  # a label becomes an int64, and so does its place in the permutation
PNG_LIMIT = 2**22  # bytes of one PNG file, and pixels of one image


class DataError(ValueError):
    """Data that cannot be trained on; the message is one line that names the file."""


class Pair(NamedTuple):
    """Rows and labels as a file holds them: (N, H, W) uint8 or (N, D) floats, and (N,)."""

    rows: np.ndarray | FileRows
    labels: np.ndarray


class Content(NamedTuple):
    """What a path holds.

    `sha256` reads every byte once more: it hashes the file, or the sorted list of names and hashes.
    """

    pair: Pair
    test: Pair | None
    sha256: Callable[[], str]
    class_names: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()


def read(path: Path) -> Content:
    """Read a data set, whatever its form.

    Raises
    ------
    DataError
        It is missing, damaged or of no form that is known.
    """
    with named(path):
        if path.is_dir():
            if (path / "images.npy").exists():
                return _read_npy_folder(path)
            pairs = _idx_pairs(path)
            return _read_idx_folder(path, pairs) if pairs else _read_class_folders(path)
        if not path.is_file():  # a pipe would block the reader
            raise DataError(f"{path}: no such file or folder; --data names the data set")
        if zipfile.is_zipfile(path):
            return Content(_read_npz(path), None, partial(_sha256, path))
        if IDX_NAME.fullmatch(path.name):
            labels = labels_file(path)
            return Content(_read_idx_pair(path, labels), None, partial(_files_sha256, path, labels))
    raise DataError(
        f"{path}: is neither a whole .npz archive nor an IDX file of images; --data takes these, "
        "a folder with IDX files, or a folder of class folders of PNG"
    )


# RuntimeError covers encrypted members and NotImplementedError; ValueError a name that is no UTF-8
# and a shape that NumPy cannot hold.
_DAMAGE = (
    OSError,
    EOFError,
    ValueError,
    RuntimeError,
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
)


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Turn what the libraries raise over damaged files into one line that names the file."""
    try:
        yield
    except DataError:
        raise
    except _DAMAGE as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        line = reason.splitlines()[0]
        raise DataError(f"{path}: cannot be read, or is damaged ({line})") from error


# .npz

COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# What NumPy's header parser lets through: of literals, tokens, tuples and dtypes without a meaning.
_BAD_HEADER = (
    *(AttributeError, LookupError, MemoryError, OverflowError, RecursionError, SyntaxError),
    *(TypeError, ValueError, tokenize.TokenError),
)


def _read_npz(path: Path) -> Pair:
    limit = max(path.stat().st_size, EXPANDED_LIMIT)
    label_limit = max(path.stat().st_size, EXPANDED_LIMIT // LABEL_GROWTH)
    with zipfile.ZipFile(path) as archive:
        members = {name.removesuffix(".npy"): name for name in archive.namelist()}
        rows = next((key for key in ("images", "features") if key in members), None)
        if rows is None or "labels" not in members:
            raise DataError(
                f"{path}: must hold the arrays 'images' (or 'features') and 'labels', "
                f"got {sorted(members)[:9]}"
            )
        arrays = []
        for key in (rows, "labels"):
            # An LZMA member names the size of the buffer it is unpacked with, up to 4 GiB.
            if archive.getinfo(members[key]).compress_type not in COMPRESSIONS:
                raise DataError(f"{path}: {key} must be stored or deflated; use numpy.savez")
            with archive.open(members[key]) as stream:
                size = limit if key == rows else label_limit
                arrays.append(read_npy(stream, f"{path}: {key}", size))
    return Pair(*arrays)


def read_npy(stream: IO[bytes], name: str, limit: int) -> np.ndarray:
    """Read an array of numbers of at most `limit` bytes; the header is not believed."""
    shape, fortran, dtype, begun = read_npy_header(stream, name)
    data = _read_exactly(stream, math.prod(shape) * dtype.itemsize, name, limit, begun)
    array = np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")
    return np.ascontiguousarray(array, dtype.newbyteorder("="))


def read_npy_header(
    stream: IO[bytes], name: str
) -> tuple[tuple[int, ...], bool, np.dtype[np.generic], bytes]:
    """Read an array's shape, whether its order is Fortran's, and its dtype; only numbers pass.

    The last element is the data that was read with the header.
    """
    # A header of version 2 may claim 4 GiB for itself.
    header = io.BytesIO(stream.read(HEADER_LIMIT))
    try:
        version = np.lib.format.read_magic(header)
        read_header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        with warnings.catch_warnings(action="ignore"):  # Python 2 wrote sizes as "28L"
            shape, fortran, dtype = read_header(header)
    except _BAD_HEADER as error:
        raise DataError(f"{name}: is no .npy array of version 1 or 2") from error
    if dtype.hasobject or dtype.kind not in "biuf":
        raise DataError(f"{name}: must hold numbers, got dtype {dtype}")
    if any(type(size) is not int or size < 0 for size in shape):
        raise DataError(f"{name}: has the impossible shape {shape}")
    return shape, fortran, dtype, header.read()


def _read_npy_folder(folder: Path) -> Content:
    """Take images.npy as rows on disk, and read labels.npy."""
    images, labels = folder / "images.npy", folder / "labels.npy"
    if not labels.is_file():
        raise DataError(f"{folder}: labels.npy is missing beside images.npy")
    with images.open("rb") as stream:
        shape, fortran, dtype, begun = read_npy_header(stream, str(images))
        offset = stream.tell() - len(begun)
    if dtype != np.uint8 or len(shape) != 3 or fortran:
        raise DataError(
            f"{images}: images on disk must be uint8 of shape (N, H, W) in C order, "
            f"got {dtype} of shape {shape}"
        )
    if (size := images.stat().st_size) != offset + math.prod(shape):
        raise DataError(f"{images}: claims {math.prod(shape)} bytes, holds {size - offset}")
    with labels.open("rb") as stream:
        numbers = read_npy(stream, str(labels), labels.stat().st_size)
    digest = partial(_files_sha256, images, labels)
    note = f"{folder}: images stay on disk; labels and the rows' order take 13 bytes a row"
    return Content(Pair(FileRows(images, offset, shape), numbers), None, digest, notes=(note,))


def _read_exactly(
    stream: IO[bytes], size: int, name: str, limit: int, begun: bytes = b""
) -> bytearray:
    """Read `size` bytes, which a header claims, and see that there are no fewer and no more."""
    if size > limit:
        raise DataError(f"{name}: claims {size} bytes, the limit is {limit}")
    data = bytearray(begun)
    while len(data) <= size:
        piece = stream.read(min(2**20, size + 1 - len(data)))
        if not piece:
            break
        data += piece
    if len(data) != size:
        found = "more" if len(data) > size else str(len(data))
        raise DataError(f"{name}: claims {size} bytes of data, the file holds {found}")
    return data


# IDX

IDX_NAME = re.compile(r"(.*)images([-.])idx3-ubyte(\.gz)?")


def _idx_pairs(folder: Path) -> dict[str, Path]:
    """Find a folder's image files by what their names begin with."""
    names = sorted(path.name for path in folder.iterdir() if IDX_NAME.fullmatch(path.name))
    return {name.partition("images")[0].rstrip("-._"): folder / name for name in names}


def labels_file(images: Path) -> Path:
    """Name the IDX file of the labels of an IDX file of images."""
    match = IDX_NAME.fullmatch(images.name)
    assert match is not None
    stem = f"{match[1]}labels{match[2]}idx1-ubyte"
    for name in (f"{stem}.gz", stem):
        if (images.parent / name).is_file():
            return images.parent / name
    raise DataError(f"{images}: the labels beside it are missing: {stem} or {stem}.gz")


def _read_idx_folder(folder: Path, pairs: dict[str, Path]) -> Content:
    test = pairs.get("t10k") if "train" in pairs else None
    if len(pairs) > 1 and test is None:
        raise DataError(
            f"{folder}: holds several IDX pairs ({', '.join(pairs)}); name one images file"
        )
    train = pairs["train"] if "train" in pairs else next(iter(pairs.values()))
    files = [(images, labels_file(images)) for images in (train, test) if images is not None]
    pairs_read = [_read_idx_pair(images, labels) for images, labels in files]
    digest = partial(_files_sha256, *chain.from_iterable(files))
    return Content(pairs_read[0], pairs_read[1] if test is not None else None, digest)


def _read_idx_pair(images: Path, labels: Path) -> Pair:
    return Pair(read_idx(images, 3), read_idx(labels, 1, LABEL_GROWTH))


def read_idx(path: Path, rank: int, growth: int = 1) -> np.ndarray:
    """Read the bytes of an IDX file, plain or gzip, with `rank` dimensions."""
    with named(path), _open_idx(path) as stream:
        header = stream.read(4 + 4 * rank)
        if len(header) < 4 + 4 * rank or header[:4] != bytes([0, 0, 8, rank]):
            raise DataError(
                f"{path}: must begin with the IDX header of {rank}-dimensional bytes, "
                f"{bytes([0, 0, 8, rank]).hex()}, got {header[:4].hex()}"
            )
        shape = tuple(int(size) for size in np.frombuffer(header[4:], ">u4"))
        limit = max(path.stat().st_size, EXPANDED_LIMIT // growth)
        data = _read_exactly(stream, math.prod(shape), str(path), limit)
        return np.frombuffer(data, np.uint8).reshape(shape)


def _open_idx(path: Path) -> Any:
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")


# Folders of PNG


def _read_class_folders(folder: Path) -> Content:
    """Read ``folder/CLASS/*.png``; links are not followed, unreadable images are named."""
    from PIL import Image

    classes = sorted(path for path in folder.iterdir() if path.is_dir() and not path.is_symlink())
    images: list[np.ndarray] = []
    labels: list[int] = []
    hashes: dict[str, str] = {}
    unreadable: list[str] = []
    on_disk = 0
    for label, class_folder in enumerate(classes):
        files = sorted(
            path
            for path in class_folder.iterdir()
            if path.suffix.lower() == ".png" and path.is_file() and not path.is_symlink()
        )
        before = len(images)
        for file in files:
            name = f"{class_folder.name}/{file.name}"
            data = file.read_bytes() if file.stat().st_size <= PNG_LIMIT else b""
            on_disk += len(data)
            hashes[name] = hashlib.sha256(data).hexdigest()
            try:
                with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
                    if image.width * image.height > PNG_LIMIT:
                        raise ValueError("too many pixels")
                    pixels = np.asarray(image.convert("L"))
            except Exception:  # decoders raise whatever a damaged file makes them trip over
                unreadable.append(name)
                continue
            if images and pixels.shape != images[0].shape:
                raise DataError(
                    f"{file}: must be of {images[0].shape[1]} x {images[0].shape[0]} pixels like "
                    f"the others, got {pixels.shape[1]} x {pixels.shape[0]}"
                )
            if pixels.size * (len(images) + 1) > max(on_disk, EXPANDED_LIMIT):
                raise DataError(f"{folder}: its images must take at most {EXPANDED_LIMIT} bytes")
            images.append(pixels)
            labels.append(label)
        if len(images) == before:
            raise DataError(f"{class_folder}: holds no readable PNG; every class folder must")
    if not images:
        raise DataError(
            f"{folder}: holds neither IDX files (...images-idx3-ubyte) nor class folders of PNG"
        )
    notes: tuple[str, ...] = ()
    if unreadable:
        # A hostile name may hold line breaks or terminal codes.
        first = [name if name.isprintable() else repr(name) for name in unreadable[:5]]
        shown = ", ".join(first) + (", ..." if len(unreadable) > 5 else "")
        notes = (f"{folder}: {len(unreadable)} unreadable images left out: {shown}",)
    names = tuple(path.name for path in classes)
    pair = Pair(np.stack(images), np.array(labels, np.int32))
    return Content(pair, None, partial(_combined_sha256, hashes), names, notes)


# Hashes


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _files_sha256(*files: Path) -> str:
    return _combined_sha256({file.name: _sha256(file) for file in files})


def _combined_sha256(hashes: dict[str, str]) -> str:
    lines = "".join(f"{name} {digest}\n" for name, digest in sorted(hashes.items()))
    return hashlib.sha256(lines.encode()).hexdigest()

"""Arrays of an ``.npz`` archive, and the headers of ``.npy`` files. No pickle is ever read."""

import io
import tokenize
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np

from ..files import open_regular, real_size
from .errors import LABEL_GROWTH, DataError, expanded_limit
from .stored import StoredArray

HEADER_LIMIT = 2**10  # bytes of an .npy header: of plain arrays 128, and parsing is quadratic
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# What NumPy's header parser lets through: of literals, tokens, tuples and dtypes without a meaning.
_BAD_HEADER = (
    *(AttributeError, LookupError, MemoryError, OverflowError, RecursionError, SyntaxError),
    *(TypeError, ValueError, tokenize.TokenError),
)


class Archive:
    """An ``.npz`` file: its arrays by name.

    Parameters
    ----------
    path : Path
    """

    def __init__(self, path: Path) -> None:
        self._path, self._file = path, open_regular(path)
        try:
            self._archive = zipfile.ZipFile(self._file)
        except BaseException:
            self._file.close()
            raise
        self.names = {name.removesuffix(".npy"): name for name in self._archive.namelist()}

    def __enter__(self) -> "Archive":
        return self

    def __exit__(self, *exception: object) -> None:
        self._archive.close()
        self._file.close()

    @contextmanager
    def open(self, name: str) -> Iterator[StoredArray]:
        """Open one array."""
        # An LZMA member names the size of the buffer it is unpacked with, up to 4 GiB.
        if self._archive.getinfo(self.names[name]).compress_type not in _COMPRESSIONS:
            raise DataError(f"{self._path}: {name} must be stored or deflated; use numpy.savez")
        with self._archive.open(self.names[name]) as stream:
            yield open_npy(stream, f"{self._path}: {name}")

    def read(self, name: str, growth: int = 1) -> np.ndarray:
        """Read one array, in memory that its values may take `growth` times."""
        with self.open(name) as array:
            return array.read(expanded_limit(real_size(self._path), growth))


def is_archive(path: Path) -> bool:
    """Return whether a file is a whole ``.npz`` archive, as far as its end shows."""
    with open_regular(path) as file:
        return zipfile.is_zipfile(file)


def read_npz(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read rows and labels.

    Raises
    ------
    DataError
        The archive has no such arrays, or they are not what they claim.
    """
    with Archive(path) as archive:
        rows = next((key for key in ("images", "features") if key in archive.names), None)
        if rows is None or "labels" not in archive.names:
            raise DataError(
                f"{path}: must hold the arrays 'images' (or 'features') and 'labels', "
                f"got {sorted(archive.names)[:9]}"
            )
        return archive.read(rows), archive.read("labels", LABEL_GROWTH)


def open_npy(stream: IO[bytes], name: str) -> StoredArray:
    """Read the header of an ``.npy`` array; only arrays of numbers pass.

    Raises
    ------
    DataError
        It is no such header, or describes no array of numbers.
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
    return StoredArray(stream, name, shape, dtype, fortran, header.read())

"""Arrays of ``.npz`` archives and ``.npy`` files. No pickle is ever read."""

import io
import tokenize
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from ..files import open_regular, real_size
from .errors import LABEL_GROWTH, DataError, expanded_limit
from .stored import StoredArray

HEADER_LIMIT = 2**10  # bytes of an .npy header: of plain arrays 128, and parsing is quadratic
NUMBERS, TEXTS = "biuf", "US"  # kinds of dtypes
_TEXT_GROWTH = 64  # a short text becomes a Python string, and is sorted
_MEMBERS = 2**14  # of an archive, which is opened several times
_NAMES, _NAMES_LIMIT = 2**17, 2**24  # of classes or features; bytes of them
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
            if len(self._archive.namelist()) > _MEMBERS:
                raise DataError(f"{path}: must hold at most {_MEMBERS} arrays")
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
    def open(self, name: str, kinds: str = NUMBERS) -> Iterator[StoredArray]:
        """Open one array, whose dtype must be of one of these kinds."""
        # An LZMA member names the size of the buffer it is unpacked with, up to 4 GiB.
        if self._archive.getinfo(self.names[name]).compress_type not in _COMPRESSIONS:
            raise DataError(f"{self._path}: {name} must be stored or deflated; use numpy.savez")
        with self._archive.open(self.names[name]) as stream:
            yield open_npy(stream, f"{self._path}: {name}", kinds)


class Source(NamedTuple):
    """Where an array is: its file, and its name in an archive, which an ``.npy`` file lacks."""

    file: Path
    array: str | None = None

    @property
    def shown(self) -> str:
        """Its name."""
        return self.file.name if self.array is None else self.array

    def __str__(self) -> str:
        return str(self.file) if self.array is None else f"{self.file}: {self.array}"


def is_archive(path: Path) -> bool:
    """Return whether a file is a whole ``.npz`` archive, as far as its end shows."""
    with open_regular(path) as file:
        return zipfile.is_zipfile(file)


@contextmanager
def open_array(source: Source, kinds: str = NUMBERS) -> Iterator[StoredArray]:
    """Open an array, whose dtype must be of one of these kinds.

    Raises
    ------
    DataError
        See `open_npy`.
    """
    if source.array is None:
        with open_regular(source.file) as stream:
            yield open_npy(stream, str(source), kinds)
    else:
        with Archive(source.file) as archive, archive.open(source.array, kinds) as array:
            yield array


def read_rows(source: Source) -> np.ndarray:
    """Read an array of numbers."""
    with open_array(source) as array:
        return array.read(expanded_limit(real_size(source.file)))


def read_labels(source: Source) -> np.ndarray:
    """Read an array of numbers, or of texts as dtype U."""
    with open_array(source, NUMBERS + TEXTS) as array:
        on_disk = real_size(source.file)
        if array.dtype.kind in NUMBERS:
            return array.read(expanded_limit(on_disk, LABEL_GROWTH))
        return _texts(array.read(expanded_limit(on_disk, _TEXT_GROWTH)), str(source))


def read_names(source: Source) -> tuple[str, ...]:
    """Read the names of classes or features: an array of texts."""
    with open_array(source, TEXTS) as array:
        if len(array.shape) != 1 or array.shape[0] > _NAMES:
            raise DataError(
                f"{source}: must have shape (K,), K at most {_NAMES}, got {array.shape}"
            )
        return tuple(map(str, _texts(array.read(_NAMES_LIMIT), str(source))))


def _texts(array: np.ndarray, name: str) -> np.ndarray:
    """Return texts as dtype U, once it is certain that they are texts."""
    try:
        if array.dtype.kind == "S":
            return np.asarray(np.char.decode(array, "utf-8"))
        codes = array.reshape(-1).view(np.uint32)
        surrogates = (codes >= 0xD800) & (codes < 0xE000)
        if not surrogates.any() and codes.max(initial=0) <= 0x10FFFF:
            return array
    except UnicodeDecodeError:
        pass
    raise DataError(f"{name}: holds texts that are no Unicode")


def open_npy(stream: IO[bytes], name: str, kinds: str = NUMBERS) -> StoredArray:
    """Read the header of an ``.npy`` array.

    Parameters
    ----------
    stream : binary file
    name : str
        What a message begins with.
    kinds : str
        Of dtypes that pass: `NUMBERS`, `TEXTS` or both.

    Raises
    ------
    DataError
        It is no such header, or describes another array.
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
    if dtype.hasobject or dtype.kind not in kinds:
        wanted = " or ".join(
            word for kind, word in ((NUMBERS, "numbers"), (TEXTS, "texts")) if kind in kinds
        )
        mend = "; save texts as numpy.array(texts, dtype=str)" if TEXTS in kinds else ""
        raise DataError(f"{name}: must hold {wanted}, got dtype {dtype}{mend}")
    if any(type(size) is not int or size < 0 for size in shape):
        raise DataError(f"{name}: has the impossible shape {shape}")
    return StoredArray(stream, name, shape, dtype, fortran, header.read())

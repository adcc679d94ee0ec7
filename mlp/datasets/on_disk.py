"""Rows that stay on disk: a data set larger than memory, read piece by piece."""

import os
import threading
import weakref
from pathlib import Path
from typing import Any

import numpy as np

from ..files import exists, open_regular, stamp
from .errors import DataError
from .npz import Source, open_npy, read_labels


class FileRows:
    """Rows of uint8 in a file, which look enough like an array (N, ...) to be judged and split.

    Every thread reads into a buffer of its own that it uses again, by positioned reads: nothing
    grows with the number of rows but `index`, 4 bytes a row (8 from 2**32 rows on).

    Parameters
    ----------
    path : Path
        The file; it must stay as it is.
    offset : int
        Where the first row begins, in bytes.
    shape : tuple of int
        ``(rows in the file, ...)``.
    index : (N,) integers, optional
        Which of the file's rows these are; all of them by default.
    file : int, optional
        The file where it is open already.
    """

    dtype = np.dtype(np.uint8)

    def __init__(
        self,
        path: Path,
        offset: int,
        shape: tuple[int, ...],
        index: np.ndarray | None = None,
        file: int | None = None,
    ) -> None:
        self._path, self._offset, self._file_shape, self._index = path, offset, shape, index
        self._row_bytes = int(np.prod(shape[1:], dtype=np.int64))
        if file is None:
            with open_regular(path) as opened:
                self._file = os.dup(opened.fileno())
        else:
            self._file = os.dup(file)
        weakref.finalize(self, os.close, self._file)
        self._stamp = stamp(self._file)
        self._thread = threading.local()

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the file's rows; of selected ones (N, D), as training takes them."""
        if self._index is None:
            return self._file_shape
        return (len(self._index), self._row_bytes)

    @property
    def changed(self) -> bool:
        """Whether the file has been written to since it was opened."""
        return stamp(self._file) != self._stamp

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of values."""
        return self.shape[0] * self._row_bytes

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Read all rows."""
        return np.array(self.read(slice(None)), dtype)

    def __reduce__(self) -> Any:
        return FileRows, (self._path, self._offset, self._file_shape, self._index)

    def select(self, index: np.ndarray) -> "FileRows":
        """Pick rows of the file, in this order, without reading them."""
        small = index.astype(np.uint32) if self._file_shape[0] < 2**32 else index
        return FileRows(self._path, self._offset, self._file_shape, small, self._file)

    def as_pictures(self, size: tuple[int, int]) -> "FileRows":
        """Take every row for a picture of this height and width."""
        shape = (self._file_shape[0], *size)
        return FileRows(self._path, self._offset, shape, self._index, self._file)

    def read(self, rows: slice | np.ndarray) -> np.ndarray:
        """Read some of the rows as (n, D) uint8, valid until this thread's next call.

        Raises
        ------
        OSError
            The file has become shorter.
        """
        everything = np.arange(len(self)) if self._index is None else self._index
        picked = everything[rows]
        buffer = self._buffer(len(picked))
        for target, row in zip(buffer, picked.tolist(), strict=True):
            data = os.pread(self._file, self._row_bytes, self._offset + row * self._row_bytes)
            if len(data) != self._row_bytes:
                raise OSError(f"{self._path}: row {row} is not there any more")
            target[...] = np.frombuffer(data, np.uint8)
        return buffer

    def _buffer(self, rows: int) -> np.ndarray:
        held: np.ndarray | None = getattr(self._thread, "buffer", None)
        if held is None or len(held) < rows:
            held = self._thread.buffer = np.empty((rows, self._row_bytes), np.uint8)
        return held[:rows]


def read_npy_folder(images: Path, labels: Path) -> tuple[FileRows, np.ndarray]:
    """Take ``images.npy`` as rows on disk, and read ``labels.npy``.

    Raises
    ------
    DataError
        A file is missing, or is not what it claims.
    """
    if not exists(labels):
        raise DataError(f"{labels.parent}: {labels.name} is missing beside {images.name}")
    with open_regular(images) as stream:
        array = open_npy(stream, str(images))
        offset = stream.tell() - len(array.begun)
    if array.dtype != np.uint8 or len(array.shape) < 2 or array.fortran:
        raise DataError(
            f"{images}: images on disk must be uint8 of shape (N, H, W) in C order, "
            f"got {array.dtype} of shape {array.shape}; numpy.savez makes an .npz, which takes more"
        )
    if (size := images.stat().st_size) != offset + array.nbytes:
        raise DataError(f"{images}: claims {array.nbytes} bytes, holds {size - offset}")
    return FileRows(images, offset, array.shape), read_labels(Source(labels))

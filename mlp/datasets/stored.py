"""An array in a file: its header is known and not believed, its data are still to be read."""

import math
from collections.abc import Iterator
from typing import IO, Any, NamedTuple

import numpy as np

from .errors import DataError


class StoredArray(NamedTuple):
    """Where an array's data begin, and what the header claims of them.

    Attributes
    ----------
    stream : binary file
    name : str
        What a message begins with.
    shape : tuple of int
    dtype : NumPy dtype
    fortran : bool
        Whether the first axis is the fastest.
    begun : bytes
        Data that were read with the header.
    """

    stream: IO[bytes]
    name: str
    shape: tuple[int, ...]
    dtype: "np.dtype[Any]"
    fortran: bool = False
    begun: bytes = b""

    @property
    def nbytes(self) -> int:
        """Bytes of data that the header claims."""
        return math.prod(self.shape) * self.dtype.itemsize

    def read(self, limit: int) -> np.ndarray:
        """Read the whole array, of at most `limit` bytes, in this machine's byte order.

        Raises
        ------
        DataError
            It claims more, or the stream holds less or more than it claims.
        """
        self.check_size(limit)
        data = bytearray(self.begun)
        while len(data) <= self.nbytes:
            piece = self.stream.read(min(2**20, self.nbytes + 1 - len(data)))
            if not piece:
                break
            data += piece
        if len(data) != self.nbytes:
            found = "more" if len(data) > self.nbytes else str(len(data))
            raise DataError(
                f"{self.name}: claims {self.nbytes} bytes of data, the file holds {found}"
            )
        array = np.frombuffer(data, self.dtype)
        array = array.reshape(self.shape, order="F" if self.fortran else "C")
        return np.ascontiguousarray(array, self.dtype.newbyteorder("="))

    def blocks(self, rows: int, limit: int) -> Iterator[np.ndarray]:
        """Read `rows` rows at a time; of an array in Fortran's order, rows lie scattered: read all.

        Raises
        ------
        DataError
            As `read`; the blocks before the damage have been given.
        """
        self.check_size(limit)
        if self.fortran:
            whole = self.read(limit)
            yield from (whole[start : start + rows] for start in range(0, len(whole), rows))
            return
        begun, row_bytes = self.begun, math.prod(self.shape[1:]) * self.dtype.itemsize
        for start in range(0, self.shape[0], rows):
            size = min(rows, self.shape[0] - start) * row_bytes
            while len(begun) < size:
                piece = self.stream.read(size - len(begun))
                if not piece:
                    raise DataError(
                        f"{self.name}: claims {self.shape[0]} rows, ends within {start + rows}"
                    )
                begun += piece
            data, begun = begun[:size], begun[size:]
            block = np.frombuffer(data, self.dtype).reshape(-1, *self.shape[1:])
            yield block.astype(self.dtype.newbyteorder("="), copy=False)
        if begun or self.stream.read(1):
            raise DataError(f"{self.name}: holds more than the {self.shape[0]} rows it claims")

    def check_size(self, limit: int) -> None:
        """Check the size that the header claims, before anything is allocated."""
        if self.nbytes > limit:
            raise DataError(f"{self.name}: claims {self.nbytes} bytes, the limit is {limit}")

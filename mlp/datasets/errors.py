"""What is wrong with data, in one line; and how large data may be."""

import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..files import FileError, visible

EXPANDED_LIMIT = 2**30  # bytes that an array of a compressed file, or a folder's images, may take
LABEL_GROWTH = 8  # a label becomes an int64, and so does its place in the permutation

# RuntimeError covers encrypted members and NotImplementedError; ValueError a name that is no UTF-8
# and a shape that NumPy cannot hold.
_DAMAGE = (OSError, EOFError, ValueError, RuntimeError, struct.error, zlib.error)


class DataError(ValueError):
    """Data that cannot be trained on; the message is one line that names the file.

    Parameters
    ----------
    message : object
    mend : str
        What a command line adds to it: the option that mends it.
    """

    def __init__(self, message: object, mend: str = "") -> None:
        super().__init__(visible(message))
        self.mend = mend


def of_part(name: str, part: str) -> str:
    """Return what a message about a part of a data set begins with."""
    return {"train": name, "valid": f"{name}: validation set", "test": f"{name}: test set"}[part]


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Turn what the system and the libraries raise over a file into one line that names it."""
    try:
        yield
    except DataError:
        raise
    except FileError as error:
        raise DataError(error) from error
    except (*_DAMAGE, zipfile.BadZipFile) as error:
        if isinstance(error, OSError) and error.strerror:
            line = f"{error.filename or path}: cannot be read ({error.strerror})"
            raise DataError(line) from error
        line = (str(error) or type(error).__name__).splitlines()[0]
        raise DataError(f"{path}: cannot be read, or is damaged ({line})") from error


def expanded_limit(on_disk: int, growth: int = 1) -> int:
    """Return the bytes that data may take in memory: what they have on disk, or the limit."""
    return max(on_disk, EXPANDED_LIMIT // growth)

"""Files that a user names: opened without trust, and replaced whole or not at all."""

import errno
import io
import json
import math
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

_TEXT_LIMIT = 2**26  # bytes of a file of text
_HOLLOW = 64  # times as large as what is written in it: no copy that leaves out zeros comes near
_PART = re.compile(r"\..+\.([0-9a-f]{16}|safetensors)\.part")  # safetensors: before 0.2
# What fsync says where it is not offered: for folders on CIFS, VirtualBox' and many FUSE mounts.
_NO_FSYNC = {errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EBADF}


def visible(text: object) -> str:
    """Return one line of a text that may hold a file's own words: no control codes."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(text))


class FileError(OSError):
    """A file cannot be read or written; the message is one line that names it."""

    def __init__(self, message: object) -> None:
        super().__init__(visible(message))


def open_regular(path: Path) -> io.BufferedReader:
    """Open a file for reading bytes. What is no file is refused: a pipe would block the reader.

    Raises
    ------
    FileError
        It is not there, may not be read, or is a folder, a pipe, a socket or a device.
    """
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        raise FileError(f"{path}: cannot be read ({error.strerror})") from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise FileError(f"{path}: is no file")
    return os.fdopen(handle, "rb")


def exists(path: Path) -> bool:
    """Return whether there is something at a path.

    Raises
    ------
    FileError
        That cannot be told, for want of permission say.
    """
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise FileError(f"{path}: cannot be read ({error.strerror})") from error
    return True


def stamp(file: Path | int) -> tuple[int, int, int]:
    """Return what tells that a file, or an open one, has been replaced or written to."""
    found = os.stat(file)
    return found.st_ino, found.st_size, found.st_mtime_ns


def real_size(path: Path) -> int:
    """Return a file's size; of a hollow one no more than 64 times what is written in it.

    A sparse file claims any size and reads as zeros, which would fill memory. Small holes are no
    sign of malice: some copies and file systems make them where there are many zeros.

    Raises
    ------
    FileError
        See `open_regular`.
    """
    with open_regular(path) as file:
        handle = file.fileno()
        size = os.fstat(handle).st_size
        written = end = 0
        try:
            while end < size and written * _HOLLOW < size:
                start = os.lseek(handle, end, os.SEEK_DATA)
                end = os.lseek(handle, start, os.SEEK_HOLE)
                written += end - start
        except AttributeError:  # a system that does not tell
            return size
        except OSError as error:
            if error.errno != errno.ENXIO:  # but for "no more data" it does not tell either
                return size
        return min(size, written * _HOLLOW)


def read_bytes(path: Path, limit: int) -> bytes:
    """Read a file of at most `limit` bytes.

    Raises
    ------
    FileError
        It cannot be read, or has more.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > limit:
            raise FileError(f"{path}: must have at most {limit} bytes")
        try:
            return file.read(size)
        except OSError as error:
            raise FileError(f"{path}: cannot be read ({error.strerror})") from error


def read_text(path: Path) -> str:
    """Read a file of text, less the mark that some editors begin it with.

    Raises
    ------
    FileError
        It cannot be read, is no UTF-8 or has more than 64 MiB.
    """
    try:
        return read_bytes(path, _TEXT_LIMIT).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileError(f"{path}: is no text in UTF-8") from error


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Open a new file, which takes the place of `path` once it is whole and safe.

    A power failure leaves the old file or the new one: the data are on the disk before the name.
    The new file has a name that nobody can foresee, and is made by this process or not at all, so
    that a link put there in advance is not followed.

    Raises
    ------
    FileError
        It cannot be written; what was there before stays.
    """
    kind = 0
    with suppress(OSError):
        kind = path.lstat().st_mode
    if stat.S_ISCHR(kind) or stat.S_ISBLK(kind):  # root would take /dev/null from all others
        raise FileError(f"{path}: is a device; choose another --out")
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    try:
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
        with os.fdopen(os.open(part, flags, 0o666), "w+b") as file:
            yield file
            file.flush()
            _fsync(file.fileno())
        os.replace(part, path)
        sync(path.parent)
    except FileError:
        raise
    except OSError as error:
        raise FileError(
            f"{path}: cannot be written ({error.strerror or error}); choose another --out"
        ) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def write(path: Path, content: bytes | str) -> None:
    """Replace a file by bytes, or by a text in UTF-8; see `replacing`."""
    with replacing(path) as file:
        # A path may hold bytes that are no text; they must not cost the file.
        file.write(content if isinstance(content, bytes) else content.encode(errors="replace"))


def write_json(path: Path, value: Any) -> None:
    """Replace a file by a JSON value, indented; see `to_json` and `replacing`."""
    write(path, to_json(value, indent=2) + "\n")


def to_json(value: Any, indent: int | None = None) -> str:
    """Return a value as JSON that every reader takes: NaN and inf, which JSON lacks, are null."""
    return json.dumps(_finite(value), indent=indent, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def remove(path: Path) -> None:
    """Remove a file, where there is one.

    Raises
    ------
    FileError
    """
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise FileError(f"{path}: cannot be removed ({error.strerror})") from error


def remove_parts(folder: Path) -> None:
    """Remove what a killed process was writing into a folder; nobody else may be writing there."""
    with suppress(OSError):
        for path in folder.iterdir():
            if _PART.fullmatch(path.name) and path.is_file() and not path.is_symlink():
                path.unlink()


def without_home(text: str) -> str:
    """Write the user's home folder as ``~`` wherever a text names it, so that it can be shared."""
    home = os.path.expanduser("~").rstrip("/")
    if not home.startswith("/"):  # there is none, or it is the root
        return text
    return re.sub(rf"(?<![\w./~+-]){re.escape(home)}(?![\w.-])", "~", text)


def absolute(path: str) -> str:
    """Return an absolute path; a leading ``~``, as `without_home` writes it, is the home folder."""
    return os.path.abspath(os.path.expanduser(path))


def sync(folder: Path) -> bool:
    """Wait until the names in a folder are on the disk; return whether its file system does."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        return _fsync(handle)
    finally:
        os.close(handle)


def _fsync(handle: int) -> bool:
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _NO_FSYNC:
            raise
        return False
    return True

"""Lines of a file of text, plain or gzip: whole ones, a block at a time, in bounded memory."""

import gzip
import io
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from ..files import open_regular, real_size
from .errors import DataError, expanded_limit
from .idx import GZIP

_BLOCK = 2**18  # bytes that are read at once
_LINE_LIMIT = 2**22  # bytes
_NO_TEXT = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f]")


@contextmanager
def open_text(path: Path) -> Iterator[IO[bytes]]:
    """Open a file, plain or gzip, for reading its bytes."""
    with open_regular(path) as file:
        zipped = file.peek(2)[:2] == GZIP
        stream: Any = gzip.GzipFile(fileobj=file) if zipped else file
        yield stream


def is_text(path: Path) -> bool:
    """Return whether a file, plain or gzip, begins like a text with a table in its first line."""
    with open_text(path) as stream:
        try:
            start = stream.read(2**12)
        except (OSError, EOFError):  # no gzip, for all its first bytes
            return False
    first = start.lstrip().partition(b"\n")[0]
    return not _NO_TEXT.search(start) and any(one in first for one in b"\t;,|")


def whole_lines(path: Path, stream: IO[bytes]) -> Iterator[bytes]:
    """Read blocks of whole lines; those of Windows and of the old Mac end as those of Unix then.

    Raises
    ------
    DataError
        It is UTF-16, has a line of more than 4 MiB, or unpacks to more than what data may take.
    """
    limit = expanded_limit(real_size(path))
    size, rest = 0, b""
    while piece := stream.read(_BLOCK):
        if not size:
            if piece.startswith((b"\xff\xfe", b"\xfe\xff")):
                raise DataError(f"{path}: is text in UTF-16; save it as UTF-8")
            piece = piece.removeprefix(b"\xef\xbb\xbf")
        size += len(piece)
        if size > limit:
            raise DataError(f"{path}: unpacks to more than {limit} bytes")
        text, rest = rest + piece, b""
        if b"\r" in text:
            held = b"\r" if text.endswith(b"\r") else b""  # a line feed may follow it
            text = text.removesuffix(b"\r").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            rest = held
        end = text.rfind(b"\n") + 1
        rest = text[end:] + rest
        if len(rest) > _LINE_LIMIT:
            raise DataError(f"{path}: has a line of more than {_LINE_LIMIT} bytes")
        if end:
            yield text[:end]
    if rest := rest.removesuffix(b"\r"):
        yield rest + b"\n"


def decoded(path: Path, texts: Iterable[bytes], notes: list[str]) -> Iterator[str]:
    """Decode lines: as UTF-8, or as Windows-1252 those that are none, which `notes` then says.

    Raises
    ------
    DataError
        They are no text.
    """
    for text in texts:
        if found := _NO_TEXT.search(text):
            raise DataError(f"{path}: is no text, it holds the byte 0x{found[0].hex()}")
        try:
            yield from io.StringIO(text.decode(), newline="\n")
            continue
        except UnicodeDecodeError:
            pass
        for line in text.splitlines(keepends=True):
            try:
                yield line.decode()
            except UnicodeDecodeError:
                note = f"{path}: has lines that are no UTF-8; they are read as Windows-1252"
                if note not in notes:
                    notes.append(note)
                yield line.decode("cp1252", errors="replace")

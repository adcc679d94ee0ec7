"""The standard streams of a program, which may be closed, full or gone while it runs.

stderr is for people: what cannot be written there is given up, and the program goes on. stdout is
what was asked for: where it cannot be written, the program is told by an `OutputError`, once.
Standard library only.
"""

import errno
import io
import os
import signal
import sys
from collections.abc import Callable
from typing import Any, TextIO

from .parser import Status, fail


class OutputError(Exception):
    """What was asked for cannot be written to stdout; the message says why.

    It is no OSError, which argparse would keep to itself and others would take for a file's.
    """

    def __init__(self, code: int) -> None:
        super().__init__(f"stdout: cannot be written ({os.strerror(code)})")
        self.reader_is_gone = code == errno.EPIPE


class _Descriptor(io.FileIO):
    """A standard stream's bytes; after a failure they are given up."""

    def __init__(self, number: int, *, required: bool) -> None:
        super().__init__(number, "wb", closefd=False)
        self._required = required

    def write(self, data: Any) -> int:
        """Write some of the bytes; return how many, or all where they are given up."""
        code = errno.EAGAIN  # of a stream that must not block; Python says None
        try:
            written = super().write(data)
            if written is not None:
                return written
        except OSError as error:
            code = error.errno or errno.EIO
        if self._required:
            self._required = False
            raise OutputError(code)
        return len(data)


def with_streams(prog: str, program: Callable[[], int]) -> int:
    """Run a program whose streams may be lost; return its exit status.

    A reader of stdout who has seen enough, `head` say, is no error.

    Parameters
    ----------
    prog : str
        What a line on stderr begins with.
    program : callable
        Returns an exit status.
    """
    _take_streams()
    try:
        try:
            return program()
        finally:
            sys.stdout.flush()
    except OutputError as error:
        return Status.DONE if error.reader_is_gone else fail(prog, Status.BAD_INPUT, error)
    except KeyboardInterrupt:
        return fail(prog, Status.SIGNALLED + signal.SIGINT, "interrupted")


def print_record(text: str) -> None:
    """Print a JSON object for a program whose files say the same: its loss is only warned of."""
    try:
        print(text, flush=True)
    except OutputError as error:
        if not error.reader_is_gone:
            print(f"warning: {error}", file=sys.stderr)


def _take_streams() -> None:
    """Put streams that may fail in the place of Python's; those of a notebook or a test stay.

    A descriptor that was closed at the start is taken, so that no file of the run gets its number
    and with it what a library says there. It cannot be written to, as before.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDONLY)  # which takes the lowest number that is free
    if sys.stdout is sys.__stdout__:
        sys.stdout = _stream(1, sys.__stdout__, required=True)
    if sys.stderr is sys.__stderr__:
        sys.stderr = _stream(2, sys.__stderr__, required=False)


def _stream(number: int, replaced: TextIO | None, *, required: bool) -> TextIO:
    """Return a stream like the one it replaces; None is what Python has where it was closed.

    What a terminal cannot show is shown as an escape.
    """
    direct = number == 2 or (replaced is not None and replaced.isatty())
    unbuffered = getattr(replaced, "write_through", False)  # python -u
    return io.TextIOWrapper(
        io.BufferedWriter(_Descriptor(number, required=required)),
        encoding=getattr(replaced, "encoding", "utf-8"),
        errors="backslashreplace",
        line_buffering=direct or unbuffered,
    )

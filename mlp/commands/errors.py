"""What can be expected to go wrong in a program: one line on stderr, and an exit status."""

import sys
import warnings
from collections.abc import Callable, Mapping
from typing import Any, TextIO

from ..communicator import CommunicatorError
from ..datasets import DataError, ScaleWarning
from ..device import DeviceError
from ..files import visible
from ..run.signals import StoppedBySignal
from ..state import DivergedError
from .parser import Status, fail
from .streams import with_streams

# FileError is an OSError.
_BAD_INPUT = (CommunicatorError, ModuleNotFoundError, OSError, ValueError)


class CommandError(Exception):
    """A program cannot go on: the exit status, and why."""

    def __init__(self, status: int, message: object) -> None:
        super().__init__(message)
        self.status = status


def guarded(
    prog: str,
    program: Callable[[], int],
    statuses: Mapping[Any, int] = {},
) -> int:
    """Run a program; return its exit status, or that of what has gone wrong.

    Parameters
    ----------
    prog : str
        What the line on stderr begins with.
    program : callable
        Returns an exit status.
    statuses : mapping, optional
        Exceptions of the program's own, and their exit statuses.
    """
    return with_streams(prog, lambda: _judged(prog, program, statuses))


def _judged(prog: str, program: Callable[[], int], statuses: Mapping[Any, int]) -> int:
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show
            return program()
    except CommandError as error:
        return fail(prog, error.status, error)
    except tuple(statuses) as error:
        return fail(prog, next(s for kind, s in statuses.items() if isinstance(error, kind)), error)
    except DeviceError as error:
        return fail(prog, Status.UNUSABLE, error)
    except DivergedError as error:
        return fail(prog, Status.DIVERGED, error)
    except StoppedBySignal as stopped:
        return fail(prog, Status.SIGNALLED + stopped.number, stopped)
    except DataError as error:
        return fail(prog, Status.BAD_INPUT, f"{error}; {error.mend}" if error.mend else error)
    except _BAD_INPUT as error:
        return fail(prog, Status.BAD_INPUT, error)
    except RuntimeError as error:
        if "start new thread" not in str(error):  # it has no class of its own
            raise
        advice = "raise the limit on processes (ulimit -u), or lower --threads"
        return fail(prog, Status.UNUSABLE, f"{error}; {advice}")
    except MemoryError as error:
        message = f"not enough memory; lower --hidden or --shard-rows ({error})"
        return fail(prog, Status.BAD_INPUT, message)


def _show(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Say a warning of Python's in one line, with the option that mends it."""
    if isinstance(message, ScaleWarning):
        message = f"{message.what}; --standardize mends it"
    print(f"warning: {visible(message)}", file=sys.stderr)

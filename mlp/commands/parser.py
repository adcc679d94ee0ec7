"""What all command lines share: the parser, the types of numbers, the exit statuses.

Standard library only, for the commands that run where nothing else does.
"""

import argparse
import sys
from collections.abc import Callable
from enum import IntEnum
from pathlib import Path
from typing import Any, NoReturn

from ..files import visible


class Status(IntEnum):
    """Exit statuses; they keep their meaning."""

    DONE = 0
    FAILED = 1  # a comparison exceeded its bound, a check found something
    BAD_INPUT = 2
    UNUSABLE = 3  # the device or a library
    DIVERGED = 4
    SIGNALLED = 128  # and the signal's number is added


class Parser(argparse.ArgumentParser):
    """Shows the program's own text as it is written, and an error in one line.

    A text that says ``mlp train`` says ``python scripts/train.py`` where that is the program.
    """

    def __init__(self, prog: str, description: str | None, **options: Any) -> None:
        if prog.endswith(".py"):
            command = f"mlp {prog.removesuffix('.py')}"
            description = (description or "").replace(f"-m {command}", f"scripts/{prog}")
            description = description.replace(command, f"python scripts/{prog}")
        layout = argparse.RawDescriptionHelpFormatter
        super().__init__(prog, description=description, formatter_class=layout, **options)

    def error(self, message: str) -> NoReturn:
        """Exit with status 2."""
        self.exit(Status.BAD_INPUT, f"{self.prog}: error: {visible(message)}; see --help\n")


def at_least(least: int) -> Callable[[str], int]:
    """Return a type for argparse: whole numbers from `least` on."""

    def number(text: str) -> int:
        if int(text) < least:
            raise ValueError
        return int(text)

    number.__name__ = f"number of at least {least}"  # argparse names it in its message
    return number


def named_path(text: str) -> Path:
    """Take a path for argparse; an empty one would be the folder that the program runs in."""
    if not text:
        raise argparse.ArgumentTypeError("must name a file or folder, got ''")
    return Path(text)


def fail(prog: str, status: int, message: object) -> int:
    """Say why in one line on stderr; return the exit status."""
    print(f"{prog}: error: {visible(message)}", file=sys.stderr)
    return status

"""What the command lines of all scripts do alike: one line says what is wrong."""

import argparse
import sys
from typing import Any, NoReturn

BAD_INPUT = 2


class Parser(argparse.ArgumentParser):
    """Shows the script's own text as it is written, and an error in one line."""

    def __init__(self, prog: str, description: str | None, **options: Any) -> None:
        layout = argparse.RawDescriptionHelpFormatter
        super().__init__(prog, description=description, formatter_class=layout, **options)

    def error(self, message: str) -> NoReturn:
        """Exit with status 2."""
        self.exit(BAD_INPUT, f"{self.prog}: error: {visible(message)}; see --help\n")


def fail(script: str, status: int, message: object) -> int:
    """Say why in one line on stderr; return the exit status."""
    print(f"{script}: error: {visible(message)}", file=sys.stderr)
    return status


def visible(text: object) -> str:
    """Make one line of a text that may hold a file's own words: no control codes reach a screen."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(text))

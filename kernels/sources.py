"""The text of the CUDA sources, and the geometry of their launches. Standard library only."""

import re
from pathlib import Path
from types import SimpleNamespace

_HERE = Path(__file__).parent
_HEADER = (_HERE / "layout.cuh").read_text(encoding="utf-8")

# Every constant of layout.cuh by its name.
LAYOUT = SimpleNamespace(
    **{
        name: int(value)
        for name, value in re.findall(r"^ +([A-Z_]+) = (\d+)", _HEADER, re.MULTILINE)
    }
)


def cuda_source(operation: str) -> str:
    """Return the source of an operation's kernels, whole."""
    return included((_HERE / f"{operation}.cu").read_text(encoding="utf-8"))


def included(source: str) -> str:
    """Put the header in the place of its ``#include`` line.

    CuPy keeps compiled kernels by the text that it is given, and would not see that a file which
    the text includes has changed.
    """
    return source.replace('#include "layout.cuh"\n', _HEADER)

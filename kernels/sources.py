"""The CUDA sources: text, compiler's options, geometry. Standard library only."""

import re
from pathlib import Path
from types import SimpleNamespace

# Without fused multiply-adds but those that a source asks for: a compiler chooses others anew for
# every architecture, and results would depend on the card.
OPTIONS = ("--std=c++17", "--fmad=false")

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


def included(source: str, folder: Path = _HERE) -> str:
    """Put every header in the place of its ``#include`` line.

    CuPy keeps compiled kernels by the text that it is given, and would not see that a file which
    the text includes has changed.
    """

    def header(line: re.Match[str]) -> str:
        return (folder / line[1]).read_text(encoding="utf-8")

    return re.sub(r'^#include "(\w+\.cuh)"\n', header, source, flags=re.MULTILINE)

"""Tables in Markdown, and their places in a file: between ``<!-- name:begin -->`` and ``:end``."""

from collections.abc import Sequence
from pathlib import Path

from mlp import DataError
from mlp.files import read_text, write


def table(lines: Sequence[Sequence[str]]) -> str:
    """Lay out lines of cells: the heading, the rule below it, and the rest."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def marked(path: Path, name: str) -> tuple[str, str, str]:
    """Return what stands before, between and after the markers of a name, which stay outside.

    Raises
    ------
    DataError
        They do not stand in the file once each, in this order.
    """
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    text = read_text(path)
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(end) < text.index(begin):
        raise DataError(f"{path}: the lines {begin} and {end} must stand in it once each")
    start, stop = text.index(begin) + len(begin), text.index(end)
    return text[:start], text[start:stop], text[stop:]


def write_marked(path: Path, name: str, text: str) -> None:
    """Put a text between the markers of a name; see `marked`."""
    before, _, after = marked(path, name)
    write(path, f"{before}\n{text}\n{after}")

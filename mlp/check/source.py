"""A submission's text, from a script or a notebook, and what of it can be parsed."""

import ast
import json
import re
import textwrap
import tokenize
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

SUFFIXES = (".py", ".ipynb")
LARGEST = 1 << 26  # bytes; notebooks carry their pictures
_MAGIC = re.compile(r"^(\s*)(?:[\w, ]+=\s*)?(?:%%?[A-Za-z_]|!(?!=)|\?).*$|^(\s*)[\w.]+\?{1,2}\s*$")
_OTHER_LANGUAGE = re.compile(
    r"\s*%%(bash|cmd|cython|html|javascript|js|latex|markdown|perl|r|ruby|script|sh|svg|writefile)",
    re.IGNORECASE,
)
_PRINT = re.compile(r"^(\s*)print\s+[^(=\s].*$")  # Python 2
_DEFINES = re.compile(r"^(\s*)(?:async\s+def|def|class)\b")


class UnreadableError(ValueError):
    """A file is no submission that could be read."""


@dataclass
class Source:
    """What was read.

    Line numbers run through all code cells of a notebook; see `place`.
    """

    path: Path
    lines: list[str]
    tree: ast.Module
    problems: list[tuple[int, str]] = field(default_factory=list)  # lines that do not parse
    cells: list[tuple[int, int]] = field(default_factory=list)  # first line, number of the cell


def place(cells: list[tuple[int, int]], line: int) -> str:
    """Say where a line is: by its number, and in a notebook by its cell."""
    for first, cell in reversed(cells):
        if line >= first:
            return f"cell {cell}, line {line - first + 1}"
    return f"line {line}"


def read_source(path: Path) -> Source:
    """Read a script or a notebook.

    Raises
    ------
    UnreadableError
        It is neither.
    """
    if not path.is_file():  # a pipe would block the reader
        raise UnreadableError(f"{path}: must be a .py or .ipynb file, is no file")
    if path.stat().st_size > LARGEST:
        raise UnreadableError(f"{path}: is larger than {LARGEST >> 20} MiB; clear its outputs")
    try:
        cells = _notebook(path) if path.suffix == ".ipynb" else [(0, _script(path))]
    except OSError as error:
        raise UnreadableError(f"{path}: cannot be read ({error.strerror})") from error
    source = Source(path, [], ast.Module([], []))
    for number, text in cells:
        if number:
            source.cells.append((len(source.lines) + 1, number))
        _add(source, text)
    return source


def _script(path: Path) -> str:
    try:
        with tokenize.open(path) as file:
            return file.read()
    except (SyntaxError, UnicodeDecodeError):
        return path.read_text("latin-1")


def _notebook(path: Path) -> list[tuple[int, str]]:
    """Return the code cells with their numbers, counted from 1 among the code cells."""
    try:
        content = json.loads(path.read_bytes())
        # Before version 4 the cells lay in worksheets.
        sheets = [content] if "cells" in content else content["worksheets"]
        cells = [cell for sheet in sheets for cell in sheet["cells"]]
        texts = [c.get("source", c.get("input", "")) for c in cells if c["cell_type"] == "code"]
        joined = [t if isinstance(t, str) else "".join(map(str, t)) for t in texts]
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise UnreadableError(
            f"{path}: is no Jupyter notebook; save it anew or give a .py file"
        ) from error
    return [(n, t) for n, t in enumerate(joined, 1) if not _OTHER_LANGUAGE.match(t)]


def _add(source: Source, text: str) -> None:
    """Append the lines of a script or a cell, and what of them can be parsed."""
    text = text.replace("\0", " ").replace("\f", " ")
    start = len(source.lines)
    lines = text.splitlines() or [""]
    source.lines += lines
    problem: tuple[int, str] | None = None
    for dropped in (_MAGIC, _PRINT):
        try:
            source.tree.body += _parse(lines, start)
            return
        except SyntaxError as error:
            lines = [dropped.sub(_nothing, line) for line in lines]
            problem = (start + (error.lineno or 1), error.msg or "invalid syntax")
    try:
        source.tree.body += _parse(lines, start)
    except SyntaxError as error:
        problem = (start + (error.lineno or 1), error.msg or "invalid syntax")
        source.tree.body += _pieces(lines, start)
    if problem and problem[0] <= len(source.lines):
        source.problems.append(problem)


def _nothing(match: re.Match[str]) -> str:
    """Keep the place of a dropped line in its block."""
    return f"{match[1] or ''}pass"


def _parse(lines: list[str], start: int) -> list[ast.stmt]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes in strings
            tree = ast.parse("\n".join(lines))
    except (MemoryError, RecursionError, ValueError) as error:
        raise SyntaxError("it is nested too deeply") from error
    ast.increment_lineno(tree, start)
    return tree.body


def _pieces(lines: list[str], start: int) -> Iterator[ast.stmt]:
    """Yield what can be parsed of lines that cannot be as a whole, statement by statement."""
    tops = [n for n, line in enumerate(lines) if line[:1].strip() and line[0] not in ")]}#"]
    position = 0
    while position < len(tops):
        # A string or a decorator may make one statement of several of these.
        for last in range(position + 1, min(position + 8, len(tops)) + 1):
            end = tops[last] if last < len(tops) else len(lines)
            try:
                yield from _parse(lines[tops[position] : end], start + tops[position])
            except SyntaxError:
                continue
            position = last
            break
        else:
            end = tops[position + 1] if position + 1 < len(tops) else len(lines)
            yield from _inner(lines[tops[position] : end], start + tops[position])
            position += 1


def _inner(lines: list[str], start: int) -> Iterator[ast.stmt]:
    """Yield the definitions inside of a block that cannot be parsed."""
    for number, line in enumerate(lines[1:], 1):
        opening = _DEFINES.match(line)
        if opening is None or not opening[1]:
            continue
        width, end = len(opening[1]), number + 1
        while end < len(lines) and (
            not lines[end].strip() or len(lines[end]) - len(lines[end].lstrip()) > width
        ):
            end += 1
        try:
            yield from _parse(
                textwrap.dedent("\n".join(lines[number:end])).splitlines(), start + number
            )
        except SyntaxError:
            continue

"""A table in a file of text: its records, read once, as numbers or as cells of text."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from .cells import is_number, plain_numbers
from .errors import DataError
from .headers import is_header
from .lines import decoded, open_text, whole_lines

_COLUMNS_LIMIT = 2**16
_NAMES_LIMIT = 2**24  # characters, if all names were as long as the longest: as in a model file
_CELLS = 2**16  # of a block of texts, unless one record has more
_SAMPLE = 20  # records
_HEAD_LIMIT = 2**22  # bytes that these may take
_DELIMITERS = "\t;,|"  # in this order: the latter stand in texts, and a comma in numbers too
_SEPARATOR = re.compile(rb'"?sep=([\t;,|])"?', re.IGNORECASE)  # a first line for Excel


class Block(NamedTuple):
    """Records of a table, in order: as numbers where they are plainly written, else as texts.

    Attributes
    ----------
    numbers : (n, C) int32, int64 or float64, or None
        All finite.
    cells : n lists of C texts
        Empty where there are `numbers`.
    lines : n ints
        The lines of the file that the records begin in, from 1, as an editor counts them.
    """

    numbers: np.ndarray | None
    cells: list[list[str]]
    lines: Sequence[int]


class _Record(NamedTuple):
    begin: int  # its first line, from 1
    end: int  # its last
    cells: list[str]


class Delimited:
    """A table whose first records are known, and whose records can be read once.

    Cells stand between tabs, semicolons, commas or ``|``; in quotes where they hold such
    themselves. Where commas do not divide cells they may begin decimals. Empty lines, and lines of
    empty cells, are skipped.

    Parameters
    ----------
    path : Path
    stream : binary file

    Attributes
    ----------
    names : list of str, or None
        What the header calls the columns; None without a header.
    sample : lists of texts
        The first records, at least one.
    n_columns : int
    comma : bool
        Whether decimals begin with a comma.
    notes : list of str
        What was guessed or left out; complete once all blocks are read.

    Raises
    ------
    DataError
        It has no rows, is no text, or no table.
    """

    def __init__(self, path: Path, stream: IO[bytes]) -> None:
        self.path, self.notes = path, list[str]()
        self._texts = whole_lines(path, stream)
        self._head = b""  # what the first records are in
        self._before, self._empty = 0, 0  # lines before it; records of empty cells
        for text in self._texts:
            if not self._head and text.isspace():
                self._before += text.count(b"\n")
                continue
            self._head += text
            if self._head.count(b"\n") >= _SAMPLE or len(self._head) >= _HEAD_LIMIT:
                break
        if not self._head:
            raise DataError(f"{path}: holds no rows")
        next(decoded(path, [self._head], []))  # refuses what is no text
        if said := _SEPARATOR.fullmatch(self._head.partition(b"\n")[0]):
            self._drop(1)
        self._delimiter = said[1].decode() if said else self._find_delimiter()
        self.comma = self._has_decimal_commas()
        lines = decoded(path, self._growing_head(), [])
        first = list(islice(self._records(lines, self._before), _SAMPLE))
        records = [one.cells for one in first]
        if not records:
            raise DataError(f"{path}: holds no rows")
        self.names: list[str] | None = None
        if is_header(records[0], records[1] if len(records) > 1 else [], self.comma):
            self.names = [name.strip() for name in records.pop(0)]
            self._drop(first[0].end - self._before)
        if not records:
            raise DataError(f"{path}: has a header and no rows")
        self.sample, self.n_columns = records, len(records[0])
        if self.names is not None and len(self.names) == self.n_columns - 1:
            ends_empty = not any(row[-1].strip() for row in records)  # a comma ends each of them
            # R does not name the names of the rows, which come first.
            self.names.insert(self.n_columns - 1 if ends_empty else 0, "")
        if self.names is not None and len(self.names) != self.n_columns:
            raise DataError(
                f"{path}: line {first[1].begin} has {self.n_columns} cells, its header "
                f"{len(self.names)}"
            )
        if self.n_columns > _COLUMNS_LIMIT:
            raise DataError(
                f"{path}: has {self.n_columns} columns; at most {_COLUMNS_LIMIT} are read"
            )
        if self.n_columns * max(map(len, self.names or [""])) > _NAMES_LIMIT:
            raise DataError(f"{path}: its columns have names that are too long")

    def title(self, column: int) -> str:
        """Return what a message calls a column: its name, or its number from 1 on."""
        name = "" if self.names is None else self.names[column]
        return repr(name) if name else str(column + 1)

    def blocks(self) -> Iterator[Block]:
        """Read the records.

        Raises
        ------
        DataError
            Records of other lengths, quotes that do not close, or what `lines` refuses.
        """
        delimiter, texts = self._delimiter.encode(), chain([self._head], self._texts)
        self._head, before = b"", self._before
        for text in texts:
            numbers = plain_numbers(text, delimiter, self.n_columns, self.comma)
            if numbers is None:
                yield from self._texts_of(chain([text], texts), before)
                return
            if len(numbers):
                yield Block(numbers, [], range(before + 1, before + 1 + len(numbers)))
            before += text.count(b"\n")

    def _texts_of(self, texts: Iterable[bytes], before: int) -> Iterator[Block]:
        """Read records by Python's own reader, which knows all that can be written."""
        cells: list[list[str]] = []
        lines: list[int] = []
        for record in self._records(decoded(self.path, texts, self.notes), before):
            if len(record.cells) != self.n_columns:
                raise DataError(
                    f"{self.path}: line {record.begin} has {len(record.cells)} cells, those before "
                    f"it {self.n_columns}"
                )
            cells.append(record.cells)
            lines.append(record.begin)
            if len(cells) * self.n_columns >= _CELLS:
                yield Block(None, cells, lines)
                cells, lines = [], []
        if cells:
            yield Block(None, cells, lines)
        if self._empty:
            self.notes.append(f"{self.path}: {self._empty} lines of empty cells are left out")

    def _records(self, lines: Iterable[str], before: int) -> Iterator[_Record]:
        reader = csv.reader(lines, delimiter=self._delimiter, strict=True, skipinitialspace=True)
        end = before
        while True:
            begin = end + 1
            try:
                cells = next(reader, None)
            except csv.Error as error:
                raise DataError(
                    f"{self.path}: line {begin}: quotes must close as they do in CSV ({error})"
                ) from error
            if cells is None:
                return
            end = before + reader.line_num
            if any(cells) and not (len(cells) == 1 and cells[0].isspace()):
                yield _Record(begin, end, cells)
            elif len(cells) > 1:
                self._empty += 1

    def _growing_head(self) -> Iterator[bytes]:
        """Yield the head, and what follows it as long as it is asked for."""
        yield self._head
        while len(self._head) < _HEAD_LIMIT and (text := next(self._texts, None)) is not None:
            self._head += text
            yield text

    def _drop(self, lines: int) -> None:
        self._head = self._head.split(b"\n", lines)[-1]
        self._before += lines

    def _find_delimiter(self) -> str:
        """Return what divides the first two records into as many cells, the most of them numbers.

        A comma may divide the texts or the decimals of a table whose cells something else divides.
        """
        lines = self._head.decode("latin-1").split("\n")
        shares: dict[str, float] = {}
        for one in _DELIMITERS:
            reader = csv.reader(lines, delimiter=one, skipinitialspace=True)
            try:
                first, *rest = islice(filter(None, reader), 2)
            except (csv.Error, ValueError):  # a cell of more than 128 KiB
                continue
            if len(first) > 1:
                second = rest[0] if rest else []
                numbers = sum(is_number(cell) or is_number(cell, one != ",") for cell in second)
                fits = len(second) - len(first) in (0, 1)
                shares[one] = numbers / len(second) if fits else -1.0
        if not shares:
            raise DataError(
                f"{self.path}: is no table; its cells must stand between commas, semicolons or tabs"
            )
        return max(shares, key=shares.__getitem__)  # the first one of equals

    def _has_decimal_commas(self) -> bool:
        """Return whether numbers at the beginning have decimal commas, and none has a point."""
        if self._delimiter == ",":
            return False
        edge = re.escape(self._delimiter.encode())
        pattern = rb'(?:^|%b)[" ]*[-+]?\d*%b\d+(?:[eE][-+]?\d+)?[" ]*(?:%b|$)'
        commas, points = (
            re.search(pattern % (edge, mark, edge), self._head, re.MULTILINE)
            for mark in (b",", rb"\.")
        )
        if not commas or points:
            return False
        self.notes.append(f"{self.path}: its numbers are read with decimal commas")
        return True


@contextmanager
def open_delimited(path: Path) -> Iterator[Delimited]:
    """Open a file of text, plain or gzip, as a table."""
    with open_text(path) as stream:
        yield Delimited(path, stream)

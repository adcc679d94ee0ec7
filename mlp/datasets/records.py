"""Records of a table as rows and labels."""

import re
from collections.abc import Iterable, Sequence
from itertools import chain
from operator import itemgetter

import numpy as np

from ..files import real_size
from .cells import number, numbers
from .columns import Columns
from .delimited import Block, Delimited
from .errors import DataError, expanded_limit

_LABEL_LIMIT = 1000  # characters of a label
_LABELS_LIMIT = 2**29  # bytes that all of them take as texts
_DISTINCT_LIMIT = 2**16  # labels
_GROWTH = 4  # a digit and what divides it from the next become 8 bytes
# Texts, though numbers: float64 keeps no leading zeros, and 15 digits of a whole number.
_CODE = re.compile(r"[-+]?(0[0-9].*|[0-9]{16,}(\.0*)?)")

Label = float | str


def features_of(table: Delimited, block: Block, columns: Sequence[int]) -> np.ndarray:
    """Return the numbers of some columns of a block, (n, D) int32, int64 or float64.

    Raises
    ------
    DataError
        A cell is empty, or holds no finite number.
    """
    if block.numbers is not None:
        first, last = columns[0], columns[-1]
        if columns == tuple(range(first, last + 1)):
            return block.numbers[:, first : last + 1]
        return block.numbers[:, np.array(columns)]
    every = _cells(block, columns)
    found = numbers(every, table.comma).reshape(len(block.cells), len(columns))
    if np.isnan(found).any():
        row, place = divmod(int(np.argmax(np.isnan(found))), len(columns))
        cell, column = block.cells[row][columns[place]].strip(), columns[place]
        what = f"{cell[:40]!r} is no finite number" if cell else "the cell is empty"
        raise DataError(
            f"{table.path}: line {block.lines[row]}, column {table.title(column)}: {what}; write "
            "a number there, or leave the line out"
        )
    return found


class LabelReader:
    """Reads the labels of a table's records: numbers, or texts where they are none or are codes.

    Parameters
    ----------
    table : Delimited
    column : int

    Attributes
    ----------
    longest : int
        Characters of the longest text that was read.
    """

    def __init__(self, table: Delimited, column: int) -> None:
        self._table, self._column, self.longest = table, column, 0
        self._known: dict[str, Label] = {}

    def read(self, block: Block) -> np.ndarray | list[Label]:
        """Return the labels of a block, (n,); an empty cell's is an empty text."""
        if block.numbers is not None:
            return block.numbers[:, self._column].copy()  # a view would keep all of them
        cells = [row[self._column] for row in block.cells]
        for cell in set(cells) - self._known.keys():
            self._known[cell] = self._label(cell)
        if len(self._known) > _DISTINCT_LIMIT:
            raise DataError(
                f"{self._table.path}: column {self._table.title(self._column)} holds more than "
                f"{_DISTINCT_LIMIT} different labels"
            )
        return [self._known[cell] for cell in cells]

    def _label(self, cell: str) -> Label:
        cell = cell.strip()
        if len(cell) > _LABEL_LIMIT:
            raise DataError(
                f"{self._table.path}: column {self._table.title(self._column)} holds a label of "
                f"more than {_LABEL_LIMIT} characters"
            )
        value = number(cell, self._table.comma)
        if not np.isnan(value) and not _CODE.fullmatch(cell):
            return value
        self.longest = max(self.longest, len(cell))
        return cell


def to_array(labels: Sequence[np.ndarray | list[Label]]) -> np.ndarray:
    """Join labels of blocks, (N,): numbers where all are; else texts."""
    if not any(
        isinstance(one, str) for block in labels if isinstance(block, list) for one in block
    ):
        return np.concatenate([np.asarray(block) for block in labels])
    every = chain.from_iterable(b if isinstance(b, list) else b.tolist() for b in labels)
    texts = [one if isinstance(one, str) else _text(one) for one in every]
    return np.array(texts, str)


def _text(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(value)


class Collected:
    """All rows and labels of a table, in memory.

    Numbers are kept as bytes as long as all are whole and from 0 to 255.

    Parameters
    ----------
    table : Delimited
    columns : Columns

    Attributes
    ----------
    bytes_only : bool
        Whether all features are such numbers.
    labels : (N,) numbers or texts

    Raises
    ------
    DataError
        A cell is no number or empty, or there is more than what may be taken into memory.
    """

    def __init__(self, table: Delimited, columns: Columns) -> None:
        self.bytes_only, self._rows, self._count = True, list[np.ndarray](), 0
        self._columns, self._indices = columns, list[list[np.ndarray]]()
        limit = expanded_limit(_GROWTH * real_size(table.path))
        labels: list[np.ndarray | list[Label]] = []
        reader = LabelReader(table, columns.label)
        for block in table.blocks():
            _check_empty(table, block, columns)
            self._add(features_of(table, block, columns.features))
            labels.append(reader.read(block))
            _check_labels(table, block, labels[-1], columns.label)
            self._indices.append([_column(table, block, k) for k in columns.indices])
            self._count += len(block.lines)
            width = len(columns.features) * (1 if self.bytes_only and columns.size else 8)
            if self._count * (width + 8 * len(columns.indices)) > limit:
                raise DataError(f"{table.path}: its rows take more than {limit} bytes in memory")
            if 4 * self._count * reader.longest > _LABELS_LIMIT:  # as an array of texts
                raise DataError(f"{table.path}: its labels take more than {_LABELS_LIMIT} bytes")
        self.labels = to_array(labels)

    def _add(self, block: np.ndarray) -> None:
        if self.bytes_only:
            with np.errstate(invalid="ignore"):  # what is no byte becomes any
                narrow = block.astype(np.uint8)
            self.bytes_only = bool((narrow == block).all())
            block = narrow if self.bytes_only else block
        if not self.bytes_only:
            block = np.ascontiguousarray(block, np.float64)
        self._rows.append(block)

    @property
    def has_one_label(self) -> bool:
        """Whether all rows have the same label."""
        return bool((self.labels == self.labels[0]).all())

    @property
    def is_unit(self) -> bool:
        """Whether all features are from 0 to 1."""
        return all(bool(((block >= 0) & (block <= 1)).all()) for block in self._rows)

    @property
    def highest(self) -> float:
        """The largest number among the features."""
        return max(float(block.max()) for block in self._rows)

    def rows(self, as_bytes: bool) -> np.ndarray:
        """Return the rows, (N, D) uint8 or float64, once: they are not kept besides."""
        rows = np.empty(
            (self._count, len(self._columns.features)), np.uint8 if as_bytes else np.float64
        )
        start = 0
        for number_of, block in enumerate(self._rows):
            rows[start : start + len(block)] = block
            start += len(block)
            self._rows[number_of] = block[:0]  # so that it takes no memory beside its copy
        return rows

    def indices(self) -> tuple[list[int], list[int]]:
        """Return which of the columns that may count or name the rows do, and which do not."""
        which: dict[bool, list[int]] = {True: [], False: []}
        for place, column in enumerate(self._columns.indices):
            found = np.concatenate([block[place] for block in self._indices])
            unique = len(np.unique(found)) == len(found) and bool((found == np.rint(found)).all())
            which[unique or bool(np.isnan(found).any())].append(column)
        return which[True], which[False]


def _cells(block: Block, columns: Sequence[int]) -> list[str]:
    if len(columns) == 1:
        return [row[columns[0]] for row in block.cells]
    return list(chain.from_iterable(map(itemgetter(*columns), block.cells)))


def _column(table: Delimited, block: Block, column: int) -> np.ndarray:
    if block.numbers is not None:
        return block.numbers[:, column].astype(np.float64)
    return numbers([row[column] for row in block.cells], table.comma)


def _check_empty(table: Delimited, block: Block, columns: Columns) -> None:
    """Check that columns stay empty that begin so: their first cells would be missing."""
    for column in columns.empty:
        if block.numbers is not None or any(row[column].strip() for row in block.cells):
            raise DataError(
                f"{table.path}: column {table.title(column)} has values, but not in its first "
                "lines; fill these cells, or leave the column or the lines out"
            )


def _check_labels(table: Delimited, block: Block, labels: Iterable[Label], column: int) -> None:
    if isinstance(labels, list) and "" in labels:
        line = block.lines[labels.index("")]
        raise DataError(
            f"{table.path}: line {line}, column {table.title(column)}: the label is missing; "
            "fill it in, or leave the line out"
        )

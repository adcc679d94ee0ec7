"""What the columns of a table are: features or pixels, the labels, numbers of its rows."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .cells import is_number, number
from .delimited import Delimited
from .errors import DataError
from .headers import LABEL_NAMES, plain
from .pixel_names import in_order, is_pixel, square
from .reading import Reading

_INDEX = re.compile(r"|(?i:unnamed: 0|index|rownames|row\.names|(?:.*[ _.])?id)|.*[a-z](?:Id|ID)")
_NUMBERED = re.compile("(#?)([0-9]{1,6})")
_LISTED = 12  # columns of a message


class Columns(NamedTuple):
    """Which columns of a table are what, by number from 0.

    Attributes
    ----------
    features : tuple of int
        In the order of the features.
    label : int
        -1 where there is none.
    indices : tuple of int
        Those that may only count the rows, and are features where they do not.
    empty : tuple of int
        Without any value.
    size : (int, int) or None
        Height and width of the pictures that the features are the pixels of, if all are bytes.
    """

    features: tuple[int, ...]
    label: int
    indices: tuple[int, ...] = ()
    empty: tuple[int, ...] = ()
    size: tuple[int, int] | None = None

    def feature_names(self, table: Delimited) -> tuple[str, ...] | None:
        """Return what finds the features again: their names; None where their places do."""
        names = None if table.names is None else tuple(table.names[k] for k in self.features)
        by_place = self.size is not None and names is not None and all(map(is_pixel, names))
        return None if by_place else names

    def label_name(self, table: Delimited) -> str:
        """Return what finds the column of the labels again: its name, or ``#1`` for the first."""
        return f"#{self.label + 1}" if table.names is None else table.names[self.label]


def choose(table: Delimited, reading: Reading) -> Columns:
    """Decide what the columns are, for training.

    Raises
    ------
    DataError
        It is not clear which column holds the labels, or a column of features holds text.
    """
    every = range(table.n_columns)
    label = _label(table, reading)
    empty = {k for k in every if k != label and not any(row[k].strip() for row in table.sample)}
    rest = [k for k in every if k != label and k not in empty]
    if table.names is None:
        indices = [k for k in rest[:1] if k == 0 and _counts(table)]
    else:
        indices = [k for k in rest if _INDEX.fullmatch(table.names[k])]
    features = sorted({*rest} - {*indices})
    if not features:
        raise DataError(f"{table.path}: has no columns of features beside its labels")
    _check_texts(table, features)
    size = reading.image_size
    if size is not None and math.prod(size) != len(features):
        size = None  # which is said where the rows' shape is known
    if table.names is None:
        size = size or square(len(features))
    else:
        order, size = in_order([table.names[k] for k in features], size)
        features = [features[place] for place in order]
        twice = [one for one, n in Counter(table.names[k] for k in features).items() if n > 1]
        if twice:
            raise DataError(f"{table.path}: names several columns {listed(map(repr, twice))}")
    return Columns(tuple(features), label, tuple(indices), tuple(sorted(empty)), size)


def match(
    table: Delimited,
    names: Sequence[str] | None,
    size: tuple[int, ...],
    label_column: str | None,
) -> Columns:
    """Find the columns that training had, in another table.

    They are found by their names, whatever their order, and may have others beside them; without
    names they are the columns that are left beside the labels and numbers of rows.

    Parameters
    ----------
    table : Delimited
    names : sequence of str, or None
        Of the features, where training had names of them.
    size : (int, int) or (int,)
        Height and width of pictures, or the number of features.
    label_column : str or None
        What `Columns.label_name` returned in training. A name counts only where there is a header,
        and a number only where there is none: "0" to "784" are names too.

    Raises
    ------
    DataError
        There are not these columns.
    """
    n_features = math.prod(size)
    picture = (size[0], size[1]) if len(size) == 2 else None
    if table.names is None:
        return _match_unnamed(table, n_features, picture, label_column)
    wanted = set(names or ())
    label = _find_again(table, label_column)
    if label < 0:
        found = [k for k in _label_columns(table) if table.names[k] not in wanted]
        label = found[0] if len(found) == 1 else -1
    if names is not None:
        places = {name: k for k, name in reversed(list(enumerate(table.names)))}
        missing = [name for name in names if name not in places]
        if missing:
            raise DataError(
                f"{table.path}: lacks columns that training had: {listed(map(repr, missing))}"
            )
        return Columns(tuple(places[name] for name in names), label, size=picture)
    rest = [k for k in range(table.n_columns) if k != label]
    if picture and len(found := [k for k in rest if is_pixel(table.names[k])]) == n_features:
        order, _ = in_order([table.names[k] for k in found], picture)
        rest = [found[place] for place in order]
    if len(rest) != n_features:
        rest = [k for k in rest if not _INDEX.fullmatch(table.names[k])]
    if len(rest) != n_features:
        raise DataError(
            f"{table.path}: must have {n_features} columns of features for this model, got "
            f"{len(rest)}: {listed(map(table.title, rest))}"
        )
    return Columns(tuple(rest), label, size=picture)


def _match_unnamed(
    table: Delimited, n_features: int, picture: tuple[int, int] | None, label_column: str | None
) -> Columns:
    every = range(table.n_columns)
    label = _find_again(table, label_column)
    if label < 0 and picture:
        label = 0
    if table.n_columns == n_features:
        return Columns(tuple(every), -1, size=picture)
    if table.n_columns == n_features + 1 and label >= 0:
        return Columns(tuple(k for k in every if k != label), label, size=picture)
    raise DataError(
        f"{table.path}: has {table.n_columns} columns and no header; give the {n_features} "
        "features of this model alone, or name them in a header"
    )


def _label(table: Delimited, reading: Reading) -> int:
    """Return the column of the labels."""
    if reading.label_column is not None:
        found = _find(table, reading.label_column)
        if found < 0:
            raise DataError(
                f"{table.path}: has no column {reading.label_column!r}; {_all(table)}",
                mend="--label-column NAME names that of the labels",
            )
        return found
    columns = _label_columns(table)
    if len(columns) == 1:
        return columns[0]
    if len(columns) > 1:
        raise DataError(
            f"{table.path}: several columns may hold the labels: "
            f"{listed(map(table.title, columns))}",
            mend="--label-column NAME says which does",
        )
    pixels = [cell for row in table.sample for cell in row[1:]]
    if table.names is None and all(number(cell) in range(256) for cell in pixels):
        size = reading.image_size
        if square(table.n_columns - 1) or (size and math.prod(size) == table.n_columns - 1):
            return 0
    raise unclear(table)


def unclear(table: Delimited) -> DataError:
    """Return what is said where nobody knows which column holds the labels."""
    texts = [k for k in range(table.n_columns) if _is_text(table, k)]
    hint = f"; column {table.title(texts[0])} alone holds text" if len(texts) == 1 else ""
    name = "NUMBER" if table.names is None else "NAME"
    return DataError(
        f"{table.path}: it is not clear which column holds the labels; {_all(table)}{hint}",
        mend=f"--label-column {name} says which",
    )


def _label_columns(table: Delimited) -> list[int]:
    return [k for k, name in enumerate(table.names or ()) if plain(name) in LABEL_NAMES]


def _find_again(table: Delimited, recorded: str | None) -> int:
    """Find the column that held the labels in training; return -1 where this table has others."""
    said = _NUMBERED.fullmatch(recorded or "")
    is_number = said is not None and said[1] == "#"
    return _find(table, recorded) if recorded and is_number == (table.names is None) else -1


def _find(table: Delimited, name: str) -> int:
    """Find a column by its name, or by its number from 1 on where none has; else return -1."""
    if table.names is None:
        said = _NUMBERED.fullmatch(name.strip())
        found = int(said[2]) - 1 if said else -1
        return found if 0 <= found < table.n_columns else -1
    exact = [k for k, one in enumerate(table.names) if one == name.strip()]
    alike = [k for k, one in enumerate(table.names) if plain(one) == plain(name)]
    return next(iter(exact or alike), -1)


def _check_texts(table: Delimited, features: Sequence[int]) -> None:
    texts = [k for k in features if _is_text(table, k)]
    if not texts:
        return
    row = next(row for row in table.sample if row[texts[0]].strip())
    example = row[texts[0]].strip()[:40]
    titles = listed(map(table.title, texts))
    column = f"column {titles} holds" if len(texts) == 1 else f"columns {titles} hold"
    raise DataError(
        f"{table.path}: {column} text such as {example!r}; only numbers train: encode it as "
        "numbers, or leave it out",
        mend="--label-column NAME names that of the labels",
    )


def _is_text(table: Delimited, column: int) -> bool:
    """Return whether no cell of the first records is a number, and some are not empty."""
    cells = [row[column] for row in table.sample if row[column].strip()]
    return bool(cells) and not any(is_number(cell, table.comma) for cell in cells)


def _counts(table: Delimited) -> bool:
    """Return whether the first column counts the first rows, from 0 or 1 on."""
    cells = [number(row[0]) for row in table.sample]
    return len(cells) > 2 and cells in (
        [float(k) for k in range(start, start + len(cells))] for start in (0, 1)
    )


def _all(table: Delimited) -> str:
    if table.names is None:
        return f"it has no header, and columns 1 to {table.n_columns}"
    return f"its columns are {listed(map(table.title, range(table.n_columns)))}"


def listed(texts: Iterable[str]) -> str:
    """Return some of many texts, in one line."""
    every = list(texts)
    if len(every) > _LISTED:
        every = [*every[: _LISTED - 2], f"... ({len(every)} in all)", every[-1]]
    return ", ".join(every)

"""Tables in files of text, to train on: of one file, or of a file for each part."""

import re
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from .columns import Columns, choose, listed, match, unclear
from .delimited import Delimited, open_delimited
from .errors import DataError
from .judge import Pair
from .lines import is_text
from .naming import PARTS, is_systems
from .reading import Reading
from .records import Collected

_DIM = 64  # pixels that stay below are far from the 255 that others reach
_TABLE = re.compile(r"(.+)\.(?:csv|tsv|txt|data)(?:\.gz)?", re.IGNORECASE)
_OTHER = re.compile(r".*\.(npz|npy|zip|png|jpe?g|bmp|gif|webp|tiff?)", re.IGNORECASE)


class Tables(NamedTuple):
    """What the files of a data set hold.

    Attributes
    ----------
    parts : dict of Pair
        Rows (N, H, W) uint8 or (N, D) float64; labels numbers or texts as they stand there.
    feature_names : tuple of str
        Empty where there is no header, or where they only say which pixels they are.
    label_column : str
        Its name, or ``#`` and its number from 1 on where there is no header.
    standardise : bool
        Whether the rows are better standardised.
    notes : tuple of str
    """

    parts: dict[str, Pair]
    feature_names: tuple[str, ...]
    label_column: str
    standardise: bool
    notes: tuple[str, ...]


def read_tables(files: Mapping[str, Path], reading: Reading) -> Tables:
    """Read tables: that of ``train``, and of ``valid`` and ``test`` where there are such.

    The training table decides what its columns are; those of the others are found by their names.
    Features are float64, the numbers as they stand there: float32 keeps seven digits of them.

    Parameters
    ----------
    files : mapping
        A file for each part.
    reading : Reading

    Raises
    ------
    DataError
        A file is no table of numbers with labels. The message names the line, as an editor counts
        them, and the column.
    """
    path = files["train"]
    table, columns, train, notes = _read_train(path, reading)
    if reading.label_column is None and table.names is None and train.has_one_label:
        raise unclear(table)
    names = columns.feature_names(table)
    label = columns.label_name(table)
    found = {"train": train}
    for part in ("valid", "test"):
        if part in files:
            with open_delimited(files[part]) as other:
                where = match(other, names, columns.size or (len(columns.features),), label)
                if where.label < 0:
                    notes.append(f"{files[part]}: has no labels, and is left out")
                    continue
                found[part] = Collected(other, where._replace(size=columns.size))
            notes += other.notes
    size = columns.size
    as_bytes = size is not None and all(one.bytes_only for one in found.values())
    if size is not None and not as_bytes and not all(one.is_unit for one in found.values()):
        notes.append(f"{path}: its pixels are no whole numbers from 0 to 255: taken as features")
        size = None
    notes.insert(0, f"{path}: {_summary(table, columns, size)}")
    if dim := as_bytes and train.highest < _DIM:
        notes.append(
            f"{path}: its pixels reach only {train.highest:.0f} of 255; they are standardised, "
            "unless --no-standardize says otherwise"
        )
    parts = {}
    for part, one in found.items():
        rows = one.rows(as_bytes=as_bytes)
        if size is not None and reading.image_size is None:  # else they lie as that says
            rows = rows.reshape(len(rows), *size)
        parts[part] = Pair(rows, one.labels)
    if size is None:
        names = columns._replace(size=None).feature_names(table)
    return Tables(parts, names or (), label, size is None or dim, tuple(notes))


def _read_train(path: Path, reading: Reading) -> tuple[Delimited, Columns, Collected, list[str]]:
    with open_delimited(path) as table:
        columns = choose(table, reading)
        train = Collected(table, columns)
    left_out, kept = train.indices()
    if kept:  # they are features as all others are
        features = tuple(sorted({*columns.features, *kept}))
        columns = columns._replace(features=features, indices=tuple(left_out), size=None)
        with open_delimited(path) as table:
            train = Collected(table, columns)
    notes = list(table.notes)
    for what, which in (
        ("only counts or names the rows", left_out),
        ("is empty", columns.empty),
    ):
        notes += [f"{path}: column {table.title(k)} {what}, and is left out" for k in which]
    return table, columns, train, notes


def _summary(table: Delimited, columns: Columns, size: tuple[int, int] | None) -> str:
    header = "" if table.names is not None else "has no header; "
    what = f"{len(columns.features)} features"
    if size is not None:
        what = f"the pixels of {size[0]} x {size[1]} pictures"
    return f"{header}column {table.title(columns.label)} holds the labels, the others {what}"


def is_table(path: Path) -> bool:
    """Return whether a file is to be read as a table: named so, or text with commas or such."""
    return bool(_TABLE.fullmatch(path.name)) or (not _OTHER.fullmatch(path.name) and is_text(path))


def find_tables(folder: Path) -> tuple[dict[str, Path], str]:
    """Find the tables of a folder that are named after their parts, as Kaggle's are; or one alone.

    They are named ``train.csv`` and ``test.csv``, or ``mnist_train.csv`` and ``mnist_test.csv``.

    Returns
    -------
    files : dict of Path
        By part; empty where there is no training table.
    note : str
        What tables are left out; or nothing.

    Raises
    ------
    DataError
        There are several training tables.
    """
    found: dict[tuple[str, str], list[Path]] = {}
    for path in sorted(folder.iterdir()):
        matched = _TABLE.fullmatch(path.name)
        if matched and not is_systems(path.name) and path.is_file():
            words = re.split("[-_. ]+", matched[1].lower())
            parts = {PARTS[word] for word in words if word in PARTS}
            rest = " ".join(word for word in words if word not in PARTS)
            key = (parts.pop() if len(parts) == 1 else "", rest)
            found.setdefault(key, []).append(path)
    every = list(chain.from_iterable(found.values()))
    if len(every) == 1:
        return {"train": every[0]}, ""
    train = [
        (path, rest) for (part, rest), paths in found.items() for path in paths if part == "train"
    ]
    if len(train) > 1:
        names = ", ".join(path.name for path, _ in train)
        raise DataError(f"{folder}: holds several tables to train on ({names}); name one of them")
    if not train:
        return {}, ""
    files = {"train": train[0][0]}
    for part in ("valid", "test"):
        if len(paths := found.get((part, train[0][1]), [])) == 1:
            files[part] = paths[0]
    others = [path.name for path in every if path not in files.values()]
    note = f"{folder}: other tables are left out: {listed(others)}" if others else ""
    return files, note

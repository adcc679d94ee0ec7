"""Rows of a table to predict, a block at a time: memory does not grow with the file."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from .classes import Unplaced
from .columns import listed, match
from .delimited import Block, Delimited, open_delimited
from .errors import DataError
from .pixels import Values
from .preparation import Preparation
from .records import LabelReader, features_of, to_array
from .shapes import shape_for


def read_table_blocks(
    path: Path, preparation: Preparation, n_features: int, note: Callable[[str], None]
) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
    """Read a table as a model wants it; see `blocks.read_blocks`.

    Its columns are those of training, by their names: see `columns.match`. Pixels are bytes, or
    fractions from 0 to 1 where the first block has some.

    Yields
    ------
    rows : (n, D) uint8 or float64
    labels : (n,) integers, or None

    Raises
    ------
    DataError
        A column is missing, or a cell holds no number. Blocks before it have been given.
    """
    size = preparation.image_size
    with open_delimited(path) as table:
        columns = match(
            table, preparation.feature_names, size or (n_features,), preparation.label_column
        )
        used = {*columns.features, columns.label}
        if others := [table.title(k) for k in range(table.n_columns) if k not in used]:
            note(f"{path}: columns that this model does not take are left out: {listed(others)}")
        if preparation.transposed:
            note(f"{path}: its pictures are transposed, as those of training were")
        labels = None if columns.label < 0 else LabelReader(table, columns.label)
        values, unit, unplaced = Values(), False, Unplaced()
        for count, block in enumerate(table.blocks()):
            rows = features_of(table, block, columns.features)
            if size is None:
                rows = rows.astype(np.float64)
            else:
                unit = _are_fractions(rows) if count == 0 else unit
                rows = _to_pixels(table, block, rows, unit)
                values.see(rows, str(path), 0)
            layout = shape_for(rows.shape, rows.dtype, str(path), preparation, n_features)
            rows = layout.rows_of(rows, values, preparation.ground)
            found = None
            if labels is not None:
                raw = to_array([labels.read(block)])
                found = unplaced.recognise(raw, len(raw), preparation, str(path))
            yield rows.reshape(len(rows), n_features), found
        if size is not None and not unit and values.are_dark and not _was_dim(preparation, values):
            note(f"{path}: pixels of {values.as_levels()}")
        for one in (*table.notes, unplaced.note(str(path))):
            if one:
                note(one)


def _to_pixels(table: Delimited, block: Block, rows: np.ndarray, unit: bool) -> np.ndarray:
    """Return pixels as bytes; as float64 where they are fractions from 0 to 1."""
    high = 1 if unit else 255
    bad = (rows < 0) | (rows > high) | (not unit and rows != np.rint(rows))
    if bad.any():
        row, place = np.argwhere(bad)[0]
        wanted = "fractions from 0 to 1, as before" if unit else "whole numbers from 0 to 255"
        raise DataError(
            f"{table.path}: line {block.lines[row]}: this model takes pictures, whose pixels must "
            f"be {wanted}, got {rows[row, place]:g}"
        )
    return rows.astype(np.float64 if unit else np.uint8)


def _are_fractions(rows: np.ndarray) -> bool:
    return bool(((rows >= 0) & (rows <= 1)).all()) and bool((rows != np.rint(rows)).any())


def _was_dim(preparation: Preparation, values: Values) -> bool:
    """Return whether no pixel is, on an average in training, brighter than the brightest here."""
    mean = preparation.mean
    most = values.high * preparation.scale * (1 + 1e-9)  # a mean of equal numbers is rounded
    return mean is not None and max(mean) <= most

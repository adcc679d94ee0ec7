"""Rows of a file to predict, a block at a time: memory does not grow with the file."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import TypeAlias

import numpy as np

from ..files import open_regular, real_size
from .arrays import rows_to_predict
from .classes import recognise
from .errors import DataError, expanded_limit, named
from .idx import GZIP, ROW_RANKS, is_images, labels_file, open_idx
from .idx import read_labels as read_idx_labels
from .npz import is_archive, open_array, read_labels
from .pixels import Values, pieces
from .preparation import Preparation
from .shapes import Layout, shape_for
from .stored import StoredArray
from .table import is_table
from .table_rows import read_table_blocks

ROWS = 256  # of a block
_NPY = b"\x93N"
_ARRAYS = (b"PK", _NPY, b"\0\0")  # what their files begin with, unless they are gzip

Opener: TypeAlias = Callable[[], AbstractContextManager[StoredArray]]


def is_rows_file(path: Path) -> bool:
    """Return whether a file is an .npz, .npy or IDX file or a table, plain or gzip."""
    return _begins_with(path, *_ARRAYS, GZIP) or is_table(path)


def read_blocks(
    path: Path,
    preparation: Preparation,
    n_features: int,
    note: Callable[[str], None],
) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
    """Read the rows of an .npz, an .npy, an IDX file of images or a table, as a model wants them.

    What training takes is taken, and made rows as there: see `shapes`, and of tables
    `read_table_blocks`. Numbers that may mean this or that are read twice, first to see their
    range. Labels are taken where they are: in the archive, in the file beside that is named like
    it, in a table's column. Of several parts the test rows are read.

    Parameters
    ----------
    path : Path
    preparation : Preparation
        Of the model.
    n_features : int
        That the model takes.
    note : callable
        Is told, in one line each, what is lost, guessed or unknown.

    Yields
    ------
    rows : (n, D) uint8, float32 or float64
    labels : (n,) integers, or None
        Classes of the model; -1 where a row has no label that it knows.

    Raises
    ------
    DataError
        The file is damaged or does not fit. Blocks before the damage have been given.
    """
    with named(path):
        if not _begins_with(path, *_ARRAYS) and is_table(path):
            yield from read_table_blocks(path, preparation, n_features, note)
            return
        open_rows, raw, said = _find(path, "images" if preparation.image_size else "features")
        if said:
            note(said)
        with open_rows() as array:
            layout = shape_for(array.shape, array.dtype, str(path), preparation, n_features)
        labels = None
        if raw is not None:
            labels, unknown = recognise(raw, layout.shape[0], preparation, str(path))
            if len(labels) != layout.shape[0]:
                raise DataError(f"{path}: holds {layout.shape[0]} rows but {len(labels)} labels")
            if unknown:
                note(unknown)
        values = _look(open_rows, layout, path)
        if layout.transposed:
            note(f"{path}: its pictures are transposed, as those of training were")
        if layout.size is not None and (said := layout.note(values, preparation.ground)):
            note(f"{path}: {said}")
        with open_rows() as array:
            for start, block in _blocks(array, path):
                some = [layout.rows_of(one, values, preparation.ground) for one in pieces(block)]
                found = None if labels is None else labels[start : start + len(block)]
                yield np.concatenate(some).reshape(len(block), n_features), found


def _find(path: Path, prefer: str) -> tuple[Opener, np.ndarray | None, str]:
    """Return what opens a file's rows, its labels where it has them, and a note or nothing."""
    if is_archive(path) or _begins_with(path, _NPY):
        rows, labels, said = rows_to_predict(path, prefer)
        return partial(open_array, rows), None if labels is None else read_labels(labels), said
    if _begins_with(path, b"PK"):
        raise DataError(f"{path}: is no whole .npz archive")
    return partial(open_idx, path, *ROW_RANKS), _idx_labels(path), ""


def _begins_with(path: Path, *starts: bytes) -> bool:
    with open_regular(path) as stream:
        return stream.read(2) in starts


def _idx_labels(path: Path) -> np.ndarray | None:
    """Read the labels beside a file of images that is named as such files are."""
    if not is_images(path):
        return None
    try:
        file = labels_file(path)
    except DataError:
        return None
    return read_idx_labels(file)[0]


def _look(open_rows: Opener, layout: Layout, path: Path) -> Values:
    """Look at all numbers of an array, where it takes that to know what they mean."""
    values = Values()
    if layout.needs_look:
        with open_rows() as array:
            for start, block in _blocks(array, path):
                values.see(block, layout.name, start)
        layout.check(values)
    return values


def _blocks(array: StoredArray, path: Path) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the number of a block's first row, and the block."""
    start = 0
    for block in array.blocks(ROWS, expanded_limit(real_size(path))):
        yield start, block
        start += len(block)

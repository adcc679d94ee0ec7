"""The arrays of all parts of a data set, made rows alike."""

import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from .errors import DataError, of_part
from .on_disk import FileRows
from .pixels import Values, pieces
from .shapes import CHANNELS, Layout, read_shape
from .transparency import choose_ground


class Taken(NamedTuple):
    """Rows of a data set, and what was done to make them."""

    rows: dict[str, np.ndarray | FileRows]  # by part: (N, H, W) uint8, or (N, D) floats
    transposed: bool
    ground: str  # what transparent pictures were laid on; empty where there were none
    notes: tuple[str, ...]


def take(
    parts: Mapping[str, np.ndarray | FileRows],
    name: str,
    *,
    size: tuple[int, int] | None = None,
    transpose: bool = False,
) -> Taken:
    """Make rows of a data set's arrays; float pixels have one scale in all of its parts.

    Parameters
    ----------
    parts : mapping
        Of ``train``, and of ``valid`` and ``test`` where there are such.
    name : str
        What a message begins with.
    size : (int, int), optional
        Height and width that pictures must have.
    transpose : bool

    Raises
    ------
    DataError
        They are no rows, or pictures of another size.
    """
    layouts: dict[str, Layout] = {}
    values: dict[str, Values] = {}  # by kind of dtype
    for part, array in parts.items():
        layout = layouts[part] = read_shape(
            array.shape, array.dtype, of_part(name, part), size=size, transpose=transpose
        )
        if size is not None and layout.size != size:
            raise _of_another_size(layout, size)
        if isinstance(array, FileRows) and not layout.as_they_are:
            raise _not_on_disk(layout)
        seen = values.setdefault(array.dtype.kind, Values())
        if layout.needs_look:
            seen.see(np.asarray(array), layout.name, 0)
    for part, layout in layouts.items():
        layout.check(values[parts[part].dtype.kind])
    ground = _ground(parts, layouts, values)
    rows = {
        part: _rows(parts[part], layout, values[layout.dtype.kind], ground or "white")
        for part, layout in layouts.items()
    }
    if all(one.dtype.kind == "f" for one in rows.values()):  # whole numbers may fit into less
        widest = np.result_type(*(one.dtype for one in rows.values()))
        rows = {part: np.asarray(one, widest) for part, one in rows.items()}
    notes: dict[str, str] = {}  # alike ones once
    for layout in layouts.values():
        if note := layout.note(values[layout.dtype.kind], ground):
            notes.setdefault(note, layout.name)
    transposed = any(layout.transposed for layout in layouts.values())
    said = tuple(f"{where}: {note}" for note, where in notes.items())
    return Taken(rows, transposed, ground, said)


def _of_another_size(layout: Layout, size: tuple[int, int]) -> DataError:
    """Return what is wrong with rows that are no pictures of the size asked for."""
    channels, more = divmod(math.prod(layout.shape[1:]), math.prod(size))
    if len(layout.shape) == 2 and not more and channels in CHANNELS:
        height, width = size
        return DataError(
            f"{layout.name}: grey pictures of {height} x {width} have {height * width} values a "
            f"row, got {channels} times as many; reshape them to (N, {height}, {width}, "
            f"{channels}) or (N, {channels}, {height}, {width}), as they lie"
        )
    return DataError(
        f"{layout.name}: only pictures in folders can be resized; its rows have shape "
        f"{layout.shape[1:]}, asked for was {size}"
    )


def _not_on_disk(layout: Layout) -> DataError:
    """Return what is wrong with images that stay on disk, where nothing can be done to them."""
    where = f"{layout.name}: images on disk, got {layout.dtype} of shape {layout.shape}, must"
    if layout.size is None:
        return DataError(
            f"{where} have shape (N, H, W), or be flat with their size said",
            mend="--image-size H W says it",
        )
    if layout.transposed:
        return DataError(f"{where} stand upright: images.swapaxes(1, 2) does that before")
    return DataError(f"{where} be grey; numpy.savez makes an .npz, whose colours are taken")


def _rows(
    array: np.ndarray | FileRows, layout: Layout, values: Values, ground: str
) -> np.ndarray | FileRows:
    if isinstance(array, FileRows):
        if layout.size is None or array.shape[1:] == layout.size:
            return array
        return array.as_pictures(layout.size)
    if layout.as_they_are:  # a view
        return layout.rows_of(array, values, ground)
    found: np.ndarray | None = None
    start = 0
    for piece in pieces(array):
        rows = layout.rows_of(piece, values, ground)
        if found is None:
            found = np.empty((len(array), *rows.shape[1:]), rows.dtype)
        found[start : start + len(rows)] = rows
        start += len(rows)
    return layout.rows_of(array, values, ground) if found is None else found


def _ground(
    parts: Mapping[str, np.ndarray | FileRows],
    layouts: Mapping[str, Layout],
    values: Mapping[str, Values],
) -> str:
    """Return what transparent pictures are laid on; empty where all are opaque."""

    def pictures() -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
        for part, layout in layouts.items():
            array = parts[part]
            if layout.channels in (2, 4) and isinstance(array, np.ndarray):
                for piece in pieces(array):
                    yield layout.grey_of(piece, values[layout.dtype.kind])

    if all(alpha is None or alpha.min(initial=255) == 255 for _, alpha in pictures()):
        return ""
    return choose_ground(pictures())

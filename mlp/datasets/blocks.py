"""Rows of an .npz or IDX file to predict, a block at a time: memory does not grow with the file."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ..files import open_regular, real_size
from .errors import LABEL_GROWTH, DataError, expanded_limit, named
from .idx import GZIP, IDX_NAME, labels_file, open_idx, read_idx
from .npz import Archive, is_archive
from .stored import StoredArray

ROWS = 256  # of a block


def is_rows_file(path: Path) -> bool:
    """Return whether a file is an .npz or IDX file, plain or gzip, by its first bytes."""
    return _begins_with(path, b"PK", b"\0\0", GZIP)


def read_blocks(
    path: Path, row_shape: tuple[int, ...], n_classes: int
) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
    """Read an .npz with ``images`` or ``features``, or an IDX file of images.

    Labels are taken where they are: the array ``labels``, or the IDX file beside the images.

    Parameters
    ----------
    path : Path
    row_shape : (int, int) or (int,)
        Height and width of the images that are wanted, or the number of features.
    n_classes : int
        Labels must be below.

    Yields
    ------
    rows : (n, D) uint8, float32 or float64
    labels : (n,) integers, or None

    Raises
    ------
    DataError
        The file is damaged or does not fit. Blocks before the damage have been given.
    """
    with named(path):
        if is_archive(path):
            key = "images" if len(row_shape) == 2 else "features"
            with Archive(path) as archive:
                if key not in archive.names:
                    raise DataError(
                        f"{path}: must hold the array '{key}' for this model, "
                        f"got {sorted(archive.names)[:9]}"
                    )
                labels = archive.read("labels", LABEL_GROWTH) if "labels" in archive.names else None
                with archive.open(key) as array:
                    yield from _blocks(array, labels, path, row_shape, n_classes)
        elif _begins_with(path, b"PK"):
            raise DataError(f"{path}: is no whole .npz archive")
        else:
            with open_idx(path, 3) as array:
                yield from _blocks(array, _idx_labels(path), path, row_shape, n_classes)


def _begins_with(path: Path, *starts: bytes) -> bool:
    with open_regular(path) as stream:
        return stream.read(2) in starts


def _idx_labels(path: Path) -> np.ndarray | None:
    """Read the labels beside a file of images that is named as such files are."""
    if not IDX_NAME.fullmatch(path.name):
        return None
    try:
        file = labels_file(path)
    except DataError:
        return None
    return read_idx(file, 1, LABEL_GROWTH)


def _blocks(
    array: StoredArray,
    labels: np.ndarray | None,
    path: Path,
    row_shape: tuple[int, ...],
    n_classes: int,
) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
    _check(array, labels, path, row_shape, n_classes)
    start = 0
    for block in array.blocks(ROWS, expanded_limit(real_size(path))):
        stop = start + len(block)
        yield block.reshape(len(block), -1), None if labels is None else labels[start:stop]
        start = stop


def _check(
    array: StoredArray,
    labels: np.ndarray | None,
    path: Path,
    row_shape: tuple[int, ...],
    n_classes: int,
) -> None:
    """Check that the rows, of which only the header is read, and the labels fit the model."""
    shape, kinds = array.shape, ["uint8"] if len(row_shape) == 2 else ["float32", "float64"]
    if not shape or shape[1:] != row_shape or array.dtype.name not in kinds:
        want = ", ".join(map(str, row_shape))
        raise DataError(
            f"{path}: rows must be {' or '.join(kinds)} of shape (N, {want}) for this model, got "
            f"{array.dtype.name} of shape {shape}"
        )
    if labels is None:
        return
    if labels.dtype.kind not in "iu" or labels.shape != shape[:1]:
        raise DataError(
            f"{path}: labels must be integers of shape ({shape[0]},), got {labels.dtype} of shape "
            f"{labels.shape}"
        )
    if labels.size and not 0 <= labels.min() <= labels.max() < n_classes:
        raise DataError(
            f"{path}: labels must be 0 to {n_classes - 1} for this model, got {labels.min()} to "
            f"{labels.max()}"
        )

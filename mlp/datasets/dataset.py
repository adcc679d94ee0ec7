"""The data set of a run: read, judged once, split as the task splits it."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from kernels import Array, array_namespace

from ..installation import LETTERS
from .content import read
from .errors import DataError, named
from .judge import Pair, check, count_classes
from .on_disk import FileRows

if TYPE_CHECKING:
    from ..device import Device

KNOWN_SETS = dict.fromkeys(
    (
        "8e45bdcec78839265e6d6ce5e8a734158b80ee475d063344f9ae9d5a8c05edb6",  # notMNIST.npz
        "c3f9bb29c508286190f6376f9de08c8c03e9b23d5054d984df36aa2206469ce6",  # glyphs.npz
    ),
    tuple("ABCDEFGHIJ"),
)


class Rows(NamedTuple):
    """Rows of one split."""

    features: Array  # (N, D) uint8 pixels, float32 or float64, C-contiguous; or FileRows
    labels: Array  # (N,) uint8, int32 or int64 class indices

    def take(self, index: slice | Array) -> "Rows":
        """Take rows by a slice, as views, or by their numbers, as copies, into memory.

        Features on disk are read; they are valid until the thread's next call.
        """
        if isinstance(self.features, FileRows):
            return Rows(self.features.read(index), _pick(self.labels, index))
        return Rows(_pick(self.features, index), _pick(self.labels, index))

    def map(self, function: Callable[[Array], Array]) -> "Rows":
        """Apply a function to features and labels."""
        return Rows(function(self.features), function(self.labels))


def _pick(array: Array, index: slice | Array) -> Array:
    if isinstance(index, slice):
        return array[index, ...]
    return array_namespace(array).take(array, index, axis=0)


@dataclass(frozen=True)
class Dataset:
    """Training, validation and test rows, and what is known of them.

    Attributes
    ----------
    train : Rows
    valid, test : Rows or None
        None only where code builds a data set without them.
    scale : float
        What features are multiplied by to become inputs: 1/255 for images, else 1.
    n_classes : int
        At least 2; labels are 0 to ``n_classes - 1``.
    class_names : tuple of str
    image_shape : (int, int) or None
        Height and width, where a row is an image.
    path, sha256 : str
        Where it was read, and the hash of what was read.
    notes : tuple of str
        What the user should know: rows left out, an unknown file.
    """

    train: Rows
    valid: Rows | None
    test: Rows | None
    scale: float
    n_classes: int
    class_names: tuple[str, ...]
    image_shape: tuple[int, int] | None
    path: str
    sha256: str
    notes: tuple[str, ...] = ()

    @property
    def n_features(self) -> int:
        """Number of features of a row."""
        return int(self.train.features.shape[1])

    @property
    def splits(self) -> dict[str, Rows]:
        """The splits that there are, by name: ``train``, ``valid``, ``test``."""
        every = {"train": self.train, "valid": self.valid, "test": self.test}
        return {name: rows for name, rows in every.items() if rows is not None}

    @property
    def changed(self) -> bool:
        """Whether rows that stay on disk have been written to since they were found."""
        every = (rows.features for rows in self.splits.values())
        return any(isinstance(features, FileRows) and features.changed for features in every)

    def map(self, function: Callable[[Rows], Rows]) -> "Dataset":
        """Apply a function to every split that there is."""
        return replace(
            self,
            train=function(self.train),
            valid=None if self.valid is None else function(self.valid),
            test=None if self.test is None else function(self.test),
        )

    def to(self, device: "Device") -> "Dataset":
        """Copy all rows to a device; rows on disk stay there for NumPy, and are read for others."""
        return self.map(lambda rows: rows.map(device.put))


def load(
    path: str | Path = LETTERS,
    *,
    split: tuple[int, int] = (10_000, 6_000),
    split_seed: int = 521,
    sha256: str | None = None,
) -> Dataset:
    """Read a data set and split it.

    Rows are permuted by NumPy's legacy generator, as the task does it; the first ``split[0]``
    train, the next ``split[1]`` validate and the rest test. A data set with test rows of its own
    keeps those, and the rest is left out.

    Parameters
    ----------
    path : str or Path, optional
        The embedded letters by default; an ``.npz`` with ``images`` (N, H, W) uint8 or ``features``
        (N, D) floats and ``labels`` (N,); IDX files, plain or gzip, or their folder; a folder of
        class folders of PNG; a folder with ``images.npy`` and ``labels.npy``, whose images stay on
        disk. A leading ``~`` is the home folder.
    split : (int, int)
        Training and validation rows, each at least 1.
    split_seed : int
        In [0, 2**32).
    sha256 : str, optional
        The data's hash, where it is known already: to find it every byte is read once more.

    Raises
    ------
    DataError
        Anything wrong with the data, in one line that names the file.
    """
    file = Path(os.path.expanduser(path))
    content = read(file)
    name = str(path)
    pair = check(content.pair, name)
    n_classes = count_classes(pair.labels, name)
    test = None if content.test is None else check(content.test, f"{name}: test set")
    if test is not None and test.rows.shape[1:] != pair.rows.shape[1:]:
        raise DataError(
            f"{name}: test rows must have shape {pair.rows.shape[1:]} like the training rows, "
            f"got {test.rows.shape[1:]}"
        )
    if test is not None and test.labels.max() >= n_classes:
        raise DataError(
            f"{name}: test labels must be 0 to {n_classes - 1}, got {test.labels.max()}"
        )
    if sha256 is None:  # last, because it reads every byte
        with named(file):
            sha256 = content.sha256()
    label_dtype = np.uint8 if n_classes <= 256 else np.int32

    def pick(source: Pair, index: np.ndarray) -> Rows:
        labels = source.labels[index].astype(label_dtype)
        if isinstance(source.rows, FileRows):
            return Rows(source.rows.select(index), labels)
        return Rows(source.rows[index].reshape(len(index), -1), labels)

    image_shape = (pair.rows.shape[1], pair.rows.shape[2]) if pair.rows.ndim == 3 else None
    order, left_out = _split(len(pair.labels), split, split_seed, test is not None, name)
    train = pick(pair, order[: split[0]])
    if len(np.unique(train.labels)) < n_classes:
        absent = sorted(set(range(n_classes)) - set(np.unique(train.labels).tolist()))
        raise DataError(
            f"{name}: classes {absent} have no training rows; give --split more of them"
        )
    return Dataset(
        train=train,
        valid=pick(pair, order[split[0] : sum(split)]),
        test=pick(pair, order[sum(split) :])
        if test is None
        else pick(test, np.arange(len(test.labels))),
        scale=1.0 if image_shape is None else 1 / 255,
        n_classes=n_classes,
        class_names=content.class_names or _class_names(sha256, n_classes),
        image_shape=image_shape,
        path=name,
        sha256=sha256,
        notes=(*content.notes, *_notes(sha256, name, left_out, split)),
    )


_COMPARED_ON_DISK = 256  # rows of a split


def fingerprint(dataset: Dataset) -> str:
    """Describe a data set's content, as its rows were read: ranks compare it.

    Of features on disk only some rows are read, evenly spread: `Dataset.sha256` reads them all.
    """
    digest = hashlib.sha256()
    lines = [f"{dataset.n_classes} classes, scale {dataset.scale}"]
    for rows in dataset.splits.values():
        digest.update(rows.labels.tobytes())
        features = rows.features
        if isinstance(features, FileRows):
            some = np.linspace(0, len(features) - 1, min(len(features), _COMPARED_ON_DISK))
            features = features.read(some.astype(np.int64))
        digest.update(np.ascontiguousarray(features).data)
        lines.append(f"{rows.features.dtype} {rows.features.shape}")
    return ", ".join([*lines, f"rows {digest.hexdigest()}"])


def _split(
    n_rows: int, split: tuple[int, int], seed: int, has_test: bool, name: str
) -> tuple[np.ndarray, int]:
    """Return the order of the rows and the number that is left out."""
    if min(split) < 1:
        raise DataError(f"{name}: --split must give training and validation rows, got {split}")
    rest = n_rows - sum(split)
    if rest < 0 or (rest == 0 and not has_test):
        need = "" if has_test else " and leave some to test"
        raise DataError(
            f"{name}: --split {split[0]} {split[1]} must fit into its {n_rows} rows{need}"
        )
    # The task's own permutation: the legacy generator, whose stream NumPy has frozen.
    order = np.random.RandomState(seed).permutation(n_rows)
    return order, rest if has_test else 0


def _class_names(sha256: str, n_classes: int) -> tuple[str, ...]:
    return KNOWN_SETS.get(sha256) or tuple(str(label) for label in range(n_classes))


def _notes(sha256: str, name: str, left_out: int, split: tuple[int, int]) -> list[str]:
    notes = []
    if left_out:
        notes.append(
            f"{name}: {left_out} rows are left out; --split {split[0] + left_out} {split[1]} "
            "trains on them too"
        )
    if sha256 not in KNOWN_SETS:
        notes.append(f"{name}: data set with SHA-256 {sha256}")
    return notes

"""The data set of a run: its rows, judged once, and what is known of them."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import DataError, of_part
from .given import check_columns, column_names, given_labels, given_rows, numbered
from .judge import Pair
from .on_disk import FileRows
from .preparation import Preparation, learn
from .raw import judge_raw
from .reading import Reading, checked_names, checked_size
from .rows import Rows
from .split import Split

if TYPE_CHECKING:
    from ..device import Device


@dataclass(frozen=True, repr=False)
class Dataset:
    """Training, validation and test rows, and what is known of them.

    Attributes
    ----------
    train : Rows
    valid, test : Rows or None
        None only where code builds a data set without them.
    preparation : Preparation
        How raw things became these rows, and how rows become the network's input.
    path, sha256 : str
        Where it was read, and the hash of what was read.
    form : str
        What it was read as, in a few words.
    notes : tuple of str
        What the user should know: rows left out, an unknown file.
    split : (int, int), (float, float) or None
        How the rows were to be divided: see `mlp.load`.
    split_seed : int
    """

    train: Rows
    valid: Rows | None
    test: Rows | None
    preparation: Preparation
    path: str = "memory"
    sha256: str = ""
    form: str = "arrays in memory"
    notes: tuple[str, ...] = ()
    split: Split | None = None
    split_seed: int = 521

    @classmethod
    def from_arrays(
        cls,
        X: Any,  # noqa: N803 - what such rows are called everywhere
        y: Any,
        *,
        sample_weight: Any = None,
        valid: tuple[Any, ...] | None = None,
        test: tuple[Any, ...] | None = None,
        image_size: tuple[int, int] | None = None,
        transpose: bool = False,
        class_names: Sequence[str] | None = None,
        standardize: bool = False,
    ) -> "Dataset":
        """Make a data set of arrays in memory, judged as those of a file are.

        Parameters
        ----------
        X : (N, H, W), (N, H, W, C), (N, C, H, W) or (N, D) numbers
            Pictures: bytes, or fractions from 0 to 1; colours become grey. Or finite features; the
            columns' names of a data frame are kept.
        y : (N,) or (N, 1) numbers, booleans or texts, or (N, K) one-hot rows
            Their distinct values, sorted, are the classes; of categories these, in their order,
            and of a data frame's one-hot rows its columns.
        sample_weight : (N,) numbers, optional
            What each training row counts: its loss and its gradient are multiplied by it, and
            those of a batch divided by the sum. Not negative, not all zero; by default all
            count 1. Of classes: ``np.array([1.0, 5.0])[y]``; see also
            `TrainingConfig.class_weight`.
        valid, test : (X, y) or (X, y, sample_weight), optional
            Their losses are weighted only where weights are given here. Accuracies never are.
        image_size : (int, int), optional
            Height and width of pictures that are flat rows.
        transpose : bool
            Whether pictures lie on their side.
        class_names : K texts, optional
            By default the labels themselves.
        standardize : bool
            See `mlp.load`.

        Raises
        ------
        DataError
            They are something else; the message says what.
        """
        name = "the arrays"
        given = {"train": (X, y, sample_weight), "valid": valid, "test": test}
        parts: dict[str, Pair] = {}
        known: tuple[str, ...] = ()
        named = True
        for part, pair in given.items():
            if pair is not None:
                where = of_part(name, part)
                if not isinstance(pair, tuple | list) or len(pair) not in (2, 3):
                    raise DataError(
                        f"{where}: must be (X, y) or (X, y, sample_weight), got {_shape_of(pair)}"
                    )
                check_columns(pair[0], column_names(X), where)
                labels, categories = given_labels(pair[1], where)
                weights = [None if one is None else np.asarray(one) for one in pair[2:]]
                parts[part] = Pair(given_rows(pair[0], where), labels, *weights)
                named = named and bool(categories)
                known = categories if part == "train" else known
        if named:  # by number: a category that is called 2 need not be the third
            found = [numbered(pair.labels, known) for pair in parts.values()]
            numbers = [one for one in found if one is not None]
            if len(numbers) == len(parts):
                parts = {
                    part: pair._replace(labels=one)
                    for (part, pair), one in zip(parts.items(), numbers, strict=True)
                }
        reading = Reading(
            checked_size(image_size), transpose, class_names=checked_names(class_names)
        )
        pairs, preparation, ground, notes = judge_raw(parts, name, reading, known=known)
        if preparation.image_size is None:
            preparation = replace(preparation, feature_names=column_names(X))
        rows = {
            part: pick(pair, slice(None), len(preparation.class_names))
            for part, pair in pairs.items()
        }
        return cls(
            rows["train"],
            rows.get("valid"),
            rows.get("test"),
            learn(preparation, rows["train"], standardize=standardize, ground=ground),
            notes=notes,
        )

    def __repr__(self) -> str:
        rows = " + ".join(str(rows.labels.shape[0]) for rows in self.splits.values())
        size = f"{self.n_features} features"
        if self.image_shape:
            size = f"{self.image_shape[0]} x {self.image_shape[1]} pixels"
        return f"Dataset({self.path!r}, {rows} rows of {size}, {self.n_classes} classes)"

    @property
    def scale(self) -> float:
        """What features are multiplied by first: 1/255 for images, else 1."""
        return self.preparation.scale

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes."""
        return self.preparation.class_names

    @property
    def n_classes(self) -> int:
        """Number of classes; labels are below it."""
        return len(self.preparation.class_names)

    @property
    def image_shape(self) -> tuple[int, int] | None:
        """Height and width, where a row is an image."""
        return self.preparation.image_size

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


def _shape_of(pair: Any) -> str:
    kind = type(pair).__name__
    return f"{kind} of {len(pair)}" if isinstance(pair, tuple | list) else kind


def pick(source: Pair, index: np.ndarray | slice, n_classes: int) -> Rows:
    """Take rows of a pair, each in one line, with labels as narrow as training takes them."""
    labels = source.labels[index].astype(np.uint8 if n_classes <= 256 else np.int32)
    weights = None if source.weights is None else source.weights[index]
    if isinstance(source.rows, FileRows):
        return Rows(source.rows.select(np.arange(len(source.rows))[index]), labels, weights)
    return Rows(np.ascontiguousarray(source.rows[index].reshape(len(labels), -1)), labels, weights)


_COMPARED_ON_DISK = 256  # rows of a split


def fingerprint(dataset: Dataset) -> str:
    """Describe a data set's content, as its rows were read: ranks compare it.

    Of features on disk only some rows are read, evenly spread: `Dataset.sha256` reads them all.
    """
    digest = hashlib.sha256(repr(dataset.preparation).encode())
    lines = [f"{dataset.n_classes} classes, scale {dataset.scale}"]
    for rows in dataset.splits.values():
        digest.update(rows.labels.tobytes())
        if rows.weights is not None:
            digest.update(b"weights" + rows.weights.tobytes())
        features = rows.features
        if isinstance(features, FileRows):
            some = np.linspace(0, len(features) - 1, min(len(features), _COMPARED_ON_DISK))
            features = features.read(some.astype(np.int64))
        digest.update(np.ascontiguousarray(features).data)
        lines.append(f"{rows.features.dtype} {rows.features.shape}")
    return ", ".join([*lines, f"rows {digest.hexdigest()}"])

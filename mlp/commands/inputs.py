"""What a user gives a model to predict: pictures, folders of them, files of rows; as rows."""

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..classifier import Classifier
from ..datasets import DataError, ScaleWarning, load
from ..datasets.blocks import is_rows_file, read_blocks
from ..datasets.content import sha256_of
from ..datasets.naming import is_systems
from ..datasets.pictures import SUFFIXES, read_row
from ..datasets.preparation import Preparation, why_unlike
from ..files import FileError, exists, visible
from ..model import layer_sizes
from .parser import Status, fail


class Item(NamedTuple):
    """One row to predict."""

    name: str
    row: int | None  # in a file of several
    features: np.ndarray  # (D,)
    label: int | None


class OfPictures(NamedTuple):
    """What is said of files of pictures."""

    preparation: Preparation  # the model's, but for what options say
    ink: str  # as `read_row` takes it
    options: tuple[str, ...]  # that were given


class Messages:
    """Says of every input that cannot be predicted why, and remembers it; and what else to know."""

    def __init__(self, prog: str) -> None:
        self._prog = prog
        self.failures: list[str] = []
        self._noted: set[str] = set()
        self._unlike = 0

    def fail(self, message: object) -> None:
        """Say in one line on stderr what could not be predicted."""
        self.failures.append(visible(message))
        fail(self._prog, Status.BAD_INPUT, message)

    def note(self, message: object) -> None:
        """Say in one line on stderr, and once, what the user may want to know."""
        line = f"note: {visible(message)}"
        if line not in self._noted:
            self._noted.add(line)
            print(line, file=sys.stderr)

    def unlike(self, message: str) -> None:
        """Warn of the first picture that is unlike the training pictures; count the others."""
        self._unlike += 1
        if self._unlike == 1:
            print(f"warning: {visible(message)}", file=sys.stderr)

    def close(self) -> None:
        """Say what was counted."""
        if self._unlike > 1:
            print(
                f"warning: {self._unlike - 1} other pictures are unlike the training pictures too",
                file=sys.stderr,
            )

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Go on after bad data."""
        try:
            yield
        except (DataError, FileError) as error:
            self.fail(error)
        except OSError as error:
            self.fail(f"{error.filename}: cannot be read ({error.strerror})")


def read_items(
    paths: list[Path], classifier: Classifier, pictures: OfPictures, messages: Messages
) -> Iterator[Item]:
    """Yield the rows of all inputs as they are read; what cannot be is noted and left out.

    Of the data that the model was trained on, those are its test rows. A picture in a folder below
    an input is of the class that the folder is named after.
    """
    own = classifier.preparation.labels or ()
    classes = {name: k for names in (own, classifier.class_names) for k, name in enumerate(names)}
    for path in paths:
        with messages.noted():
            if _is_own(path, classifier):
                _note_options(path, pictures, messages)
                yield from _test_items(path, classifier, messages)
                continue
            for file in _files(path, messages):
                with messages.noted():
                    if is_rows_file(file):
                        _note_options(file, pictures, messages)
                        yield from _rows_of(file, classifier, messages)
                        continue
                    known = path not in (file, file.parent)
                    label = classes.get(file.parent.name) if known else None
                    yield _picture(file, classifier, pictures, label, messages)


def _is_own(path: Path, classifier: Classifier) -> bool:
    """Return whether a path holds what the model was trained on, by its hash."""
    if classifier.origin is None or not exists(path):
        return False
    try:
        return sha256_of(path) == classifier.origin.sha256
    except DataError:  # it is no data set
        return False


def _test_items(path: Path, classifier: Classifier, messages: Messages) -> Iterator[Item]:
    origin = classifier.origin
    if origin is None:
        return
    names: tuple[str, ...] | None = classifier.class_names
    numbers = {str(number) for number in range(len(classifier.class_names))}
    if classifier.preparation.labels is None and set(classifier.class_names) == numbers:
        names = None  # of labels 0, 1, ... a file has brought them itself: they are no order
    with warnings.catch_warnings(action="ignore", category=ScaleWarning):  # it has been said
        dataset = load(
            path,
            split=origin.split,
            split_seed=origin.split_seed,
            image_size=classifier.image_shape,
            transpose=classifier.preparation.transposed,
            label_column=classifier.preparation.label_column,
            class_names=names,
            sha256=origin.sha256,
        )
    if dataset.test is None:
        return
    count = len(dataset.test.labels)
    messages.note(
        f"{path}: is the data that this model was trained on; only its {count} test rows are "
        "predicted"
    )
    for row in range(count):
        features, labels, _ = dataset.test.take(slice(row, row + 1))
        yield Item(f"{path} (test)", row, features[0].copy(), int(labels[0]))


def _files(path: Path, messages: Messages) -> Iterator[Path]:
    """Yield a file itself, or the pictures in a folder and the folders in it, by name."""
    if not exists(path):
        raise DataError(f"{path}: no such file or folder")
    if not path.is_dir():
        yield path
        return
    found, left_out, failed = 0, 0, len(messages.failures)
    folders, seen = [path], set()
    while folders:  # `os.walk` calls itself in Python 3.11: it fails a thousand folders deep
        folder = folders.pop()
        with messages.noted():
            status = folder.stat()
            if (status.st_dev, status.st_ino) in seen:
                raise DataError(f"{folder}: is a link to a folder that was read before")
            seen.add((status.st_dev, status.st_ino))
            pictures, deeper, others = _listed(folder)
            left_out += others
            folders += [folder / name for name in reversed(deeper)]
            for name in pictures:
                found += 1
                yield folder / name
    if left_out:
        messages.note(f"{path}: {left_out} files that are no pictures, or hidden, are left out")
    if not found and len(messages.failures) == failed:
        raise DataError(f"{path}: holds no file named {', '.join(SUFFIXES)}")


def _listed(folder: Path) -> tuple[list[str], list[str], int]:
    """Return the sorted names of a folder's pictures and folders, and how many others it holds."""
    pictures: list[str] = []
    folders: list[str] = []
    others = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            if is_systems(entry.name):
                others += 1
            elif entry.is_dir():
                folders.append(entry.name)
            elif entry.name.lower().endswith(SUFFIXES):
                pictures.append(entry.name)
            else:
                others += 1
    return sorted(pictures), sorted(folders), others


def _note_options(path: Path, pictures: OfPictures, messages: Messages) -> None:
    """Say which of the options that were given change nothing of these rows."""
    if pictures.options:
        messages.note(
            f"{path}: {', '.join(pictures.options)}: only for files of pictures; these rows are "
            "taken as those of training were"
        )


def _rows_of(path: Path, classifier: Classifier, messages: Messages) -> Iterator[Item]:
    """Yield the rows of a file of several."""
    count, n_features = 0, layer_sizes(classifier.parameters)[0]
    for features, labels in read_blocks(path, classifier.preparation, n_features, messages.note):
        for index, row in enumerate(features):
            label = -1 if labels is None else int(labels[index])
            yield Item(str(path), count, row, None if label < 0 else label)
            count += 1


def _picture(
    path: Path,
    classifier: Classifier,
    pictures: OfPictures,
    label: int | None,
    messages: Messages,
) -> Item:
    """Read a picture; `label` is its class, where it is known."""
    if classifier.image_shape is None:
        raise DataError(
            f"{path}: this model takes rows of {classifier.input_shape[0]} features, not pictures; "
            "give an .npz with 'features'"
        )
    if classifier.note:
        messages.note(classifier.note)
    row = read_row(path, pictures.preparation, pictures.ink)
    if why := why_unlike(row, pictures.preparation):
        messages.unlike(f"{path}: {why}")
    return Item(str(path), None, row.ravel(), label)

"""Say which class a trained model sees in images and rows of features.

mlp predict runs/letters photo.jpg scans/
mlp predict runs/letters data/glyphs.npz --json
mlp predict model.safetensors t10k-images-idx3-ubyte.gz --top 1

INPUT is a PNG or JPEG with one letter, a folder of them (searched to its depth; links are not
followed), an .npz with `images` or `features`, or an IDX file. With labels, in an .npz or beside
IDX images, the accuracy is told. A picture is cropped to its ink and stretched, as the data set
was made, unless it has exactly the model's size.

Exit status: 0 all predicted; 2 bad usage, an input that could not be, named on stderr while the
others go on, or a stdout that cannot be written; 3 the device asked for cannot be used.
"""

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..classifier import Classifier, load_model
from ..datasets import DataError
from ..datasets.blocks import ROWS, is_rows_file, read_blocks
from ..datasets.pictures import INKS, SUFFIXES, read_image
from ..device import Device, choose_device, to_numpy
from ..files import FileError, exists
from ..model import map_arrays, rows_at_once
from .answers import JsonWriter, TextWriter, answer
from .errors import guarded
from .parser import Parser, Status, at_least, fail, named_path, visible


class Item(NamedTuple):
    """One row to predict."""

    name: str
    row: int | None  # in a file of several
    features: np.ndarray  # (D,)
    label: int | None


class Failures:
    """Says of every input that cannot be predicted why, and remembers it."""

    def __init__(self, prog: str) -> None:
        self._prog = prog
        self.messages: list[str] = []

    def add(self, message: object) -> None:
        """Say it in one line on stderr."""
        self.messages.append(visible(message))
        fail(self._prog, Status.BAD_INPUT, message)

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Go on after bad data."""
        try:
            yield
        except (DataError, FileError) as error:
            self.add(error)
        except OSError as error:
            self.add(f"{error.filename}: cannot be read ({error.strerror})")


def make_parser(prog: str) -> Parser:
    """Declare the command line."""
    parser = Parser(prog, __doc__)
    option = parser.add_argument
    option("model", metavar="MODEL", type=named_path, help="run directory, or a model.safetensors")
    option(
        "inputs",
        metavar="INPUT",
        type=named_path,
        nargs="+",
        help="image, folder, .npz or IDX file",
    )
    option("--top", type=at_least(1), default=3, metavar="N", help="classes to name (default: 3)")
    option(
        "--ink",
        choices=INKS,
        default="auto",
        help="what letters are, against their paper; auto asks the border of the picture, which a "
        "letter that touches it can deceive (default: auto)",
    )
    option(
        "--device",
        default="auto",
        metavar="auto|cpu|cuda|cuda:N",
        help="where to compute; auto takes a usable GPU, else the CPU (default: auto)",
    )
    option("--strict-device", action="store_true", help="never fall back to another device")
    option("--json", action="store_true", help="print one JSON object on stdout")
    return parser


def main(arguments: list[str] | None = None, prog: str = "mlp predict") -> int:
    """Run the command line; return the exit status."""
    options = make_parser(prog).parse_args(arguments)
    return guarded(prog, lambda: predict(options, Failures(prog)))


def predict(options: argparse.Namespace, failures: Failures) -> int:
    """Predict all inputs, a batch at a time; return the exit status."""
    device = choose_device(options.device, strict=options.strict_device)
    if device.notice:
        print(device.notice, file=sys.stderr)
    classifier = load_model(options.model)
    on_device = classifier._replace(parameters=map_arrays(device.put, classifier.parameters))
    writer = JsonWriter(sys.stdout) if options.json else TextWriter(sys.stdout)
    items = read_items(options.inputs, classifier, options.ink, failures)
    labelled = correct = 0
    rows = rows_at_once(classifier.parameters, ROWS)
    while batch := list(islice(items, rows)):
        for item, row in zip(batch, probabilities(batch, on_device, device), strict=True):
            one = answer(*item[:2], row, item.label, classifier.class_names, options.top)
            if not np.isfinite(row).all():
                failures.add(f"{one.name}: its features or the model's outputs are not finite")
                continue
            labelled += item.label is not None
            correct += item.label == one.class_index
            writer.write(one)
    accuracy = correct / labelled if labelled else None
    writer.close(labelled=labelled, accuracy=accuracy, errors=failures.messages)
    if accuracy is not None:
        print(f"accuracy {accuracy:.4f} over {labelled} labelled rows", file=sys.stderr)
    return Status.BAD_INPUT if failures.messages else Status.DONE


def probabilities(batch: list[Item], classifier: Classifier, device: Device) -> np.ndarray:
    """Compute class probabilities (n, K); NaN where a feature or an output is not finite."""
    features = np.stack([item.features for item in batch])
    with np.errstate(all="ignore"):  # a crafted model may overflow
        x = classifier.input(device.put(features))
        computed = to_numpy(classifier.predict_probabilities(device.put(features)))
    computed[~np.isfinite(to_numpy(x)).all(axis=1)] = np.nan
    return computed


def read_items(
    paths: list[Path], classifier: Classifier, ink: str, failures: Failures
) -> Iterator[Item]:
    """Yield the rows of all inputs as they are read; what cannot be is noted and left out."""
    for path in paths:
        with failures.noted():
            for file in files(path, failures):
                with failures.noted():
                    yield from items_of(file, classifier, ink)


def files(path: Path, failures: Failures) -> Iterator[Path]:
    """Yield a file itself, or the images in a folder and the folders in it, by name."""
    if not exists(path):
        raise DataError(f"{path}: no such file or folder")
    if not path.is_dir():
        yield path
        return
    found, failed, folders = False, len(failures.messages), [path]
    while folders:  # `os.walk` calls itself in Python 3.11: it fails a thousand folders deep
        folder = folders.pop()
        images, deeper = list_folder(folder, failures)
        folders += [folder / name for name in reversed(deeper)]
        for name in images:
            found = True
            yield folder / name
    if not found and len(failures.messages) == failed:
        raise DataError(f"{path}: holds no file named {', '.join(SUFFIXES)}")


def list_folder(folder: Path, failures: Failures) -> tuple[list[str], list[str]]:
    """Return the sorted names of a folder's images and of its folders; links are left out."""
    images: list[str] = []
    folders: list[str] = []
    with failures.noted(), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.name)
            elif entry.is_file(follow_symlinks=False) and entry.name.lower().endswith(SUFFIXES):
                images.append(entry.name)
    return sorted(images), sorted(folders)


def items_of(path: Path, classifier: Classifier, ink: str) -> Iterator[Item]:
    """Yield a file's rows."""
    if is_rows_file(path):
        count = 0
        for features, labels in read_blocks(
            path, classifier.input_shape, len(classifier.class_names)
        ):
            for index, row in enumerate(features):
                yield Item(str(path), count, row, None if labels is None else int(labels[index]))
                count += 1
    elif classifier.image_shape is None:
        raise DataError(
            f"{path}: this model takes rows of {classifier.input_shape[0]} features, not pictures; "
            "give an .npz with 'features'"
        )
    else:
        yield Item(str(path), None, read_image(path, classifier.image_shape, ink).ravel(), None)

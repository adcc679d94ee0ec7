"""Say what a path would be read as, without training on it.

mlp doctor --data measurements.csv
mlp doctor --data pictures --image-size 32 32 --json
"""

import sys
import warnings
from collections.abc import Sequence

import numpy as np

from ..config import TrainingConfig, add_arguments, from_arguments
from ..datasets import Dataset, ScaleWarning
from ..files import to_json
from ..run.ranks import DATA_OPTIONS, load_as
from ..run.record import describe_data
from .errors import guarded
from .examination import Finding
from .layout import screen
from .parser import Parser, Status

_NAMED = 12  # classes and columns


def main(arguments: list[str] | None = None, prog: str = "mlp doctor") -> int:
    """Run the command line; return the exit status."""
    parser = Parser(
        prog,
        __doc__,
        epilog="Exit status: 0 it can be trained on; 2 it cannot, in one line on stderr.",
    )
    names = ("data", *DATA_OPTIONS)
    add_arguments(parser, names)
    parser.add_argument("--json", action="store_true", help="print what run.json would say of it")
    options = parser.parse_args(arguments)
    return guarded(prog, lambda: describe(from_arguments(options, names=names), options.json))


def describe(config: TrainingConfig, as_json: bool) -> int:
    """Read the data and say what they are; return the exit status."""
    with warnings.catch_warnings(record=True) as raised:
        warnings.simplefilter("always", ScaleWarning)
        dataset = load_as(config)
    if as_json:
        print(to_json(describe_data(dataset), indent=2))
    else:
        print(screen([*_found(dataset), *_scale(raised)]))
    return Status.DONE


def _found(dataset: Dataset) -> list[Finding]:
    words = {"train": "train", "valid": "validate", "test": "test"}
    rows = ", ".join(f"{len(part.labels)} {words[name]}" for name, part in dataset.splits.items())
    labels = np.concatenate([part.labels for part in dataset.splits.values()])
    counts = np.bincount(labels, minlength=dataset.n_classes).tolist()
    classes = [f"{name} ({n})" for name, n in zip(dataset.class_names, counts, strict=True)]
    return [
        Finding("Form", "ok", dataset.form),
        Finding("Rows", "ok", rows),
        Finding("Classes", "ok", f"{dataset.n_classes}: {_some(classes)}"),
        Finding("Input", "ok", _input(dataset)),
        *(Finding("Note", "not needed", note) for note in dataset.notes),
    ]


def _input(dataset: Dataset) -> str:
    preparation = dataset.preparation
    how = ", standardised" if preparation.mean is not None else ""
    if preparation.image_size is not None:
        height, width = preparation.image_size
        shown = {"light": "light on dark", "dark": "dark on light", "auto": "cropped to the ink"}
        return f"pictures of {height} x {width} pixels, {shown[preparation.ink]}{how}"
    names = preparation.feature_names
    return f"{dataset.n_features} features{how}" + (f": {_some(names)}" if names else "")


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")


def _scale(raised: list[warnings.WarningMessage]) -> list[Finding]:
    found = []
    for one in raised:
        if isinstance(one.message, ScaleWarning):
            found.append(Finding("Scale", "broken", one.message.what, "--standardize"))
        else:
            print(f"warning: {one.message}", file=sys.stderr)
    return found

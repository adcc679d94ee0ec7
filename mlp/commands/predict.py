"""Say which class a trained model sees in images and rows of features.

mlp predict runs/letters photo.jpg scans/
mlp predict runs/letters data/glyphs.npz --json
mlp predict model.safetensors t10k-images-idx3-ubyte.gz --top 1

INPUT is a picture (PNG, JPEG, BMP, GIF, WebP, TIFF), a folder of them (searched to its depth), an
.npz, .npy or IDX file of rows as training takes them, or a table (CSV) whose columns are found by
their names. A picture is made a row as those were that the model was trained on: models of letters
crop it to its ink and stretch it, all others only resize it. Labels are taken from an .npz, from
files beside rows, from a table's column, and from folders named after classes; then the accuracy is
told. Of the data that the model was trained on, its test rows are predicted.

Exit status: 0 all predicted; 2 bad usage, an input that could not be, named on stderr while the
others go on, or a stdout that cannot be written; 3 the device asked for cannot be used.
"""

import argparse
import io
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import numpy as np

from ..classifier import Classifier, load_model
from ..datasets.blocks import ROWS
from ..datasets.preparation import GROUNDS, INKS, Preparation
from ..device import Device, choose_device, to_numpy
from ..files import replacing
from ..model import map_arrays, predict_probabilities, rows_at_once
from .answers import CsvWriter, JsonWriter, TextWriter, Writer, answer, share
from .errors import guarded
from .inputs import Item, Messages, OfPictures, read_items
from .parser import Parser, Status, at_least, named_path


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
        help="picture, folder, .npz, .npy, IDX or CSV file",
    )
    option("--top", type=at_least(1), default=3, metavar="N", help="classes to name (default: 3)")
    option(
        "--ink",
        choices=INKS,
        default="auto",
        help="what pictures show against their ground; they are inverted where the training "
        "pictures show the other. auto: what those show; for models of letters what the border "
        "tells, which a letter that touches it can deceive (default: auto)",
    )
    option(
        "--ground",
        choices=GROUNDS,
        help="what transparent pictures are laid on (default: as in training)",
    )
    option(
        "--crop",
        action=argparse.BooleanOptionalAction,
        help="cut pictures to their ink and stretch them (default: as in training)",
    )
    option(
        "--device",
        default="auto",
        metavar="auto|cpu|cuda|cuda:N",
        help="where to compute; auto takes a usable GPU, else the CPU (default: auto)",
    )
    option("--strict-device", action="store_true", help="never fall back to another device")
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="print one JSON object on stdout")
    output.add_argument(
        "--out",
        type=named_path,
        metavar="FILE",
        help="write a table, CSV, instead of lines on stdout",
    )
    return parser


def main(arguments: list[str] | None = None, prog: str = "mlp predict") -> int:
    """Run the command line; return the exit status."""
    options = make_parser(prog).parse_args(arguments)
    return guarded(prog, lambda: predict(options, Messages(prog)))


def predict(options: argparse.Namespace, messages: Messages) -> int:
    """Predict all inputs; return the exit status."""
    device = choose_device(options.device, strict=options.strict_device)
    if device.notice:
        print(device.notice, file=sys.stderr)
    classifier = load_model(options.model)
    pictures = of_pictures(classifier.preparation, options)
    items = read_items(options.inputs, classifier, pictures, messages)
    if options.out is None:
        writer: Writer = JsonWriter(sys.stdout) if options.json else TextWriter(sys.stdout)
        return answer_all(items, classifier, device, writer, options.top, messages)
    with replacing(options.out) as file:
        # A file's or a class's name may be no text.
        table = io.TextIOWrapper(file, "utf-8", errors="backslashreplace", newline="")
        status = answer_all(items, classifier, device, CsvWriter(table), options.top, messages)
        table.detach()
    return status


def of_pictures(preparation: Preparation, options: argparse.Namespace) -> OfPictures:
    """Return what the model and the options say of files of pictures."""
    said = {name: getattr(options, name) for name in ("ground", "crop")}
    said = {name: value for name, value in said.items() if value is not None}
    given = tuple(f"--no-{name}" if said[name] is False else f"--{name}" for name in said)
    if options.ink != "auto":
        given = ("--ink", *given)
    if said.get("crop") is False and preparation.ink == "auto":
        said["ink"] = "light"  # what cropping makes of all
    return OfPictures(replace(preparation, **said), options.ink, given)


def answer_all(
    items: Iterator[Item],
    classifier: Classifier,
    device: Device,
    writer: Writer,
    top: int,
    messages: Messages,
) -> int:
    """Predict all items, a batch at a time; return the exit status."""
    on_device = classifier._replace(parameters=map_arrays(device.put, classifier.parameters))
    labelled = correct = 0
    rows = rows_at_once(classifier.parameters, ROWS)
    while batch := list(islice(items, rows)):
        for item, row in zip(batch, probabilities(batch, on_device, device), strict=True):
            one = answer(*item[:2], row, item.label, classifier.class_names, top)
            if not np.isfinite(row).all():
                messages.fail(f"{one.name}: its features or the model's outputs are not finite")
                continue
            labelled += item.label is not None
            correct += item.label == one.class_index
            writer.write(one)
    accuracy = correct / labelled if labelled else None
    writer.close(labelled=labelled, accuracy=accuracy, errors=messages.failures)
    if accuracy is not None:
        shown = share(accuracy, exact=True)
        print(f"accuracy {shown} over {labelled} labelled rows", file=sys.stderr)
    messages.close()
    return Status.BAD_INPUT if messages.failures else Status.DONE


def probabilities(batch: list[Item], classifier: Classifier, device: Device) -> np.ndarray:
    """Compute class probabilities (n, K); NaN where a feature or an output is not finite."""
    features = np.stack([item.features for item in batch])
    with np.errstate(all="ignore"):  # a crafted model may overflow
        x = classifier.input(device.put(features))
        computed = to_numpy(predict_probabilities(classifier.parameters, x))
    computed[~np.isfinite(to_numpy(x)).all(axis=1)] = np.nan
    return computed

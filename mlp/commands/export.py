"""Write a trained model in another program's format, and check what was written.

mlp export runs/letters --to onnx
mlp export runs/letters --to keras --out letters.keras
mlp export model.safetensors --to npz
mlp export runs/letters --to html

Every file takes raw features, and scales and standardises them itself. ONNX: opset 13, outputs
`logits` and `probabilities`, class names in the metadata. Keras: logits. HTML: a page to draw on,
with the weights inside, that shows what the network makes of it. An existing file is replaced.

Exit status: 0 written; 2 bad usage or input, a library is missing, or the check failed.
"""

import argparse
import base64
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..classifier import Classifier, load_model
from ..export import export_keras, export_npz, export_onnx, of_rows
from ..files import to_json, visible
from ..keras_reference import tensorflow
from ..model import forward, rows_at_once
from ..run.draw import write_draw_page
from .errors import CommandError, guarded
from .parser import Parser, Status, named_path
from .streams import print_record

FORMATS = ("onnx", "keras", "npz", "html")
CHECKED_ROWS = 64
# Of logits, relative to the largest. Sums in another order differ by less than a tenth of these.
BOUNDS = {"float32": 1e-5, "float64": 1e-13}


def parse(prog: str, arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = Parser(prog, __doc__)
    option = parser.add_argument
    option("model", metavar="MODEL", type=named_path, help="run directory, or a model.safetensors")
    option("--to", required=True, choices=FORMATS, help="format to write")
    option(
        "--out",
        type=named_path,
        metavar="FILE",
        help="file to write (default: model.FORMAT beside the model)",
    )
    option(
        "--input",
        choices=("images", "rows"),
        help="what ONNX and Keras take: uint8 images (N, height, width), or rows (N, D) of floats "
        "(default: images if the model was trained on them)",
    )
    option("--logits-only", action="store_true", help="leave the Softmax out of an ONNX file")
    option("--json", action="store_true", help="print what was written on stdout as JSON")
    options = parser.parse_args(arguments)
    if options.out is not None and options.out.suffix != f".{options.to}":
        parser.error(f"--out must end in .{options.to}, got {options.out.name}")
    if options.to in ("npz", "html") and options.input:
        parser.error(f"--input is for onnx and keras, not for {options.to}")
    if options.to != "onnx" and options.logits_only:
        parser.error("--logits-only is for onnx")
    return options


def main(arguments: list[str] | None = None, prog: str = "mlp export") -> int:
    """Run the command line; return the exit status."""
    options = parse(prog, arguments)
    return guarded(prog, lambda: export(options))


def export(options: argparse.Namespace) -> int:
    """Write the file and check it; return the exit status."""
    classifier = load_model(options.model)
    folder = options.model if options.model.is_dir() else options.model.parent
    out: Path = options.out or folder / f"model.{options.to}"
    if options.input == "images" and classifier.image_shape is None:
        message = f"{options.model}: takes rows of features, not images; leave out --input"
        raise CommandError(Status.BAD_INPUT, message)
    if options.input == "rows":
        classifier = of_rows(classifier)
    # Plain arrays have no dtype of their own for rows.
    rows, logits = sample(classifier, "float64" if options.to == "npz" else None)
    if not 0 < np.max(np.abs(logits)) < np.inf:
        message = (
            f"{options.model}: must have finite logits that are not all 0 to check a file by, and "
            "has none for random rows; nothing is written"
        )
        raise CommandError(Status.BAD_INPUT, message)
    compute: Callable[[Path, np.ndarray], np.ndarray]
    if options.to == "onnx":
        export_onnx(out, classifier, probabilities=not options.logits_only)
        compute = onnx_logits
    elif options.to == "keras":
        export_keras(out, classifier)
        compute = keras_logits
    elif options.to == "html":
        write_draw_page(out, classifier)
        compute = html_logits
    else:
        export_npz(out, classifier)
        compute = npz_logits
    difference, result = None, ""
    try:
        difference = float(np.max(np.abs(compute(out, rows) - logits)) / np.max(np.abs(logits)))
        result = (
            f"checked on {len(rows)} random rows: logits differ by at most {difference:.1e} of the "
            "largest"
        )
        rounded = options.to == "html"  # to float32
        bound = BOUNDS["float32" if rounded else str(logits.dtype)]
        if not difference <= bound:
            message = f"{out}: {result}, must by at most {bound}; it is removed"
            raise CommandError(Status.BAD_INPUT, message)
    except ModuleNotFoundError as error:
        result = f"not checked: {error}"
    except BaseException:
        out.unlink(missing_ok=True)
        raise
    print(f"written to {visible(out)}\n{result}", file=sys.stderr)
    if options.json:
        record = {"format": options.to, "path": str(out), "difference": difference}
        print_record(to_json(record))
    return Status.DONE


def sample(classifier: Classifier, dtype: str | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return random inputs of a model, of its own form and size, and their logits (n, K).

    Features have a dtype, the parameters' by default.
    """
    rng = np.random.default_rng(0)
    count = rows_at_once(classifier.parameters, CHECKED_ROWS)
    shape = (count, *classifier.input_shape)
    given: np.ndarray = rng.integers(0, 256, shape, np.uint8)
    with np.errstate(all="ignore"):  # a crafted model may overflow
        if classifier.image_shape is None:
            # As the training rows are, where that is known; else unscaled about 1, else pixels.
            known, normal = classifier.preparation, rng.standard_normal(shape)
            if known.mean is not None and known.deviation is not None:
                normal = normal * known.deviation + known.mean
            dtype = dtype or str(classifier.parameters[0].weight.dtype)
            given = (normal / known.scale).astype(dtype)
        x = classifier.input(given.reshape(count, -1))
        return given, forward(classifier.parameters, x)[0]


def onnx_logits(path: Path, rows: np.ndarray) -> np.ndarray:
    """Run an ONNX file with onnxruntime."""
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        message = 'onnxruntime is not installed: pip install -e ".[onnx]"'
        raise ModuleNotFoundError(message, name=error.name) from error
    onnxruntime.set_default_logger_severity(3)
    # By its content: onnxruntime takes no path that is no UTF-8.
    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(["logits"], {session.get_inputs()[0].name: rows})[0])


def keras_logits(path: Path, rows: np.ndarray) -> np.ndarray:
    """Load a file with Keras and call the model."""
    return np.asarray(tensorflow().keras.models.load_model(path)(rows))


def npz_logits(path: Path, rows: np.ndarray) -> np.ndarray:
    """Compute with nothing but the file's arrays and NumPy, as its reader would."""
    with np.load(path, allow_pickle=False) as arrays:
        n_layers = sum(name.endswith(".weight") for name in arrays.files)
        layers = [
            (arrays[f"layers.{index}.weight"], arrays[f"layers.{index}.bias"])
            for index in range(n_layers)
        ]
        columns = (arrays["mean"], arrays["factor"]) if "mean" in arrays else None
        return _logits(rows, arrays["scale"], layers, columns)


def html_logits(path: Path, rows: np.ndarray) -> np.ndarray:
    """Compute with what the page's script reads; what it computes itself is for a browser."""
    text = path.read_text(encoding="utf-8")
    network = json.loads(text.split('id="network">')[1].split("</script>")[0])

    def floats(layer: dict[str, str], part: str) -> np.ndarray:
        return np.frombuffer(base64.b64decode(layer[part]), "<f4")

    biases = [floats(layer, "bias") for layer in network["layers"]]
    layers = [
        (floats(layer, "weight").reshape(-1, len(bias)), bias)
        for layer, bias in zip(network["layers"], biases, strict=True)
    ]
    columns = None
    if network["mean"] is not None:
        columns = (
            np.asarray(network["mean"], np.float32),
            np.asarray(network["factor"], np.float32),
        )
    return _logits(rows, np.float32(network["scale"]), layers, columns)


def _logits(
    rows: np.ndarray,
    scale: Any,
    layers: list[tuple[np.ndarray, np.ndarray]],
    columns: tuple[np.ndarray, np.ndarray] | None = None,
) -> np.ndarray:
    dtype = layers[0][0].dtype
    x: Any = rows.reshape(len(rows), -1)
    if columns is None:
        x = x.astype(dtype) * scale.astype(dtype)
    else:  # in the precision of the columns
        x = ((x.astype(columns[0].dtype) * scale - columns[0]) * columns[1]).astype(dtype)
    for index, (weight, bias) in enumerate(layers):
        x = x @ weight + bias
        if index < len(layers) - 1:
            x = np.maximum(x, 0)
    return np.asarray(x)

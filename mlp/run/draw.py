"""A page to draw on, which shows what a network makes of it: one file with the weights inside."""

import base64
import hashlib
import json
from pathlib import Path

import numpy as np

from ..classifier import Classifier
from ..files import write
from ..model import layer_sizes
from ..model_file import contiguous_arrays
from .pages import render

_SCRIPTS = [Path(__file__).with_name(name) for name in ("draw_network.js", "draw.js")]


def write_draw_page(path: Path, classifier: Classifier) -> None:
    """Write the page; it needs no network, and runs no script but its own.

    Weights are kept as float32, so its probabilities are those of `mlp predict` to about 1e-6.

    Raises
    ------
    ValueError
        The classifier takes rows that are no pictures.
    mlp.FileError
        The file cannot be written.
    """
    from markupsafe import Markup

    if classifier.image_shape is None:
        raise ValueError("a page to draw on needs a model of pictures; this one takes features")
    arrays = contiguous_arrays(classifier.parameters)
    layers = [
        {part: _base64(arrays[f"layers.{index}.{part}"]) for part in ("weight", "bias")}
        for index in range(len(classifier.parameters))
    ]
    preparation = classifier.preparation
    deviation = preparation.deviation
    network = {
        "crop": preparation.crop,
        "ink": preparation.ink,
        "ground": preparation.ground,
        "mean": preparation.mean,
        "factor": deviation and [1 / value for value in deviation],
        "shape": classifier.image_shape,
        "scale": classifier.scale,
        "classes": classifier.class_names,
        "layers": layers,
    }
    # Inside a script element only "<" could end it.
    data = json.dumps(network).replace("<", "\\u003c")
    script = "\n".join(path.read_text(encoding="utf-8") for path in _SCRIPTS)
    page = render(
        "draw.html.jinja",
        network=Markup(data),
        script=Markup(script),
        script_hash=Markup(_hash(script)),
        names=classifier.class_names,
        shape=classifier.image_shape,
        crop=preparation.crop,
        sizes=layer_sizes(classifier.parameters),
    )
    write(path, page)


def _base64(array: np.ndarray) -> str:
    return base64.b64encode(array.astype("<f4").tobytes()).decode()


def _hash(script: str) -> str:
    """Return what the page's policy calls this script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()

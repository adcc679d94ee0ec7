"""Reading a trained model, and what makes it a classifier, without trust."""

import json
import math
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from mlp import Parameters
from mlp.export import Classifier
from mlp.run_directory import RunDirectoryError, load_model


def load(path: Path) -> Classifier:
    """Read a run directory, or its ``model.safetensors``, and judge all that it says.

    The parameters are NumPy arrays, finite, and all of float32 or all of float64.

    Raises
    ------
    RunDirectoryError
        The file is missing, damaged, or no classifier; the message is one line.
    """
    file = path / "model.safetensors" if path.is_dir() else path
    if not file.is_file():  # a pipe would block the reader
        raise RunDirectoryError(
            f"{file}: no such model; name a run directory or a model.safetensors"
        )
    parameters, metadata = load_model(file)
    _check_parameters(parameters, file)
    n_features, n_classes = parameters[0].weight.shape[0], parameters[-1].bias.shape[0]

    def is_names(value: Any) -> bool:
        named = isinstance(value, list) and all(isinstance(name, str) for name in value)
        return named and len(value) == n_classes

    def is_shape(value: Any) -> bool:
        if not isinstance(value, list) or [type(side) for side in value] != [int, int]:
            return value is None
        return bool(min(value) > 0 and math.prod(value) == n_features)

    def get(key: str, parse: Callable[[str], Any], good: Callable[[Any], bool], want: str) -> Any:
        try:
            value = parse(metadata[key])
            if good(value):
                return value
        except (KeyError, ValueError, RecursionError):
            pass
        got = metadata.get(key, "nothing")[:40]
        raise RunDirectoryError(f"{file}: its metadata '{key}' must be {want}, got {got}")

    scale = get("scale", float, lambda v: 0 < v < math.inf, "a finite number above 0")
    names = get("class_names", json.loads, is_names, f"a list of {n_classes} names")
    want = f"null, or a height and a width that make {n_features}"
    shape = get("image_shape", json.loads, is_shape, want)
    return Classifier(parameters, scale, tuple(names), None if shape is None else tuple(shape))


def _check_parameters(parameters: Parameters, file: Path) -> None:
    """See that the layers are finite floats of one dtype whose shapes chain."""
    if not parameters:
        raise RunDirectoryError(f"{file}: holds no layers")
    first = parameters[0].weight.dtype
    for index, (weight, bias) in enumerate(parameters):
        name = f"{file}: layer {index}"
        if weight.dtype != bias.dtype or weight.dtype != first or first not in _DTYPES:
            raise RunDirectoryError(
                f"{name} must be float32 or float64 like all others, got {weight.dtype} and "
                f"{bias.dtype}"
            )
        if weight.ndim != 2 or bias.shape != weight.shape[1:] or weight.size == 0:
            raise RunDirectoryError(
                f"{name} must have a weight (n_in, n_out) and a bias (n_out,), got {weight.shape} "
                f"and {bias.shape}"
            )
        if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
            raise RunDirectoryError(f"{name} must be finite, it holds NaN or inf")
    for index, (left, right) in enumerate(pairwise(parameters)):
        if left.weight.shape[1] != right.weight.shape[0]:
            raise RunDirectoryError(
                f"{file}: layer {index + 1} must take the {left.weight.shape[1]} units of the "
                f"layer before it, got {right.weight.shape[0]}"
            )


_DTYPES = (np.float32, np.float64)

"""A trained network and what its input means: its file, read without trust, and prediction."""

import json
import math
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from kernels import Array

from .datasets import Dataset
from .device import device_current, to_numpy
from .files import FileError, exists, write
from .model import (
    Layer,
    Parameters,
    layer_sizes,
    map_arrays,
    named_arrays,
    predict_probabilities,
    to_input,
)
from .tensors import read_tensors


class Classifier(NamedTuple):
    """What turns raw features into named classes.

    Attributes
    ----------
    parameters : Parameters
    scale : float
        What raw features are multiplied by.
    class_names : tuple of str
        One for every output.
    image_shape : (int, int) or None
        Height and width, where a row is an image of uint8.
    """

    parameters: Parameters
    scale: float
    class_names: tuple[str, ...]
    image_shape: tuple[int, int] | None

    @classmethod
    def of(cls, parameters: Parameters, dataset: Dataset) -> "Classifier":
        """Return what a network trained on a data set is; the parameters are copied to the host."""
        host = map_arrays(to_numpy, parameters)
        return cls(host, dataset.scale, dataset.class_names, dataset.image_shape)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one image, or of one row where it is none."""
        return self.image_shape or layer_sizes(self.parameters)[:1]

    def input(self, features: Array) -> Array:
        """Return rows of raw features (N, D) as the network's input."""
        with device_current(features):
            return to_input(features, self.parameters[0].weight.dtype, self.scale)

    def predict_probabilities(self, features: Array) -> Array:
        """Return every row's class probabilities, (N, K), from raw features (N, D)."""
        return predict_probabilities(self.parameters, self.input(features))

    def save(self, path: Path) -> None:
        """Write the parameters as safetensors, and what a prediction needs besides as metadata.

        Raises
        ------
        FileError
            It cannot be written.
        """
        from safetensors.numpy import save

        metadata = {
            "scale": repr(self.scale),
            "class_names": json.dumps(self.class_names),
            "image_shape": json.dumps(self.image_shape),
        }
        write(path, save(contiguous_arrays(self.parameters), metadata))


def load_model(path: str | Path) -> Classifier:
    """Read a run directory, or its ``model.safetensors``, and judge all that it says.

    The parameters are NumPy arrays, finite, and all of float32 or all of float64.

    Raises
    ------
    FileError
        The file is missing, damaged, or no classifier; the message is one line.
    """
    path = Path(path)
    file = path / "model.safetensors" if exists(path) and path.is_dir() else path
    if not exists(file):
        raise FileError(f"{file}: no such model; name a run directory or a model.safetensors")
    arrays, metadata = read_tensors(file)
    try:
        parameters = read_parameters(arrays)
        return Classifier(parameters, *_read_metadata(metadata, layer_sizes(parameters)))
    except ValueError as error:
        raise FileError(f"{file}: {error}") from error


def contiguous_arrays(parameters: Parameters, prefix: str = "") -> dict[str, np.ndarray]:
    """Return all arrays by name, on the host and in C order, as safetensors needs them."""
    return {
        f"{prefix}{name}": np.ascontiguousarray(to_numpy(array))
        for name, array in named_arrays(parameters).items()
    }


def read_parameters(arrays: Mapping[str, np.ndarray], prefix: str = "") -> Parameters:
    """Collect the layers ``PREFIXlayers.0.weight``, ``PREFIXlayers.0.bias``, ... of a file.

    Raises
    ------
    ValueError
        They are no network: a layer is missing, shapes do not chain, or values are not finite
        floats of one dtype.
    """
    count = sum(name.startswith(prefix) for name in arrays) // 2
    names = [(f"{prefix}layers.{i}.weight", f"{prefix}layers.{i}.bias") for i in range(count)]
    try:
        parameters = tuple(Layer(arrays[weight], arrays[bias]) for weight, bias in names)
    except KeyError as error:
        raise ValueError(f"is no model of this project ({error} is missing)") from error
    if not parameters:
        raise ValueError("is no model of this project: it holds no layers")
    first = parameters[0].weight.dtype
    for index, (weight, bias) in enumerate(parameters):
        if weight.dtype != bias.dtype or weight.dtype != first or first.name not in _DTYPES:
            raise ValueError(
                f"layer {index} must be float32 or float64 like all others, got {weight.dtype} and "
                f"{bias.dtype}"
            )
        if weight.ndim != 2 or bias.shape != weight.shape[1:] or weight.size == 0:
            raise ValueError(
                f"layer {index} must have a weight (n_in, n_out) and a bias (n_out,), got "
                f"{weight.shape} and {bias.shape}"
            )
        if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
            raise ValueError(f"layer {index} must be finite, it holds NaN or inf")
    for index, (left, right) in enumerate(pairwise(parameters)):
        if left.weight.shape[1] != right.weight.shape[0]:
            raise ValueError(
                f"layer {index + 1} must take the {left.weight.shape[1]} units of the layer before "
                f"it, got {right.weight.shape[0]}"
            )
    return parameters


_NAMES_LIMIT = 2**24  # characters
_DTYPES = ("float32", "float64")


def _read_metadata(
    metadata: Mapping[str, str], sizes: tuple[int, ...]
) -> tuple[float, tuple[str, ...], tuple[int, int] | None]:
    """Return scale, class names and image shape; a ValueError says which is wrong."""

    def read(key: str, good: Any, want: str) -> Any:
        try:
            value = json.loads(metadata[key])
            if good(value):
                return value
        except (KeyError, ValueError, RecursionError):
            pass
        got = metadata.get(key, "nothing")[:40]
        raise ValueError(f"its metadata '{key}' must be {want}, got {got}")

    def is_scale(value: Any) -> bool:
        return type(value) in (int, float) and 0 < value < math.inf

    def is_names(value: Any) -> bool:
        if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
            return False
        # As an array all of them are as long as the longest one.
        return len(value) == sizes[-1] and len(value) * max(map(len, value)) <= _NAMES_LIMIT

    def is_shape(value: Any) -> bool:
        if not isinstance(value, list) or [type(side) for side in value] != [int, int]:
            return value is None
        return bool(min(value) > 0 and math.prod(value) == sizes[0])

    scale = read("scale", is_scale, "a finite number above 0")
    names = read("class_names", is_names, f"a list of {sizes[-1]} names")
    want = f"null, or a height and a width that make {sizes[0]}"
    shape = read("image_shape", is_shape, want)
    return float(scale), tuple(names), None if shape is None else (shape[0], shape[1])

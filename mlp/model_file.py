"""A network and what its input means in a safetensors file: written, and read without trust."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields, replace
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from .datasets import Preparation, Split
from .datasets.preparation import GROUNDS, INKS, NAMES_LIMIT
from .datasets.split import is_split
from .device import to_numpy
from .model import Layer, Parameters, named_arrays


class Origin(NamedTuple):
    """Which rows a network was trained on: enough to find its test rows again."""

    sha256: str
    split: Split | None
    split_seed: int


def metadata(preparation: Preparation, origin: Origin | None) -> dict[str, str]:
    """Return what a model's file says besides its arrays.

    ``scale``, ``class_names`` and ``image_shape`` are what files of version 0.1 have.
    """
    described = {
        "scale": repr(preparation.scale),
        "class_names": json.dumps(preparation.class_names),
        "image_shape": json.dumps(preparation.image_size),
        "preparation": json.dumps(
            {key: value for key, value in asdict(preparation).items() if key not in _OF_BEFORE}
        ),
    }
    return described if origin is None else described | {"origin": json.dumps(origin._asdict())}


_OF_BEFORE = ("scale", "class_names", "image_size")
_LATER = {"labels", "label_column", "transposed"}  # a file may be without them


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


_DTYPES = ("float32", "float64")


def read_metadata(
    metadata: Mapping[str, str], sizes: tuple[int, ...]
) -> tuple[Preparation, Origin | None, bool]:
    """Judge what a model's file says besides its arrays.

    Returns
    -------
    preparation : Preparation
    origin : Origin or None
    assumed : bool
        Whether it is of version 0.1, which did not say how pictures were prepared: all models of
        pictures were used as those of letters are.

    Raises
    ------
    ValueError
        Says which part is wrong.
    """
    n_features, n_classes = sizes[0], sizes[-1]

    def read(key: str, good: Callable[[Any], bool], want: str) -> Any:
        text = metadata.get(key, "nothing")
        try:
            value = json.loads(text)
            if good(value):
                return value
        except (ValueError, RecursionError):
            pass
        raise ValueError(f"its metadata '{key}' must be {want}, got {text[:40]}")

    scale = float(read("scale", _is_scale, "a finite number above 0"))
    names = read("class_names", _is_names(n_classes), f"a list of {n_classes} names")
    want = f"null, or a height and a width that make {n_features}"
    shape = read("image_shape", _is_shape(n_features), want)
    known = Preparation(tuple(names), None if shape is None else (shape[0], shape[1]), scale)
    if "preparation" not in metadata:
        if shape is None:
            return known, None, False
        return replace(known, ink="auto", crop=True), None, True
    want = f"what this project writes, for {n_features} features"
    rest = read("preparation", _is_rest(n_features, n_classes), want)
    rest = {key: tuple(one) if isinstance(one, list) else one for key, one in rest.items()}
    origin = None
    if "origin" in metadata:
        want = "a hash, a split and its seed"
        found = read("origin", _is_origin, want)
        split = None if found["split"] is None else tuple(found["split"])
        origin = Origin(found["sha256"], split, found["split_seed"])
    return replace(known, **rest), origin, False


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < math.inf  # nor NaN


def _is_numbers(value: Any, count: int) -> bool:
    return isinstance(value, list) and len(value) == count and all(map(_is_number, value))


def _is_scale(value: Any) -> bool:
    return _is_number(value) and value > 0


def _is_names(count: int) -> Callable[[Any], bool]:
    def good(value: Any) -> bool:
        if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
            return False
        # As an array all of them are as long as the longest one.
        return len(value) == count and len(value) * max(map(len, value)) <= NAMES_LIMIT

    return good


def _is_shape(n_features: int) -> Callable[[Any], bool]:
    def good(value: Any) -> bool:
        if not isinstance(value, list) or [type(side) for side in value] != [int, int]:
            return value is None
        return bool(min(value) > 0 and math.prod(value) == n_features)

    return good


def _is_rest(n_features: int, n_classes: int) -> Callable[[Any], bool]:
    names = {one.name for one in fields(Preparation)} - set(_OF_BEFORE)

    def good(value: Any) -> bool:
        if not isinstance(value, dict) or value.keys() | _LATER != names:
            return False
        if (own := value.get("labels")) is not None and not _is_names(n_classes)(own):
            return False
        columns, mean, deviation = (value[k] for k in ("feature_names", "mean", "deviation"))
        return (
            value["ground"] in GROUNDS
            and value["ink"] in INKS
            and type(value["crop"]) is bool
            and type(value.get("transposed", False)) is bool
            and isinstance(value.get("label_column"), str | None)
            and (columns is None or _is_names(n_features)(columns))
            and (mean is None) == (deviation is None)
            and (mean is None or _is_numbers(mean, n_features))
            and (deviation is None or (_is_numbers(deviation, n_features) and min(deviation) > 0))
            and all(value[k] is None or _is_numbers(value[k], 2) for k in ("border", "extent"))
        )

    return good


def _is_origin(value: Any) -> bool:
    if not isinstance(value, dict) or value.keys() != set(Origin._fields):
        return False
    seed, split = value["split_seed"], value["split"]
    return (
        isinstance(value["sha256"], str)
        and type(seed) is int
        and 0 <= seed < 2**32
        and (split is None or is_split(tuple(split) if isinstance(split, list) else split))
    )

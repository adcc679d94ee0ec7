"""The files of a run: config.json, metrics.csv, run.json, model.safetensors, pictures."""

import csv
import hashlib
import json
import os
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from platform import python_version
from typing import Any, TextIO

import numpy as np

from mlp.config import TrainingConfig
from mlp.dataset import Dataset
from mlp.device import Device, to_numpy
from mlp.model import Layer, Parameters, named_arrays
from mlp.training import Metrics, TrainingState


class RunDirectoryError(OSError):
    """A run directory or model file cannot be written or read; the message is one line."""


def default_directory() -> Path:
    """Name a run directory by the time: ``runs/<UTC time>``."""
    return Path("runs") / datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%SZ")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary name beside `path`, and put the file in place once it is whole."""
    temporary = path.with_name(f".{path.name}.part")
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise RunDirectoryError(
            f"{path}: cannot be written ({error.strerror or error}); choose another --out"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


class MetricsWriter:
    """Appends the rows of the history to ``metrics.csv`` as they are measured."""

    def __init__(self, directory: Path) -> None:
        self._file: TextIO = (directory / "metrics.csv").open("w", newline="")
        self._writer = csv.writer(self._file)
        self._writer.writerow(Metrics._fields)

    def __enter__(self) -> "MetricsWriter":
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()

    def write(self, row: Metrics) -> None:
        """Append one row; numbers are written so that they read back exactly."""
        self._writer.writerow([repr(value) if value == value else "" for value in row])
        self._file.flush()


def create(directory: Path, config: TrainingConfig) -> None:
    """Make the directory and write its ``config.json``.

    Raises
    ------
    RunDirectoryError
        It holds a run already, or cannot be written.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunDirectoryError(
            f"{directory}: cannot be made ({error.strerror}); choose another --out"
        ) from error
    if (directory / "config.json").exists():
        raise RunDirectoryError(f"{directory}: holds a run already; choose another --out")
    with replacing(directory / "config.json") as path:
        path.write_text(config.to_json())


def save_model(path: Path, parameters: Parameters, metadata: dict[str, str]) -> None:
    """Write the parameters as safetensors, with what a prediction needs to know as metadata."""
    from safetensors.numpy import save_file

    arrays = {name: to_numpy(array) for name, array in named_arrays(parameters).items()}
    with replacing(path) as temporary:
        save_file(arrays, temporary, metadata=metadata)


def load_model(path: Path) -> tuple[Parameters, dict[str, str]]:
    """Read what `save_model` wrote, as NumPy arrays.

    Raises
    ------
    RunDirectoryError
        The file is missing, damaged, or no model of this project.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}
            metadata = file.metadata() or {}
        parameters = tuple(
            Layer(arrays[f"layers.{index}.weight"], arrays[f"layers.{index}.bias"])
            for index in range(len(arrays) // 2)
        )
    except (OSError, SafetensorError) as error:
        raise RunDirectoryError(f"{path}: cannot be read as a model ({error})") from error
    except KeyError as error:
        raise RunDirectoryError(
            f"{path}: is no model of this project ({error} is missing)"
        ) from error
    return parameters, metadata


def model_metadata(dataset: Dataset) -> dict[str, str]:
    """Collect what makes weights a classifier: scaling, class names, image shape."""
    return {
        "scale": repr(dataset.scale),
        "class_names": json.dumps(dataset.class_names),
        "image_shape": json.dumps(dataset.image_shape),
    }


def parameters_sha256(parameters: Parameters) -> str:
    """Hash the bytes of all parameters in layer order, weight before bias."""
    digest = hashlib.sha256()
    for array in named_arrays(parameters).values():
        digest.update(np.ascontiguousarray(to_numpy(array)).tobytes())
    return digest.hexdigest()


def best_valid_epoch(history: tuple[Metrics, ...]) -> int:
    """Give the epoch of the lowest validation loss, the first of equal ones."""
    return min(history, key=lambda row: row.valid_loss).epoch


def record(
    dataset: Dataset,
    device: Device,
    threads: int,
    state: TrainingState,
    total_seconds: float,
) -> dict[str, Any]:
    """Collect what ``run.json`` says. `result` is the row of the epoch whose weights are saved."""
    row = state.history[state.result_epoch]
    result = row._asdict()
    del result["epoch"], result["seconds"]
    return {
        "device": {
            "requested": device.requested,
            "used": device.used,
            "reason": device.reason,
            "library": device.library,
            "version": device.version,
            "threads": threads,
            "tf32": device.tf32,
        },
        "data": {
            "path": dataset.path,
            "sha256": dataset.sha256,
            "n_train": dataset.train.labels.shape[0],
            "n_valid": 0 if dataset.valid is None else dataset.valid.labels.shape[0],
            "n_test": 0 if dataset.test is None else dataset.test.labels.shape[0],
            "n_classes": dataset.n_classes,
        },
        "result": {
            "weights": "last" if state.best is None else "best",
            "epochs": state.result_epoch,
            "best_valid_epoch": best_valid_epoch(state.history),
            **result,
        },
        "timing": {
            "total_s": total_seconds,
            "epoch_median_s": statistics.median(
                [row.seconds for row in state.history[1:]] or [state.history[0].seconds]
            ),
        },
        "versions": {
            "python": python_version(),
            **{name: version(name) for name in ("numpy", "array-api-compat", "array-api-mlp")},
            device.library: device.version,
        },
        "parameters_sha256": parameters_sha256(state.result_parameters),
    }


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write a JSON object, indented."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2) + "\n")

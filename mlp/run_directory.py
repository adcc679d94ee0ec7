"""The files of a run: config.json, metrics.csv, run.json, model.safetensors, pictures.

Files appear whole or not at all; one process at a time writes a directory.
"""

import csv
import fcntl
import hashlib
import json
import os
import statistics
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import chain, count
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
    """Name a run directory by the time: ``runs/<UTC time>``, and a number if that is taken."""
    first = Path("runs") / datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
    names = chain([first], (first.with_name(f"{first.name}-{number}") for number in count(2)))
    return next(name for name in names if not name.exists())


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary name beside `path`, and put the file in place once it is whole and safe.

    A power failure leaves the old file or the new one: the data are on the disk before the name.
    """
    temporary = path.with_name(f".{path.name}.part")
    try:
        yield temporary
        sync(temporary)
        os.replace(temporary, path)
        sync(path.parent)
    except OSError as error:
        raise RunDirectoryError(
            f"{path}: cannot be written ({error.strerror or error}); choose another --out"
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Wait until a file or directory is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Keep other processes out of a run directory; the lock ends with the process.

    Raises
    ------
    RunDirectoryError
        Another process has it, or it is no directory that can be opened.
    """
    try:
        handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise RunDirectoryError(f"{directory}: cannot be opened ({error.strerror})") from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RunDirectoryError(
                f"{directory}: in use by another process; wait for it or choose another --out"
            ) from error
        except OSError:
            pass  # a file system without locks
        yield
    finally:
        os.close(handle)


class MetricsWriter:
    """Writes ``metrics.csv``: the rows there are, then more as they are measured."""

    def __init__(self, directory: Path, history: Sequence[Metrics] = ()) -> None:
        self._path = directory / "metrics.csv"
        with replacing(self._path) as temporary, temporary.open("w", newline="") as file:
            csv.writer(file).writerow(Metrics._fields)
            csv.writer(file).writerows(map(_cells, history))
        self._file: TextIO = self._path.open("a", newline="")
        self._writer = csv.writer(self._file)

    def __enter__(self) -> "MetricsWriter":
        return self

    def __exit__(self, *exception: object) -> None:
        with suppress(OSError):  # what could not be written was an error before
            self._file.close()

    def write(self, row: Metrics) -> None:
        """Append one row; numbers are written so that they read back exactly."""
        try:
            self._writer.writerow(_cells(row))
            self._file.flush()
        except OSError as error:
            raise RunDirectoryError(
                f"{self._path}: cannot be written ({error.strerror}); make room, then --resume"
            ) from error


def _cells(row: Metrics) -> list[str]:
    return [repr(value) if value == value else "" for value in row]


def create(directory: Path) -> None:
    """Make the directory; to be locked before anything is written.

    Raises
    ------
    RunDirectoryError
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunDirectoryError(
            f"{directory}: cannot be made ({error.strerror}); choose another --out"
        ) from error


def write_config(directory: Path, config: TrainingConfig, *, resumed: bool = False) -> None:
    """Write ``config.json``; it marks the directory as a run.

    Raises
    ------
    RunDirectoryError
        It holds a run already and `resumed` is not set, or cannot be written.
    """
    if not resumed and (directory / "config.json").exists():
        raise RunDirectoryError(
            f"{directory}: holds a run already; choose another --out, or --resume {directory}"
        )
    with replacing(directory / "config.json") as path:
        path.write_text(config.to_json())


def read_config(path: Path) -> TrainingConfig:
    """Read the ``config.json`` of an earlier run.

    Raises
    ------
    RunDirectoryError
        It is not there, or is no configuration.
    """
    try:
        if path.exists() and not path.is_file():
            raise ValueError("is no file")
        return TrainingConfig.from_json(path.read_text())
    except OSError as error:
        raise RunDirectoryError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise RunDirectoryError(f"{path}: {error}") from error


def save_model(path: Path, parameters: Parameters, metadata: dict[str, str]) -> None:
    """Write the parameters as safetensors, with what a prediction needs to know as metadata."""
    from safetensors.numpy import save

    arrays = {
        name: np.ascontiguousarray(to_numpy(array))
        for name, array in named_arrays(parameters).items()
    }
    with replacing(path) as temporary:
        temporary.write_bytes(save(arrays, metadata))


def load_model(path: Path) -> tuple[Parameters, dict[str, str]]:
    """Read what `save_model` wrote, as NumPy arrays.

    Raises
    ------
    RunDirectoryError
        The file is missing, damaged, or no model of this project.
    """
    from safetensors import SafetensorError, safe_open

    try:
        if path.exists() and not path.is_file():  # a pipe would block the reader
            raise ValueError("it is no file")
        with safe_open(path, framework="numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}
            metadata = file.metadata() or {}
        parameters = tuple(
            Layer(arrays[f"layers.{index}.weight"], arrays[f"layers.{index}.bias"])
            for index in range(len(arrays) // 2)
        )
    except (OSError, SafetensorError, AttributeError, TypeError, ValueError) as error:
        # The last three: a dtype or a rank that NumPy has not.
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
    stopped_early: bool,
    total_seconds: float,
    ranks: int = 1,
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
            "ranks": ranks,
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
            "epochs_trained": state.epoch,
            "stopped_early": stopped_early,
            "best_valid_epoch": best_valid_epoch(state.history),
            **result,
        },
        "timing": {
            "total_s": total_seconds,
            "epoch_median_s": statistics.median(
                [row.seconds for row in state.history[1:]] or [state.history[0].seconds]
            ),
        },
        "versions": versions(device),
        "parameters_sha256": parameters_sha256(state.result_parameters),
    }


def read_record(directory: Path) -> dict[str, Any] | None:
    """Read a run's ``run.json``; None if the run has not ended.

    Raises
    ------
    RunDirectoryError
        It is damaged.
    """
    path = directory / "run.json"
    try:
        record: dict[str, Any] = json.loads(path.read_text())
        result = record["result"]
        if (type(result["epochs_trained"]), type(result["stopped_early"])) != (int, bool):
            raise ValueError("epochs_trained must be int and stopped_early bool")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise RunDirectoryError(f"{path}: is no record of a run ({error!r}); remove it") from error
    return record


def versions(device: Device) -> dict[str, str]:
    """Name the versions of what computes."""
    names = ("numpy", "array-api-compat", "array-api-mlp")
    return {
        "python": python_version(),
        **{name: version(name) for name in names},
        device.library: device.version,
    }


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write a JSON object, indented."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2) + "\n")

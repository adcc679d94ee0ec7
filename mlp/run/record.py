"""``run.json``: what a run came to, written last, and read without trust."""

import json
import statistics
from dataclasses import asdict
from pathlib import Path
from platform import python_version
from typing import Any

import array_api_compat
import numpy as np

from ..datasets import Dataset, Rows
from ..device import Device
from ..files import FileError, exists, read_text, without_home
from ..history import best_row
from ..installation import ARITHMETIC, __version__
from ..model import parameters_sha256
from ..state import TrainingState
from .environment import blas_in_use


def record(
    dataset: Dataset,
    device: Device,
    threads: int,
    step: str,
    state: TrainingState,
    stopped_early: bool,
    total_seconds: float,
    ranks: int = 1,
) -> dict[str, Any]:
    """Return what ``run.json`` says. `result` is the row of the epoch whose weights are saved.

    `step` says how steps were done: see `mlp.work.step_kind`, or the library that did them.
    """
    row = state.history[state.result_epoch]
    best = best_row(state.history)
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
            "blas": blas_in_use(),
            "tf32": device.tf32,
            "step": step,
        },
        "data": describe_data(dataset),
        "result": {
            "weights": "last" if state.best is None else "best",
            "epochs": state.result_epoch,
            "epochs_trained": state.epoch,
            "stopped_early": stopped_early,
            "best_valid_epoch": None if best is None else best.epoch,
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


def describe_data(dataset: Dataset) -> dict[str, Any]:
    """Return what a record says of the data."""
    counts = {name: rows.labels.shape[0] for name, rows in dataset.splits.items()}
    return {
        "path": without_home(dataset.path),
        "sha256": dataset.sha256,
        "form": dataset.form,
        **{f"n_{name}": counts.get(name, 0) for name in ("train", "valid", "test")},
        "n_classes": dataset.n_classes,
        "valid_commonest": commonest_share(dataset.valid),
        "preparation": asdict(dataset.preparation),
        "notes": [without_home(note) for note in dataset.notes],
    }


def commonest_share(rows: Rows | None) -> float | None:
    """Return the accuracy of always saying the commonest class of some rows."""
    if rows is None or not len(rows.labels):
        return None
    return float(np.bincount(rows.labels).max() / len(rows.labels))


# What is used of a record again; a sweep shows it.
_RECORD: dict[str, dict[str, type]] = {
    "device": {"used": str, "reason": str, "library": str, "version": str, "threads": int},
    "data": {"path": str, "sha256": str, "n_train": int, "n_valid": int, "n_test": int},
    "result": {"epochs_trained": int, "stopped_early": bool},
    "timing": {"total_s": float},
    "versions": {"python": str, "numpy": str},
}


def read_record(directory: Path) -> dict[str, Any] | None:
    """Read a run's ``run.json``; None if the run has not ended.

    Raises
    ------
    FileError
        It is damaged.
    """
    path = directory / "run.json"
    if not exists(path):
        return None
    try:
        record: dict[str, Any] = json.loads(read_text(path))
        for part, kinds in _RECORD.items():
            for name, kind in kinds.items():
                if type(record[part][name]) is not kind:
                    raise ValueError(f"{part}.{name} must be {kind.__name__}")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise FileError(f"{path}: is no record of a run ({error!r}); remove it") from error
    return record


def versions(device: Device) -> dict[str, str]:
    """Name the versions of what computes."""
    return {
        "python": python_version(),
        "numpy": np.__version__,
        "array-api-compat": array_api_compat.__version__,
        "array-api-mlp": __version__,
        "arithmetic": str(ARITHMETIC[device.kind]),
        device.library: device.version,
    }

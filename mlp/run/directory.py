"""The run directory: one process at a time writes it; config.json marks it, run.json ends it."""

import fcntl
import json
import os
import statistics
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime
from itertools import chain, count, takewhile
from pathlib import Path
from platform import python_version
from typing import Any

import array_api_compat
import numpy as np

from ..config import TrainingConfig
from ..datasets import Dataset, Rows
from ..device import Device
from ..files import FileError, exists, read_text, remove, without_home, write
from ..history import best_row
from ..installation import ARITHMETIC, __version__
from ..model import parameters_sha256
from ..training import TrainingState
from . import checkpoint
from .environment import blas_in_use


def default_directory(prefix: str = "") -> Path:
    """Return the name of a directory, ``runs/PREFIX<UTC time>``; see `create`."""
    return Path("runs") / datetime.now(UTC).strftime(f"{prefix}%Y-%m-%dT%H-%M-%SZ")


class Place:
    """Where a directory that is held open is, also after somebody has renamed it."""

    def __init__(self, directory: Path, handle: int) -> None:
        self._directory, self._handle = directory, handle

    @property
    def path(self) -> Path:
        """The path that it was opened by, or the one that it has now.

        Raises
        ------
        FileError
            It was removed, or the system does not tell where it is.
        """
        mine = os.fstat(self._handle)
        for path in (self._directory, _path_of(self._handle)):
            with suppress(OSError):
                if path is not None and os.path.samestat(mine, os.stat(path)):
                    self._directory = path
                    return path
        raise FileError(f"{self._directory}: was removed, or moved away, while the run was in it")


def _path_of(handle: int) -> Path | None:
    with suppress(OSError):
        if sys.platform == "darwin":
            return Path(
                os.fsdecode(fcntl.fcntl(handle, fcntl.F_GETPATH, bytes(1024)).rstrip(b"\0"))
            )
        return Path(os.readlink(f"/proc/self/fd/{handle}"))
    return None


@contextmanager
def locked(directory: Path) -> Iterator[Place]:
    """Keep other processes out of a run directory; the lock ends with the process.

    Raises
    ------
    FileError
        Another process has it, or it is no directory that can be opened.
    """
    try:
        handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise FileError(f"{directory}: cannot be opened ({error.strerror})") from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FileError(
                f"{directory}: in use by another process; wait for it or choose another --out"
            ) from error
        except OSError:
            pass  # a file system without locks
        yield Place(directory, handle)
    finally:
        os.close(handle)


def create(directory: Path, *, numbered: bool = False) -> Path:
    """Make the directory and return its name; to be locked before anything is written.

    Parameters
    ----------
    directory : Path
    numbered : bool
        Whether it must be new: a number is added to a name that is taken, so that runs begun in
        one second get different directories.

    Raises
    ------
    FileError
    """
    others = (directory.with_name(f"{directory.name}-{number}") for number in count(2))
    try:
        # Not by `parents=True`, which calls itself once for every folder.
        missing = takewhile(lambda folder: not folder.exists(), directory.parents)
        for folder in reversed(list(missing)):
            folder.mkdir(exist_ok=True)
        if not numbered:
            directory.mkdir(exist_ok=True)
            return directory
        return next(filter(_made, chain([directory], others)))
    except OSError as error:
        raise FileError(
            f"{directory}: cannot be made ({error.strerror}); choose another --out"
        ) from error


def _made(directory: Path) -> bool:
    """Make a directory, or return that the name is taken: of many processes one makes it."""
    try:
        directory.mkdir()
    except FileExistsError:
        return False
    return True


def begin(directory: Path, config: TrainingConfig) -> None:
    """Write ``config.json``, which marks the directory as a run.

    Raises
    ------
    FileError
        It holds a run already, or parts of one, or cannot be written.
    """
    if (directory / "config.json").exists():
        raise FileError(
            f"{directory}: holds a run already; choose another --out, or --resume {directory}"
        )
    if checkpoint.files(directory):
        raise FileError(f"{directory}: holds another run's checkpoints; choose another --out")
    write(directory / "config.json", config.to_json())


def go_on(directory: Path, config: TrainingConfig) -> None:
    """Write the ``config.json`` of a run that goes on, which has not ended any more.

    Raises
    ------
    FileError
    """
    remove(directory / "run.json")
    write(directory / "config.json", config.to_json())


def read_config(path: Path) -> TrainingConfig:
    """Read the ``config.json`` of an earlier run.

    The path of the data names the same bytes as when it was written, in any locale.

    Raises
    ------
    FileError
        It is not there, or is no configuration.
    """
    try:
        config = TrainingConfig.from_json(read_text(path))
        data = os.fsdecode(config.data.encode(errors="surrogateescape"))
        return replace(config, data=data)
    except (ValueError, RecursionError) as error:
        raise FileError(f"{path}: {error}") from error


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
    counts = {name: rows.labels.shape[0] for name, rows in dataset.splits.items()}
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
        "data": {
            "path": without_home(dataset.path),
            "sha256": dataset.sha256,
            **{f"n_{name}": counts.get(name, 0) for name in ("train", "valid", "test")},
            "n_classes": dataset.n_classes,
            "valid_commonest": commonest_share(dataset.valid),
            "preparation": asdict(dataset.preparation),
            "notes": [without_home(note) for note in dataset.notes],
        },
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

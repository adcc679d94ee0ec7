"""Whole training states on disk: what a run goes on from, to the same bits.

A checkpoint is one safetensors file: the arrays, and as its metadata a JSON object of everything
else and a checksum over both. Files appear whole or not at all; two that are whole are kept, and
files of other names are let alone.
"""

import hashlib
import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..config import TrainingConfig
from ..files import FileError, remove_parts, sync, write
from ..history import History, Metrics
from ..model import layer_sizes
from ..model_file import contiguous_arrays, read_parameters
from ..state import Best, TrainingState, check_finite
from ..tensors import read_tensors

_NAME = re.compile(r"epoch-(\d{9,})\.safetensors")
# What reading a damaged or crafted file may raise.
_DAMAGED = (
    *(OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, MemoryError),
    RecursionError,
)


class Checkpoint(NamedTuple):
    """What a checkpoint holds."""

    state: TrainingState  # NumPy arrays
    config: TrainingConfig
    data_sha256: str
    environment: dict[str, str]  # see `mlp.run.environment`
    warnings: tuple[str, ...]  # of newer files that are damaged


def save(
    directory: Path,
    state: TrainingState,
    config: TrainingConfig,
    data_sha256: str,
    environment: dict[str, str],
) -> Path:
    """Write a state below a run directory, and keep it and the last one before it that is whole.

    Raises
    ------
    DivergedError
        A parameter is not finite: nothing is written, the earlier checkpoints stay.
    FileError
        It cannot be written; the earlier checkpoints stay.
    """
    from safetensors.numpy import save

    check_finite(state)
    groups = {"parameters": state.parameters, "velocity": state.velocity}
    if state.best is not None:
        groups["best"] = state.best.parameters
    arrays: dict[str, np.ndarray] = {}
    for group, parameters in groups.items():
        arrays |= contiguous_arrays(parameters, f"{group}.")
    text = json.dumps(
        {
            "epoch": state.epoch,
            "history": [[str(value) for value in row] for row in state.history],
            "best": None if state.best is None else [state.best.epoch, str(state.best.valid_loss)],
            "config": json.loads(config.to_json()),
            "data_sha256": data_sha256,
            "environment": environment,
        }
    )
    path = _folder(directory) / f"epoch-{state.epoch:09d}.safetensors"
    try:
        if not path.parent.exists():
            path.parent.mkdir()
            sync(directory)
    except OSError as error:
        raise FileError(f"{path.parent}: cannot be made ({error.strerror})") from error
    write(path, save(arrays, {"state": text, "sha256": _checksum(text, arrays)}))
    _remove_older(directory, path)
    remove_parts(path.parent)
    return path


def load(directory: Path) -> Checkpoint | None:
    """Read the newest checkpoint of a run directory that is whole; None if there never was one.

    Raises
    ------
    FileError
        There are checkpoints, and all are damaged.
    """
    found = files(directory)
    warnings: list[str] = []
    for path in reversed(found):
        try:
            return _read(path)._replace(warnings=tuple(warnings))
        except _DAMAGED as error:
            warnings.append(f"{path}: damaged ({_reason(error, path)}); trying the one before it")
    if found:
        raise FileError(
            f"{found[-1].parent}: all checkpoints are damaged; start anew with another --out"
        )
    return None


def remove(directory: Path) -> None:
    """Remove all checkpoints of a run directory; what else lies beside them stays."""
    with suppress(OSError):  # not there, not ours, or somebody put a file of his own into it
        _remove(files(directory))
        remove_parts(directory / "checkpoint")
        (directory / "checkpoint").rmdir()


def check_fits(
    checkpoint: Checkpoint, sizes: tuple[int, ...], dtype: str, data_sha256: str
) -> None:
    """Check that a checkpoint is of this data, network and dtype.

    Raises
    ------
    FileError
        Says which of them differs.
    """
    parameters = checkpoint.state.parameters
    found = layer_sizes(parameters)
    for name, expected, got in (
        ("data with SHA-256", data_sha256, checkpoint.data_sha256),
        ("a network of", " - ".join(map(str, sizes)), " - ".join(map(str, found))),
        ("dtype", dtype, str(parameters[0].weight.dtype)),
    ):
        if expected != got:
            raise FileError(
                f"the checkpoint is of {name} {got}, this run of {expected}; "
                "resume with what it was made with, or start anew with another --out"
            )


def files(directory: Path) -> list[Path]:
    """Return the files that have a checkpoint's name, whole or not, in the order of their epochs.

    Raises
    ------
    FileError
        The folder is a link, through which files elsewhere would be removed, or cannot be read.
    """
    folder = _folder(directory)
    try:
        found = [(_NAME.fullmatch(path.name), path) for path in folder.iterdir()]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise FileError(f"{folder}: cannot be read ({error.strerror})") from error
    return [path for _, path in sorted((int(match[1]), path) for match, path in found if match)]


def _folder(directory: Path) -> Path:
    folder = directory / "checkpoint"
    if folder.is_symlink():
        raise FileError(f"{folder}: must be a folder of the run, is a link; remove it")
    return folder


def _remove_older(directory: Path, newest: Path) -> None:
    """Keep `newest` and the whole one before it, and remove what is older than both."""
    found = files(directory)
    older = found[: found.index(newest)]
    while older and not _is_whole(older.pop()):
        pass  # it may be all that somebody has left of something
    _remove(older)


def _is_whole(path: Path) -> bool:
    try:
        _read(path)
    except _DAMAGED:
        return False
    return True


def _remove(paths: list[Path]) -> None:
    for path in paths:
        with suppress(OSError):  # what cannot be removed must not cost the run
            path.unlink()


def _checksum(text: str, arrays: dict[str, np.ndarray]) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(array.data)
    return digest.hexdigest()


def _read(path: Path) -> Checkpoint:
    """Read one file, whoever wrote it; any error means that it is damaged."""
    arrays, metadata = read_tensors(path)
    if metadata["sha256"] != _checksum(metadata["state"], arrays):
        raise ValueError("its checksum does not fit")
    content: dict[str, Any] = json.loads(metadata["state"])
    best = content["best"]
    groups = ["parameters", "velocity"] if best is None else ["parameters", "velocity", "best"]
    parameters, velocity, *others = (read_parameters(arrays, f"{group}.") for group in groups)
    kinds = {
        tuple((array.shape, array.dtype) for layer in group for array in layer)
        for group in (parameters, velocity, *others)
    }
    if len(kinds) != 1:
        raise ValueError(f"{', '.join(groups)} must have the same shapes and dtype")
    state = TrainingState(
        parameters,
        velocity,
        int(content["epoch"]),
        History(Metrics(int(row[0]), *map(float, row[1:])) for row in content["history"]),
        None if best is None else Best(int(best[0]), float(best[1]), others[0]),
    )
    if any(row.epoch != index for index, row in enumerate(state.history)):
        raise ValueError("must hold a row of metrics for every epoch")
    if state.epoch + 1 != len(state.history) or state.result_epoch not in range(len(state.history)):
        raise ValueError(f"must hold {state.epoch + 1} rows of metrics, got {len(state.history)}")
    config = TrainingConfig.from_json(json.dumps(content["config"]))
    described = {str(name): str(value) for name, value in content["environment"].items()}
    return Checkpoint(state, config, str(content["data_sha256"]), described, ())


def _reason(error: BaseException, path: Path) -> str:
    return " ".join(str(error).split()).removeprefix(f"{path}: ")[:200]

"""What a run that is to go on is found to be: finished, or a state to go on from."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..config import TrainingConfig, differences, flag
from ..datasets import Dataset
from ..training import network_sizes
from . import checkpoint
from .environment import doubts
from .record import read_record

Warn = Callable[[str], object]


def finished(directory: Path, epochs: int, warn: Warn) -> dict[str, Any] | None:
    """Return the record of a run that leaves nothing to do, and say so; else None.

    Raises
    ------
    ValueError
        It has ended and is to go on, and has nothing to go on from.
    """
    found = read_record(directory)
    if found is None:
        return None
    result = found["result"]
    done = f"{directory}: finished after {result['epochs_trained']} epochs"
    if result["stopped_early"]:
        warn(f"{done}; early stopping ended it")
        return found
    kept = bool(checkpoint.files(directory))
    if result["epochs_trained"] >= epochs:
        warn(f"{done}; {'more --epochs extend it' if kept else _NO_CHECKPOINT}")
        return found
    if not kept:
        raise ValueError(f"{done}; {_NO_CHECKPOINT}. Nothing of it was changed")
    return None


_NO_CHECKPOINT = (
    "it kept no checkpoint to go on from; a new run with --config, more --epochs and "
    "--checkpoint-every can be extended"
)


def checkpoint_to_resume(
    directory: Path,
    config: TrainingConfig,
    dataset: Dataset,
    environment: dict[str, str],
    warn: Warn,
) -> checkpoint.Checkpoint | None:
    """Return what the run goes on from, and say what that means; None starts it again.

    Its configuration says what the options came to that were left open.

    Raises
    ------
    ValueError
        The checkpoint has more epochs, or other options.
    FileError
        It is of other data or another network, or all are damaged.
    """
    found = checkpoint.load(directory)
    if found is None:
        warn(f"{directory}: no checkpoint yet, starting again from epoch 0")
        return None
    for warning in found.warnings:
        warn(f"warning: {warning}")
    sizes = network_sizes(dataset, config)
    checkpoint.check_fits(found, sizes, config.dtype, dataset.sha256)
    if found.state.epoch > config.epochs:
        raise ValueError(f"--epochs must be at least the {found.state.epoch} that are done")
    resolved = replace(config, shard_rows=config.shard_rows or found.config.shard_rows)
    for name, option in differences(found.config, resolved).items():
        if not option.metadata["resume"]:
            raise ValueError(
                f"{directory}: its config.json and its checkpoint differ in {flag(name)}; "
                "start a new run with --config"
            )
    warn(f"{directory}: going on after epoch {found.state.epoch}")
    for doubt in doubts(found.environment, environment):
        warn(f"warning: {doubt}")
    if config.epochs != found.config.epochs and config.schedule != "constant":
        warn(
            f"warning: the {config.schedule} schedule depends on --epochs, "
            f"{found.config.epochs} before: the weights will not be those of {config.epochs} "
            "epochs in one run"
        )
    return found

"""How long runs will take, as a thousand of their rows tell."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..config import TrainingConfig
from ..datasets import Dataset
from ..device import choose_device
from ..state import DivergedError
from ..training import train
from .ranks import DATA_OPTIONS, load_as

_ROWS = 1024
_AROUND = 2.0  # seconds of a run besides: a process, the data, the report
_EVALUATED = 1 / 3  # of a training row's work: no gradients of weights, none of inputs


def expected_seconds(configs: Sequence[TrainingConfig]) -> float | None:
    """Return about how long runs on this CPU will take, one by one; None for other devices.

    Raises
    ------
    DataError, DeviceError
    """
    datasets: dict[tuple[Any, ...], Dataset] = {}
    seconds = 0.0
    for config in configs:
        if config.reference or choose_device(config.device).kind != "cpu":
            return None
        key = (config.data, *(getattr(config, name) for name in DATA_OPTIONS))
        if key not in datasets:
            datasets[key] = load_as(config)
        seconds += _AROUND + config.epochs * _epoch_seconds(config, datasets[key])
    return seconds


def _epoch_seconds(config: TrainingConfig, dataset: Dataset) -> float:
    """Train for two short epochs, and multiply the faster one."""
    rows = min(_ROWS, len(dataset.train.labels))
    few = replace(dataset, train=dataset.train.take(slice(0, rows)), valid=None, test=None)
    plain = TrainingConfig()
    config = replace(
        config,
        data=plain.data,
        device=plain.device,
        epochs=2,
        early_stopping=None,
        checkpoint_every=None,
    )
    try:
        epoch = min(row.seconds for row in train(few, config).history[1:])
    except DivergedError:  # which takes as long
        return 0.0
    counts = {name: len(part.labels) for name, part in dataset.splits.items()}
    work = counts.pop("train") + _EVALUATED * sum(counts.values())
    return epoch * work / rows


def rounded(seconds: float) -> str:
    """Write a duration that is only known about: ``20 s``, ``3 min``, ``2.5 h``."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"

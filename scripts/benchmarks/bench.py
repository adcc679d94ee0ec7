"""What every mode of the benchmark is given, and what it returns."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from mlp import TrainingConfig

Report: TypeAlias = tuple[dict[str, Any], str]  # the record, and its text


class Bench(NamedTuple):
    """One call of benchmark.py."""

    options: argparse.Namespace
    configs: dict[str, TrainingConfig]  # by title; modes that measure one only are given one
    names: list[str]  # of the contestants, ours first
    directory: Path
    where: dict[str, Any]  # the machine
    say: Callable[[str], object]
    warn: Callable[[str], object]

    @property
    def config(self) -> TrainingConfig:
        """The first configuration."""
        return next(iter(self.configs.values()))


def cross(
    base: TrainingConfig, hidden: Sequence[Sequence[int]], batch_sizes: Sequence[int | None]
) -> dict[str, TrainingConfig]:
    """Combine every network with every batch size.

    Returns
    -------
    dict
        By title: ``batches of 128``, and ``1000-500, batches of 128`` where networks differ.
    """
    found = {}
    for units in hidden:
        network = f"{hyphenated(units)}, " if len({*map(tuple, hidden)}) > 1 else ""
        for size in batch_sizes:
            title = network + ("full batch" if size is None else f"batches of {size}")
            found[title] = replace(base, hidden=tuple(units), batch_size=size)
    return found


def hyphenated(hidden: Sequence[int]) -> str:
    """Name a network by its hidden units: ``1000-500``."""
    return "-".join(map(str, hidden))

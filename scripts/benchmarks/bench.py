"""What every mode of the benchmark is given, and what it returns."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from mlp import TrainingConfig

Report: TypeAlias = tuple[dict[str, Any], str]  # the record, and its text


class Bench(NamedTuple):
    """One call of benchmark.py."""

    options: argparse.Namespace
    config: TrainingConfig
    names: list[str]  # of the contestants, ours first
    directory: Path
    where: dict[str, Any]  # the machine
    say: Callable[[str], object]

"""The grid of a sweep: options with their values, and every combination of them."""

import argparse
import re
from dataclasses import fields
from itertools import product
from pathlib import Path

from ..config import TrainingConfig, from_arguments
from ..files import visible
from ..run.sweep import Trial
from .parser import Parser

OPTIONS = {option.name.replace("_", "-"): option for option in fields(TrainingConfig)}


def read_grid(texts: list[str]) -> dict[str, list[str]]:
    """Take ``OPTION=VALUE,...`` apart."""
    grid: dict[str, list[str]] = {}
    for text in texts:
        name, _, values = text.partition("=")
        if name not in OPTIONS or not all(value.strip() for value in values.split(",")):
            expected = "OPTION=VALUE,... with an option of training"
            raise ValueError(f"--grid must be {expected}, got {text!r}")
        if name in grid:
            raise ValueError(f"--grid {name} is given twice; put commas between its values")
        grid[name] = [value.strip() for value in values.split(",")]
    return grid


def combinations(
    parser: Parser, options: argparse.Namespace, grid: dict[str, list[str]]
) -> list[Trial]:
    """Make a trial of every combination of the grid's values; all are checked here.

    Their directories are relative to the one of the sweep.
    """
    trials: dict[str, Trial] = {}
    for values in product(*grid.values()):
        chosen = dict(zip(grid, values, strict=True))
        words: list[str] = []
        for name, value in chosen.items():
            if OPTIONS[name].default is not False:
                several = "nargs" in OPTIONS[name].metadata["domain"].argument
                words += [f"--{name}", *(value.split() if several else [value])]
            elif value not in ("yes", "no"):
                raise ValueError(f"--grid {name} takes yes and no, got {value!r}")
            elif value == "yes":
                words.append(f"--{name}")
        config = from_arguments(parser.parse_args(words), from_arguments(options))
        name = "_".join(re.sub(r"[^\w.+-]+", "-", f"{key}-{chosen[key]}") for key in chosen)
        if name in trials:
            raise ValueError(f"--grid gives two combinations the name {name}; leave one out")
        shown = {option: visible(value) for option, value in chosen.items()}
        trials[name] = Trial(shown, config, Path(name))
    return list(trials.values())


def repeat(grid: dict[str, list[str]], seed: int, repeats: int) -> dict[str, list[str]]:
    """Add so many seeds to a grid, from one on."""
    if "seed" in grid:
        raise ValueError("--repeats chooses the seeds; leave seed out of --grid")
    return {**grid, "seed": [str(seed + number) for number in range(repeats)]}

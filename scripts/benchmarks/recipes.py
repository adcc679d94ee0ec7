"""Recipes of training: the task's, and the shortest that are as good on validation rows.

`choose` never has the test rows.
"""

import itertools
import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from benchmarks.bench import Bench, Report
from benchmarks.rounds import Say
from mlp import Dataset, DivergedError, Metrics, TrainingConfig, load, train


class Recipe(NamedTuple):
    """What is free to choose about a training run; `batch_size` None is the full batch."""

    batch_size: int | None
    learning_rate: float
    schedule: str
    epochs: int

    def __str__(self) -> str:
        return f"{self.batch_size or 'full'} {self.learning_rate:g} {self.schedule} {self.epochs}"

    def config(self, config: TrainingConfig, seed: int) -> TrainingConfig:
        """Return the configuration that follows this recipe."""
        return replace(config, **self._asdict(), seed=seed)


TASK = Recipe(None, 0.1, "constant", 200)
# Chosen by `benchmark.py --choose-recipe`. Peers cannot change their rate under way, so they and
# ours also run the best constant one.
CONSTANT = Recipe(64, 0.05, "constant", 9)
RECOMMENDED = Recipe(64, 0.1, "one-cycle", 5)

BATCH_SIZES, RATES, EPOCHS = (64, 128, 256), (0.025, 0.05, 0.1, 0.2), range(2, 16)
CHOICE_SEEDS = (1, 2, 3)


def parse(text: str) -> Recipe:
    """Read what `Recipe.__str__` writes, e.g. ``64 0.1 one-cycle 5``."""
    batch, rate, schedule, epochs = text.split()
    recipe = Recipe(None if batch == "full" else int(batch), float(rate), schedule, int(epochs))
    recipe.config(TrainingConfig(), 0)  # checks the values
    return recipe


def choose(
    dataset: Dataset,
    config: TrainingConfig,
    say: Say,
    epochs: Iterable[int] = EPOCHS,
    task: Recipe = TASK,
    schedules: Sequence[str] = ("constant", "cosine", "one-cycle"),
) -> dict[str, tuple[Recipe, float]]:
    """Find the recipes with the fewest epochs that are as good as the task's on validation rows.

    For one number of epochs after another the grid of batch sizes, rates and schedules is run,
    until one recipe reaches, with every seed, one standard error more than the validation accuracy
    that the task's recipe ends with on average: of so many recipes the best one owes a part of its
    accuracy to luck with these rows. Of several the one that takes least time is chosen. Once for
    a constant rate, once for any.

    Parameters
    ----------
    dataset : Dataset
        Its test rows are left out before anything is trained.

    Returns
    -------
    dict
        ``constant`` and ``recommended``: the recipe and its mean validation accuracy.
    """
    dataset = replace(dataset, test=None)

    def last(recipe: Recipe, seed: int) -> Metrics | None:
        try:
            return train(dataset, recipe.config(config, seed)).history[-1]
        except DivergedError:
            return None

    rows = [last(task, seed) for seed in CHOICE_SEEDS]
    mean = statistics.mean(row.valid_accuracy for row in rows if row)
    n_valid = len(dataset.valid.labels) if dataset.valid else 1
    target = mean + math.sqrt(mean * (1 - mean) / n_valid)
    say(f"validation accuracy of {task}: {mean:.4f}; wanted: {target:.4f}")
    found: dict[str, tuple[Recipe, float]] = {}
    for number in epochs:
        passing: list[tuple[float, Recipe, float]] = []
        for batch, rate, schedule in itertools.product(BATCH_SIZES, RATES, schedules):
            if ("constant" if schedule == "constant" else "recommended") in found:
                continue
            recipe = Recipe(batch, rate, schedule, number)
            seen = _passes(recipe, target, last)
            if seen:
                passing.append(
                    (
                        statistics.median(r.seconds for r in seen),
                        recipe,
                        statistics.mean(r.valid_accuracy for r in seen),
                    )
                )
                say(f"{recipe}: {passing[-1][2]:.4f}, {number * passing[-1][0]:.2f} s")
        for kind, fits in (
            ("constant", [p for p in passing if p[1].schedule == "constant"]),
            ("recommended", passing),
        ):
            if fits and kind not in found:
                _, recipe, accuracy = min(fits)
                found[kind] = recipe, accuracy
        if len(found) == 2:
            break
    return found


def _passes(
    recipe: Recipe, target: float, last: Callable[[Recipe, int], Metrics | None]
) -> list[Metrics]:
    """Return a recipe's last rows if all seeds reach the target; one that does not ends it."""
    rows = []
    for seed in CHOICE_SEEDS:
        row = last(recipe, seed)
        if row is None or row.valid_accuracy < target:
            return []
        rows.append(row)
    return rows


def report(bench: Bench) -> Report:
    """Choose the recipes on validation rows."""
    config, say = bench.config, bench.say
    found = choose(load(config.data), config, say)
    lines = [
        f"{kind}: {recipe} (validation accuracy {accuracy:.4f})"
        for kind, (recipe, accuracy) in found.items()
    ]
    record = {kind: [str(recipe), accuracy] for kind, (recipe, accuracy) in found.items()}
    text = "\n".join(lines) or "no recipe of the grid is as good as the task's"
    return {"recipes": record}, text

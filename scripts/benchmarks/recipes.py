"""How long it takes to reach the accuracy that the task's own recipe ends with.

A recipe is chosen on validation rows: `choose` never has the test rows. `to_accuracy` then times
the chosen one and the task's to the same test accuracy.
"""

import itertools
import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, NamedTuple

from markdown import table

from benchmarks import layout
from benchmarks.bench import Bench, Report
from benchmarks.process import Entry, Process
from benchmarks.rounds import Say
from benchmarks.spread import spread
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
# A peer may reach the accuracy a few epochs later than ours: its last bits differ.
PATIENCE = 1.1


def parse(text: str) -> Recipe:
    """Read what `Recipe.__str__` writes, e.g. ``64 0.1 one-cycle 5``."""
    batch, rate, schedule, epochs = text.split()
    recipe = Recipe(None if batch == "full" else int(batch), float(rate), schedule, int(epochs))
    recipe.config(TrainingConfig(), 0)  # checks the values
    return recipe


class Reached(NamedTuple):
    """When a run first has an accuracy; seconds of training, compilation included."""

    epoch: int
    seconds: float


def first_reached(
    seconds: Sequence[float], accuracies: Sequence[float], target: float, lag: int
) -> Reached | None:
    """Find the first epoch after which an accuracy is reached; None if there is none.

    Parameters
    ----------
    seconds, accuracies : sequence of float
        Of every epoch in turn.
    target : float
    lag : {0, 1}
        1 with the full batch, where epoch e measures the weights after e - 1 epochs.
    """
    for index, accuracy in enumerate(accuracies):
        if accuracy >= target:
            epoch = index + 1 - lag
            return Reached(epoch, math.fsum(seconds[:epoch]))
    return None


class Course:
    """A run in a process: what it has taken and reached so far."""

    def __init__(self, process: Process, full_batch: bool) -> None:
        self._process, self._lag = process, int(full_batch)
        self.seconds: list[float] = []
        self.accuracies: list[float] = []
        process.ready()

    def go_on(self, epochs: int) -> None:
        """Run more epochs."""
        answer = self._process.ask(epochs)
        self.seconds += answer["seconds"]
        self.accuracies += [scores[-1] for scores in answer["scores"]]

    def reached(self, target: float) -> Reached | None:
        """See `first_reached`."""
        return first_reached(self.seconds, self.accuracies, target, self._lag)


def to_accuracy(
    names: Sequence[str],
    config: TrainingConfig,
    recommended: Recipe,
    constant: Recipe,
    rounds: int,
    rows: int | None,
    say: Say,
    task: Recipe = TASK,
) -> dict[str, Any]:
    """Time the task's recipe and the others to the accuracy that the task's ends with.

    Every round runs a part of the task's recipe, and the other recipes whole with a seed of their
    own: ``config.seed`` in the first round, the next in the next.

    Returns
    -------
    dict
        ``target``; ``task``, ``constant`` and ``recommended``: by contestant a list of `Reached` or
        None, one a run.
    """
    most = math.ceil(PATIENCE * task.epochs) + 1
    part = math.ceil((task.epochs + 1) / rounds)
    results: dict[str, Any] = {"constant": {}, "recommended": {}}
    courses: dict[str, dict[str, list[Course]]] = {"constant": {}, "recommended": {}}
    with ExitStack() as stack:

        def start(name: str, recipe: Recipe, seed: int, epochs: int) -> tuple[Process, Course]:
            settings = replace(recipe.config(config, seed), epochs=epochs)
            process = Process(Entry(name, settings, rows))
            stack.callback(process.close)
            return process, Course(process, recipe.batch_size is None)

        tasks = {name: start(name, task, config.seed, 2 * most)[1] for name in names}
        for number in range(rounds):
            for name, course in tasks.items():
                if left := min(part, most - len(course.seconds)):
                    course.go_on(left)
                for kind, recipe in (("constant", constant), ("recommended", recommended)):
                    if kind == "recommended" and name != "ours" and recipe.schedule != "constant":
                        continue
                    seed = config.seed + number
                    process, short = start(name, recipe, seed, recipe.epochs)
                    short.go_on(recipe.epochs)
                    process.close()
                    courses[kind].setdefault(name, []).append(short)
            say(f"round {number + 1} of {rounds} is done")
        target = tasks["ours"].accuracies[task.epochs]
        for course in tasks.values():
            while course.reached(target) is None and len(course.seconds) < most:
                course.go_on(1)
    for kind, by_name in courses.items():
        results[kind] = {n: [one.reached(target) for one in all_] for n, all_ in by_name.items()}
    results["task"] = {name: [course.reached(target)] for name, course in tasks.items()}
    return results | {"target": target}


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
    """Time the task's recipe and the chosen ones to the same test accuracy."""
    options, config, names, say = bench.options, bench.config, bench.names, bench.say
    names = [name for name in names if name != "floor"]
    used = {"task": TASK, "constant": options.constant_recipe, "recommended": options.recipe}
    results = to_accuracy(
        names, config, options.recipe, options.constant_recipe, options.rounds, options.rows, say
    )
    ratio = speed_up(results)
    note = (
        f"Seconds of training to {results['target']:.2%} of the test rows, what the task's recipe "
        f"ends with; median of {options.rounds} runs with different seeds (the task's recipe: one)."
    )
    last = "The recommended recipe did not get there in most runs."
    if ratio is not None:
        last = f"Recommended recipe / task's recipe, ours: 1/{ratio:.0f}"
    record = {"recipes": {kind: str(one) for kind, one in used.items()}, "speed_up": ratio}
    return record | results, "\n\n".join([accuracy_table(results, used), note, last])


def report_choice(bench: Bench) -> Report:
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


def median_seconds(runs: Sequence[Reached | None]) -> float | None:
    """Return the median time of the runs if most reached the accuracy, else None."""
    seconds = sorted(math.inf if run is None else run.seconds for run in runs)
    middle = statistics.median(seconds)
    return middle if math.isfinite(middle) else None


def speed_up(results: Mapping[str, Any]) -> float | None:
    """Return ours' time with the task's recipe over its time with the recommended one."""
    slow, fast = (median_seconds(results[kind]["ours"]) for kind in ("task", "recommended"))
    return slow / fast if slow and fast else None


def accuracy_table(results: Mapping[str, Any], recipes: Mapping[str, Any]) -> str:
    """Lay out each contestant's time to the target with every recipe."""
    kinds = [kind for kind in ("task", "constant", "recommended") if results[kind]]
    head = ["contestant", *(f"{kind} recipe: {recipes[kind]}" for kind in kinds)]
    lines = [head, ["---"] * len(head)]
    for name in results["task"]:
        cells = [_reached(results[kind].get(name)) for kind in kinds]
        lines.append([layout.TITLES[name], *cells])
    return table(lines)


def _reached(runs: Sequence[Reached | None] | None) -> str:
    if runs is None:
        return ""
    there = [run for run in runs if run is not None]
    middle = median_seconds(runs)
    if middle is None or not there:
        return f"reached by {len(there)} of {len(runs)}"
    seconds = spread([run.seconds for run in there])
    epochs = spread([run.epoch for run in there])
    text = f"{middle:.2f} s"
    if len(runs) > 1:
        text += f" ({seconds.low:.2f} to {seconds.high:.2f}; {len(there)} of {len(runs)} runs)"
    return f"{text}, {epochs.median:.0f} epochs"

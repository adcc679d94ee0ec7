"""How long it takes to reach the accuracy that the task's own recipe ends with, on test rows."""

import math
import statistics
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, NamedTuple

from markdown import table

from benchmarks import layout
from benchmarks.bench import Bench, Report
from benchmarks.process import Entry, Process
from benchmarks.recipes import TASK, Recipe
from benchmarks.rounds import Say
from benchmarks.spread import spread
from mlp import TrainingConfig

# A peer may reach the accuracy a few epochs later than ours: its last bits differ.
PATIENCE = 1.1


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

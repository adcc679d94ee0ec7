"""Runs that differ in their seed alone, and what can be said of their differences."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean, stdev
from typing import NamedTuple

from .significance import LEAST_PAIRS, LEVEL, holm, paired_probability
from .sweep import Trial


@dataclass
class Group:
    """The trials of one combination of options, one for every seed.

    Attributes
    ----------
    options : dict
        The grid's values without the seed.
    trials : list of Trial
    """

    options: dict[str, str]
    trials: list[Trial]

    @property
    def label(self) -> str:
        """Name the combination: ``hidden 100, momentum 0.9``."""
        names = (f"{name} {value}" for name, value in self.options.items())
        return ", ".join(names) or "every seed"

    @property
    def finished(self) -> list[Trial]:
        """The trials that have not diverged."""
        return [trial for trial in self.trials if trial.history]

    def values(self, name: str) -> list[float]:
        """Return a column of ``metrics.csv`` where every finished trial's loss was lowest."""
        return [getattr(trial.stop, name) for trial in self.finished]

    def mean(self, name: str) -> float:
        """Average such a column; NaN where no trial has finished."""
        return fmean(self.values(name)) if self.finished else math.nan

    def deviation(self, name: str) -> float:
        """Return its sample standard deviation; NaN for fewer than two trials."""
        return stdev(self.values(name)) if len(self.finished) > 1 else math.nan

    @property
    def stops(self) -> str:
        """The epochs of the lowest validation losses: ``7``, or from the first to the last."""
        epochs = sorted(trial.stop.epoch for trial in self.finished)
        ends = dict.fromkeys((epochs[0], epochs[-1])) if epochs else ()
        return " to ".join(map(str, ends))


class Comparison(NamedTuple):
    """A group beside the best one: its validation loss less the best's, seed by seed."""

    pairs: int  # seeds that both have finished
    mean: float
    deviation: float  # NaN for fewer than two pairs
    probability: float  # of such a mean by chance, corrected for all comparisons; NaN if not tested

    @property
    def verdict(self) -> str:
        """Say whether the two can be told apart."""
        if math.isnan(self.probability):
            return "not tested"
        return "told apart" if self.probability < LEVEL else "not told apart"


def grouped(trials: Sequence[Trial]) -> list[Group]:
    """Put together the trials that differ in their seed alone, in the order of the grid."""
    groups: dict[tuple[str, ...], Group] = {}
    for trial in trials:
        options = {name: value for name, value in trial.options.items() if name != "seed"}
        groups.setdefault(tuple(options.values()), Group(options, [])).trials.append(trial)
    return list(groups.values())


def best_group(groups: Sequence[Group]) -> Group | None:
    """Return the group of the lowest average validation loss, of those that diverged least."""
    finished = [group for group in groups if group.finished]

    def rank(group: Group) -> tuple[int, float]:
        return len(group.trials) - len(group.finished), group.mean("valid_loss")

    return min(finished, key=rank, default=None)


def compare(groups: Sequence[Group], best: Group) -> list[Comparison | None]:
    """Compare every group with the best one; None for itself.

    The best was chosen by the very numbers that are tested, so every pair of groups counts as a
    comparison, and Holm's correction is over all of them.
    """
    differences = {
        pair: _differences(groups[pair[0]], groups[pair[1]])
        for pair in combinations(range(len(groups)), 2)
    }
    tested = [pair for pair, values in differences.items() if len(values) >= LEAST_PAIRS]
    corrected = holm([paired_probability(differences[pair]) for pair in tested])
    probabilities = dict(zip(tested, corrected, strict=True))
    place = next(index for index, group in enumerate(groups) if group is best)
    found: list[Comparison | None] = []
    for index, group in enumerate(groups):
        pair = (min(index, place), max(index, place))
        values = _differences(group, best)
        found.append(
            Comparison(
                pairs=len(values),
                mean=fmean(values) if values else math.nan,
                deviation=stdev(values) if len(values) > 1 else math.nan,
                probability=probabilities.get(pair, math.nan),
            )
            if index != place
            else None
        )
    return found


def _differences(one: Group, other: Group) -> list[float]:
    """Return the differences of the validation losses of the trials that share a seed."""
    losses = {trial.config.seed: trial.stop.valid_loss for trial in other.finished}
    return [
        trial.stop.valid_loss - losses[trial.config.seed]
        for trial in one.finished
        if trial.config.seed in losses
    ]

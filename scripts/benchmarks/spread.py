"""Repeated measurements: their middle and range, their ratios, and what noise leaves of those."""

import math
import statistics
from collections.abc import Sequence
from typing import Any, NamedTuple


class Spread(NamedTuple):
    """Middle and range of repeated measurements."""

    median: float
    low: float
    high: float


class Ratio(NamedTuple):
    """How two contestants compare.

    Attributes
    ----------
    best : float
        The least measurement of one against the least of the other.
    rounds : Spread
        Of the ratios of every round.
    noise : float
        The larger of both contestants' `noise`.
    """

    best: float
    rounds: Spread
    noise: float = 0.0

    @property
    def told(self) -> bool:
        """Whether it can be told from 1.

        Both the best rounds and the median must say so, on the same side, by more than `noise`.
        """
        best, middle = math.log(self.best), math.log(self.rounds.median)
        return best * middle > 0 and min(abs(best), abs(middle)) > math.log1p(self.noise)

    def record(self) -> dict[str, Any]:
        """Return what JSON says of it."""
        parts = {"best": self.best, **self.rounds._asdict(), "noise": self.noise}
        return parts | {"told_from_1": self.told}


def spread(values: Sequence[float]) -> Spread:
    """Return median, least and largest value."""
    return Spread(statistics.median(values), min(values), max(values))


def milliseconds(seconds: Sequence[float]) -> Spread:
    """Return the spread of seconds, in milliseconds."""
    return spread([1000 * one for one in seconds])


def noise(values: Sequence[float]) -> float:
    """Return by which part of the best round the slowest quarter of them is longer, at least.

    What disturbs a measurement adds to it, so the best round is the least disturbed. Where three
    quarters of the rounds come near it, it is no accident; where they do not, a difference of that
    size may be one. A single round tells nothing: infinity.
    """
    if len(values) < 2:
        return math.inf
    return statistics.quantiles(values, n=4, method="inclusive")[2] / min(values) - 1


def ratios(numerator: Sequence[float], denominator: Sequence[float]) -> Spread:
    """Divide round by round and return the spread: what slows a whole round cancels out."""
    return spread([a / b for a, b in zip(numerator, denominator, strict=True)])


def compare(numerator: Sequence[float], denominator: Sequence[float]) -> Ratio:
    """Divide the best rounds, and round by round."""
    return Ratio(
        min(numerator) / min(denominator),
        ratios(numerator, denominator),
        max(noise(numerator), noise(denominator)),
    )


def least_of(measured: Sequence[Sequence[float]]) -> list[float]:
    """Return in every round the least of several contestants' measurements."""
    return [min(values) for values in zip(*measured, strict=True)]

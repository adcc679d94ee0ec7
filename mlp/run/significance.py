"""Noise or effect: whether runs that differ in an option and in their seeds can be told apart."""

import math
from collections.abc import Sequence
from statistics import fmean, stdev

LEAST_PAIRS = 3  # fewer say next to nothing of their own spread
LEVEL = 0.05  # of being wrong once in all comparisons where there is no difference at all


def paired_probability(differences: Sequence[float]) -> float:
    """Return how likely a mean so far from 0 is by chance: the paired t test, two-sided.

    ``t = mean / (s / sqrt(n))`` with n - 1 degrees of freedom, where s is the standard deviation
    of the differences of runs that share a seed (Student, The probable error of a mean, 1908). It
    takes the differences for normally distributed.

    Parameters
    ----------
    differences : sequence of float
        At least two.
    """
    mean, spread = fmean(differences), stdev(differences)
    if spread == 0:
        return 1.0 if mean == 0 else 0.0
    t = abs(mean) / (spread / math.sqrt(len(differences)))
    return 1 - student_within(t, len(differences) - 1)


def student_within(t: float, freedom: int) -> float:
    """Return the probability that Student's variable lies in [-t, t], t >= 0.

    The finite sums for whole degrees of freedom (Abramowitz and Stegun, 26.7.3 and 26.7.4).
    """
    angle = math.atan(t / math.sqrt(freedom))
    cosine, sine = math.cos(angle), math.sin(angle)
    odd = freedom % 2
    term, total = (cosine if odd else 1.0), 0.0
    for power in range(2 + odd, freedom + 1, 2):
        total += term
        term *= cosine * cosine * (power - 1) / power
    return (angle + sine * total) * 2 / math.pi if odd else sine * total


def holm(probabilities: Sequence[float]) -> list[float]:
    """Correct the probabilities of several tests, so that all of them together keep the level.

    The smallest is multiplied by their number, the next by one less, and none falls below one
    before it (Holm, A simple sequentially rejective multiple test procedure, 1979).
    """
    order = sorted(range(len(probabilities)), key=probabilities.__getitem__)
    corrected, least = [0.0] * len(order), 0.0
    for place, index in enumerate(order):
        least = max(least, min(1.0, (len(order) - place) * probabilities[index]))
        corrected[index] = least
    return corrected

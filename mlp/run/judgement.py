"""What a network says of the test rows: confusion, precision and recall, calibration, mistakes."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, TypeAlias

import numpy as np

from ..datasets import Dataset
from ..functional import softmax
from ..model import Parameters, forward, rows_at_once

_SLICE = 1000  # rows in memory at once
_BINS = 10  # of the reliability diagram

# Rows by (true class, class said): many classes need no square table.
Counts: TypeAlias = Counter[tuple[int, int]]


class ClassScores(NamedTuple):
    """One class against all others; a quotient is None where its denominator is 0.

    Recall is the share of the class' rows that are found; precision the share of the answers with
    this class that are right; F1 their harmonic mean, ``2 right / (rows + answers)`` (van
    Rijsbergen, Information Retrieval, 1979, with equal weights).
    """

    rows: int
    answers: int
    right: int

    @property
    def recall(self) -> float | None:
        """Share of the class' rows that are recognised."""
        return self.right / self.rows if self.rows else None

    @property
    def precision(self) -> float | None:
        """Share of the answers with this class that are right."""
        return self.right / self.answers if self.answers else None

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall."""
        both = self.rows + self.answers
        return 2 * self.right / both if both else None


class Bin(NamedTuple):
    """The rows whose answer got a probability in ``(low, high]``."""

    low: float
    high: float
    rows: int
    sure: float  # average probability of the answers
    right: float  # share of the answers that are right


@dataclass(frozen=True)
class Judgement:
    """The answers to the test rows.

    Attributes
    ----------
    true, said : (N,) int
        Class of a row, and the class of its largest logit.
    sure, given : (N,) float
        Probability of the class that was said, and of the true one.
    n_classes : int
    """

    true: np.ndarray
    said: np.ndarray
    sure: np.ndarray
    given: np.ndarray
    n_classes: int

    @cached_property
    def counts(self) -> Counts:
        """How often each class was taken for each."""
        return Counter(zip(self.true.tolist(), self.said.tolist(), strict=True))

    @cached_property
    def classes(self) -> list[ClassScores]:
        """The scores of every class."""
        rows, answers, right = (
            np.bincount(labels, minlength=self.n_classes).tolist()
            for labels in (self.true, self.said, self.true[self.true == self.said])
        )
        return [ClassScores(*one) for one in zip(rows, answers, right, strict=True)]

    @property
    def right(self) -> int:
        """Number of rows that are recognised."""
        return int(np.count_nonzero(self.true == self.said))

    @property
    def balanced_accuracy(self) -> float:
        """Average recall of the classes that have rows: always saying one of K gives 1 / K.

        Brodersen et al., The balanced accuracy and its posterior distribution, ICPR 2010.
        """
        recalls = [one.recall for one in self.classes if one.recall is not None]
        return sum(recalls) / len(recalls)

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of the accuracy: it holds near 100 % and for few rows, too."""
        p, z2 = self.right / len(self.true), 1.96**2 / len(self.true)
        middle, half = p + z2 / 2, (z2 * (p * (1 - p) + z2 / 4)) ** 0.5
        return (middle - half) / (1 + z2), (middle + half) / (1 + z2)

    @cached_property
    def bins(self) -> list[Bin]:
        """The bins that hold rows, of ten equal ones."""
        which = np.clip(np.ceil(self.sure * _BINS) - 1, 0, _BINS - 1).astype(int)
        found = []
        for index in np.unique(which).tolist():
            here = which == index
            right = float((self.true == self.said)[here].mean())
            sure = float(self.sure[here].mean(dtype=float))
            edges = index / _BINS, (index + 1) / _BINS
            found.append(Bin(*edges, int(here.sum()), sure, right))
        return found

    @property
    def calibration_error(self) -> float:
        """Expected calibration error: the bins' average ``|right - sure|``, weighted by rows.

        Naeini et al., Obtaining well calibrated probabilities using Bayesian binning, AAAI 2015.
        """
        total = sum(one.rows * abs(one.right - one.sure) for one in self.bins)
        return total / len(self.true)

    @cached_property
    def mistakes(self) -> list[int]:
        """The rows that were taken for another class, the surest first."""
        missed = np.flatnonzero(self.said != self.true)
        order = np.argsort(-self.sure[missed], kind="stable")
        return [int(row) for row in missed[order]]

    def examples(self, pairs: int, rows: int) -> dict[tuple[int, int], list[int]]:
        """Return the surest mistakes of the most frequent pairs of true class and class said."""
        frequent = [pair for pair, _ in self.counts.most_common() if pair[0] != pair[1]]
        found: dict[tuple[int, int], list[int]] = {pair: [] for pair in frequent[:pairs]}
        for row in self.mistakes:
            shown = found.get((int(self.true[row]), int(self.said[row])))
            if shown is not None and len(shown) < rows:
                shown.append(row)
        return found


def judge(dataset: Dataset, parameters: Parameters) -> Judgement | None:
    """Ask the network, NumPy arrays, about the test rows; None where there are none."""
    if dataset.test is None or not len(dataset.test.labels):
        return None
    parts = []
    at_once = rows_at_once(parameters, _SLICE)
    for start in range(0, len(dataset.test.labels), at_once):
        features, labels, _ = dataset.test.take(slice(start, start + at_once))
        x = dataset.preparation.input(features, parameters[0].weight.dtype)
        logits, _ = forward(parameters, x)
        # Of the logits, as accuracy is counted: probabilities can be equal at 1.
        true, said = labels.astype(int), logits.argmax(axis=1)
        probabilities, rows = softmax(logits), np.arange(len(labels))
        parts.append((true, said, probabilities[rows, said], probabilities[rows, true]))
    true, said, sure, given = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Judgement(true, said, sure, given, dataset.n_classes)

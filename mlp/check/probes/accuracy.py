"""Accuracy, and one-hot rows."""

import itertools
from typing import Any

import numpy as np

from ..reference import Array, Problem, close, one_hot, problem
from ..subject import Subject, arrays, numbers
from ..verdict import Example, Judgement
from . import net
from .loss import SLOW
from .verdicts import hopeless, raised, right, unchecked, wrong
from .views import View, are_clear, is_swapped, views

_ROWS = 12
ROUNDED = 0.006  # of the whole: some round to two digits


def judge_accuracy(subject: Subject, layout: str | None) -> Judgement:
    """Judge the share of rows whose largest prediction is at the label."""
    names = subject.names
    if len(names) != 2:
        return net.judge(subject, lambda rows: rows.correct / rows.n, numbers)
    for n in (_ROWS, *subject.constants):
        if subject.seconds > SLOW:
            break
        tests = [_rows(seed, n) for seed in (0, 1)]
        candidates = [
            (view, [view.arguments(rows) for rows in tests])
            for view in views(names, layout, n != _ROWS)
        ]
        for view, calls in candidates:
            results = [subject.call(*c, rows=r).value for c, r in zip(calls, tests, strict=True)]
            for unit, note in ((1.0 / n, None), (100.0 / n, "in percent"), (1.0, "a count")):
                expected = [rows.correct * unit for rows in tests]
                if all(
                    any(abs(v - e) <= ROUNDED * n * unit for v in numbers(value))
                    for value, e in zip(results, expected, strict=True)
                ):
                    return right(subject, [*view.notes, *([note] if note else [])])
        if note := _classes(subject, tests):
            return right(subject, [note])
    return _mistake(subject)


def _rows(seed: int, n: int) -> Problem:
    """Return rows; their shares of right predictions differ by seed, against coincidence."""
    rows = problem(seed, n)
    labels = np.argmax(rows.logits, axis=1)
    wrong_ones = np.arange(n) % 3 == 0 if seed else np.arange(n) % 5 == 0
    return Problem(rows.logits, np.where(wrong_ones, (labels + 1) % rows.k, labels))


def _classes(subject: Subject, tests: list[Problem]) -> str | None:
    """Try class numbers as predictions."""
    for swapped, one_hot_targets in itertools.product((False, True), repeat=2):
        fits = []
        for rows in tests:
            pair = [rows.y if one_hot_targets else rows.labels, np.argmax(rows.logits, axis=1)]
            outcome = subject.call(*(pair[::-1] if swapped else pair), rows=rows)
            share = rows.correct / rows.n
            near = (
                abs(v - s * share) <= ROUNDED * s for v in numbers(outcome.value) for s in (1, 100)
            )
            fits.append(any(near))
        if all(fits):
            return "takes class numbers"
    return None


def _mistake(subject: Subject) -> Judgement:
    """Judge what is the share of right rows in no form."""
    names = subject.names
    view = View("one-hot", "probabilities", not is_swapped(names))
    if reason := hopeless(subject, are_clear(names), view.arguments(_small()[0])):
        return reason
    for rows in (*_small(), _rows(0, _ROWS)):
        arguments = view.arguments(rows)
        outcome = subject.call(*arguments, rows=rows)
        if outcome.error:
            continue
        expected = rows.correct / rows.n
        values = list(numbers(outcome.value))
        if not values:
            return unchecked("its results are of no known kind")
        if all(min(abs(v - expected), abs(v - 100 * expected)) > ROUNDED for v in values):
            return wrong("accuracy", Example(arguments, outcome.value, expected))
    if subject.call(*view.arguments(_rows(0, _ROWS))).error:
        return raised(subject, view.arguments(_small()[0]))
    return unchecked("its results are of no known kind")


def _small() -> list[Problem]:
    three = np.log(np.array([[0.5, 0.25, 0.25], [0.25, 0.25, 0.5], [0.25, 0.5, 0.25]]))
    two = np.log(np.array([[0.75, 0.25], [0.75, 0.25]]))
    return [Problem(two, np.array([0, 1])), Problem(three, np.array([0, 1, 1]))]


def judge_one_hot(subject: Subject) -> Judgement:
    """Judge rows with a 1 at the label."""
    count, k = len(subject.function.required), 10
    rng = np.random.default_rng(0)
    several = [np.append(rng.integers(0, k, n), k - 1) for n in (11, 8, 5)]
    labels = several[0]
    calls: list[tuple[list[Any], list[Array], list[str]]] = [(several[:count], several[:count], [])]
    if count == 2:
        calls = [([labels, k], [labels], []), ([k, labels], [labels], []), *calls]
    elif count == 1:
        calls.append(([labels[:, None]], [labels], ["labels in a column"]))
    for arguments, sets, notes in calls:
        outcome = subject.call(*arguments, rows=problem(0))
        found = list(arrays(outcome.value))
        for turned in (False, True):
            expected = [one_hot(one, k) for one in sets]
            expected = [e.T for e in expected] if turned else expected
            if all(any(close(a, e) for a in found) for e in expected):
                return right(subject, [*notes, *(["classes along the rows"] if turned else [])])
    if reason := hopeless(subject, plain=count == 1):
        return reason
    example_labels = np.array([0, 2, 1])
    for given in (example_labels, labels):
        outcome = subject.call(given)
        for array in arrays(outcome.value):
            if array.ndim == 2 and array.shape[0] == len(given) and array.shape[1] in (3, k):
                expected_rows = one_hot(given, array.shape[1])
                if not close(array, expected_rows):
                    return wrong("one-hot", Example([given], outcome.value, expected_rows))
    return unchecked("its results are of no known kind")

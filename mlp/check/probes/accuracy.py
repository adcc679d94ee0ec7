"""Accuracy, and one-hot rows."""

import itertools
from functools import partial
from typing import Any

import numpy as np

from ..reference import ROWS, Array, Problem, close, one_hot, problem
from ..subject import Subject, arrays, numbers
from ..usage import Made
from ..verdict import Example, Judgement, Way
from . import net
from .verdicts import NO_KIND, hopeless, raised, right, unchecked, wrong
from .views import View, are_clear, is_swapped, views

ROUNDED = 0.006  # of the whole: some round to two digits


def judge_accuracy(subject: Subject) -> Judgement:
    """Judge the share of rows whose largest prediction is at the label."""
    names = subject.names
    if len(names) != 2:
        return net.judge(subject, lambda rows: rows.correct / rows.n)
    for n in subject.rows():
        for view in views(names, subject.setting.rows, n != ROWS):
            if are_clear(names) and view.reversed(names):
                continue  # which would take class numbers for the target
            for unit, note in ((1.0 / n, None), (100.0 / n, "in percent"), (1.0, "a count")):
                if _fits(subject, view, n, unit):
                    view, ways = view.settled(partial(_fits, subject, n=n, unit=unit))
                    return right(subject, [*view.notes, *([note] if note else [])], ways)
        if _takes_classes(subject, n):
            return _classes(subject)
    return _mistake(subject)


def _fits(subject: Subject, view: View, n: int, unit: float) -> bool:
    """Whether it gives the number of right rows times a unit, for both sets of rows."""
    tests = [_rows(seed, n) for seed in (0, 1)]
    results = [subject.call(*view.arguments(rows), rows=rows).value for rows in tests]
    return all(
        any(abs(v - rows.correct * unit) <= ROUNDED * n * unit for v in numbers(value))
        for value, rows in zip(results, tests, strict=True)
    )


def _rows(seed: int, n: int) -> Problem:
    """Return rows; their shares of right predictions differ by seed, against coincidence."""
    rows = problem(seed, n)
    labels = np.argmax(rows.logits, axis=1)
    wrong_ones = np.arange(n) % 3 == 0 if seed else np.arange(n) % 5 == 0
    return Problem(rows.logits, np.where(wrong_ones, (labels + 1) % rows.k, labels))


def _takes_classes(subject: Subject, n: int) -> bool:
    """Whether it is right for class numbers as predictions."""
    forms = itertools.product(("class numbers", "one-hot"), (True, False), (1 / n, 100 / n))
    return any(
        _fits(subject, View(target, "class numbers", first), n, unit)
        for target, first, unit in forms
    )


def _classes(subject: Subject) -> Judgement:
    """Judge what is right for class numbers by what it is called with."""
    if subject.setting.given(Made.PROBABILITIES, Made.LOGITS):
        return _mistake(subject)
    if all(Made.CLASSES in call for call in subject.setting.calls):
        return right(subject, ["takes class numbers"])
    return unchecked("it is right for class numbers; what it is called with is not clear")


def _mistake(subject: Subject) -> Judgement:
    """Judge what is the share of right rows in no form."""
    names = subject.names
    view = View("one-hot", "probabilities", not is_swapped(names))
    if reason := hopeless(subject, are_clear(names), view.arguments(_small()[0])):
        return reason
    for rows in (*_small(), _rows(0, ROWS)):
        arguments = view.arguments(rows)
        outcome = subject.call(*arguments, rows=rows)
        if outcome.error:
            continue
        expected = rows.correct / rows.n
        values = list(numbers(outcome.value))
        if not values:
            return unchecked(NO_KIND)
        if all(min(abs(v - expected), abs(v - 100 * expected)) > ROUNDED for v in values):
            return wrong("accuracy", Example(arguments, outcome.value, expected))
    if subject.call(*view.arguments(_rows(0, ROWS))).error:
        return raised(subject, view.arguments(_small()[0]))
    return unchecked(NO_KIND)


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
                told = [*notes, *(["classes along the rows"] if turned else [])]
                return right(subject, told, {Way.TARGETS: not turned})
    if reason := hopeless(subject, plain=count <= 2):
        return reason
    small = np.array([0, 2, 1])
    # The number of classes may be the second argument.
    tries: list[list[Any]] = [[small], [labels]] if count == 1 else [[small, 3], [labels, k]]
    for arguments in tries if count <= 2 else ():
        outcome = subject.call(*arguments)
        for array in arrays(outcome.value):
            if array.ndim == 2 and array.shape[0] == len(arguments[0]) and array.shape[1] in (3, k):
                expected_rows = one_hot(arguments[0], array.shape[1])
                if not close(array, expected_rows):
                    return wrong("one-hot", Example(arguments, outcome.value, expected_rows))
    return unchecked(NO_KIND)

"""The average cross-entropy: its factor, its terms, and a probability of 0."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..kinds import words
from ..reference import Problem, close, problem, small_problems
from ..subject import Subject, arrays, numbers
from ..verdict import Example, Judgement
from . import net
from .verdicts import fragile, hopeless, raised, right, unchecked, wrong
from .views import View, are_clear, is_swapped, views

_ROWS = 12


def judge_loss(subject: Subject, layout: str | None, negated: bool, divided: bool) -> Judgement:
    """Judge the average of -log p[label].

    Parameters
    ----------
    layout : str or None
        Where softmax has its classes.
    negated, divided : bool
        Calls of it are written ``-f(...)`` or ``f(...) / n``.
    """
    names = subject.function.required
    if len(names) != 2:
        return net.judge(subject, lambda rows: float(np.mean(rows.losses)), numbers)
    first: list[tuple[View, str]] = []  # what it is a multiple of, in the forms that fit
    for n in (_ROWS, *subject.constants):
        tests = [problem(seed, n) for seed in (0, 1)]
        for view in views(names, layout):
            results = [subject.call(*view.arguments(rows), rows=rows).value for rows in tests]
            found = _factor(results, tests)
            if found == "mean":
                notes = [*view.notes, *([f"always divides by {n}"] if n != _ROWS else [])]
                return _at_zero(subject, view, notes)
            if found == "each":
                return right(subject, [*view.notes, "one loss a row"])
            if found and n == _ROWS:
                first.append((view, found))
            if n == _ROWS and _is_trace(results, tests):
                first.append((view, "cross terms"))
    if first:
        return _wrong_factor(subject, *first[0], negated=negated, divided=divided)
    return _mistake(subject)


def _factor(results: list[Any], tests: list[Problem]) -> str | None:
    """Name what the true sum of losses is multiplied by, the same in all tests."""
    named: set[str] = set()
    for number, (value, rows) in enumerate(zip(results, tests, strict=True)):
        total, n, k = float(np.sum(rows.losses)), rows.n, rows.k
        each = rows.losses
        if any(close(a, e) for a in arrays(value) for e in (each, each[:, None], each[None])):
            here = {"each"}
        else:
            factors = {"mean": 1 / n, "sum": 1.0, "over classes": 1 / (n * k), "one class": 1 / k}
            signed = {**factors, **{f"minus {name}": -f for name, f in factors.items()}}
            here = {
                name
                for name, f in signed.items()
                if any(abs(v - f * total) <= 3e-4 * abs(f * total) for v in numbers(value))
            }
        named = here if number == 0 else named & here
    return min(named, key=len) if named else None


def _is_trace(results: list[Any], tests: list[Problem]) -> bool:
    """Whether every target is multiplied with every prediction."""
    for value, rows in zip(results, tests, strict=True):
        total = float(np.sum(rows.y @ np.log(rows.p).T))
        if not any(
            abs(abs(v) - abs(total) / d) < 1e-3 * abs(total) / d
            for v in numbers(value)
            for d in (1, rows.n)
        ):
            return False
    return True


def _cases(view: View) -> Iterable[tuple[Problem, list[Any]]]:
    for rows in (*small_problems(), problem(0)):
        yield rows, view.arguments(rows)


def _example(subject: Subject, view: View) -> Example | None:
    """Return the smallest call that gives something else than the average."""
    for rows, arguments in _cases(view):
        outcome = subject.call(*arguments, rows=rows)
        expected = float(np.mean(rows.losses))
        if outcome.error is None and not any(
            abs(v - expected) <= 3e-4 * abs(expected) for v in numbers(outcome.value)
        ):
            return Example(arguments, outcome.value, expected)
    return None


def _wrong_factor(
    subject: Subject, view: View, factor: str, *, negated: bool, divided: bool
) -> Judgement:
    """Judge a loss that is a multiple of the right one."""
    if negated and factor.startswith("minus "):
        factor = factor.removeprefix("minus ")
        if factor == "mean":
            return right(subject, [*view.notes, "the caller negates it"])
    averages = bool({"average", "avg", "avrage", "mean", "avarage"} & set(words(subject.function.short)))
    averages |= words(subject.function.short)[0].startswith(("average", "avg", "mean"))
    if factor == "sum" and (divided or not averages):
        return right(subject, [*view.notes, "a sum"])
    if subject.guesses:
        return unchecked(f"it depends on {', '.join(sorted(subject.guesses))}")
    return wrong(f"loss {factor}", _example(subject, view), "10" if factor == "over classes" else "")


def _at_zero(subject: Subject, view: View, notes: list[str]) -> Judgement:
    """Judge what a probability of exactly 0 does to a loss that is right otherwise."""
    for label in (0, 1):  # certain and right, then certain and wrong
        for k in (2, 3, 10):
            rows = Problem(np.eye(k)[:1] * 800, np.array([label]))
            arguments = view.arguments(rows)
            outcome = subject.call(*arguments, rows=rows)
            values = list(numbers(outcome.value))
            if outcome.error or not values:
                continue
            if not np.isfinite(values).any() and not subject.touched:
                expected = "a finite number" if label else 0.0
                return fragile("log of zero", Example(arguments, outcome.value, expected), notes)
            break
    return right(subject, notes)


def _mistake(subject: Subject) -> Judgement:
    """Judge a loss that is no multiple of the right one in any form."""
    names = subject.function.required
    clear = are_clear(names)
    if reason := hopeless(subject, plain=clear):
        return reason
    view = View("one-hot", "probabilities", not is_swapped(names))
    small = small_problems()[-1]
    outcome = subject.call(*view.arguments(small), rows=small)
    if outcome.error:
        other = subject.call(*view.arguments(problem(0)), rows=problem(0))
        if other.error is None:
            outcome = other
        else:
            return raised(subject, view.arguments(small))
    if outcome.value is None:
        return wrong("returns nothing", Example(view.arguments(small), None, float(np.mean(small.losses))))
    values = list(numbers(outcome.value))
    if not values:
        return unchecked("its results are of no known kind")
    example = _example(subject, view)
    return wrong("loss", example) if example else unchecked("its results are of no known kind")

"""The average cross-entropy: its factor, its terms, and a probability of 0."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..kinds import words
from ..reference import ROWS, Problem, close, problem, small_problems
from ..subject import Subject, arrays, numbers
from ..verdict import Example, Judgement, Way
from . import net
from .scaling import Scaling, scaling
from .verdicts import NO_KIND, fragile, hopeless, raised, right, unchecked, wrong
from .views import View, are_clear, is_swapped, results_of, row_results, takes_matrices, views

NEAR = 5e-3  # relative: some add 1e-4 inside the logarithm
_EACH = "one a row"
_BASES = {
    "": 1.0,
    "logarithms to base 2": 1 / np.log(2),
    "logarithms to base 10": 1 / np.log(10),
}


def judge_loss(subject: Subject) -> Judgement:
    """Judge the average of -log p[label]."""
    names = subject.names
    if len(names) != 2:
        return net.judge(subject, lambda rows: float(np.mean(rows.losses)))
    others: list[tuple[View, Scaling]] = []  # what it is a multiple of, in the forms that fit
    mixed: View | None = None
    for n in subject.rows():
        for view in views(names, subject.setting.rows, n != ROWS):
            found = _scaling(subject, view, n)
            if found and (found.form == _EACH or _base(found) is not None):
                return _accepted(subject, view, n, found)
            if found:
                others.append((view, found))
            if n == ROWS and mixed is None and _is_trace(subject, view):
                mixed = view
    others.sort(key=lambda pair: not _is_known(pair[1]))
    if others and _is_known(others[0][1]):
        return _of_scaling(subject, *others[0])
    if mixed and not subject.doubtful:
        return wrong("loss cross terms", _example(subject, mixed))
    if (subject.setting.by_row or not takes_matrices(subject, names)) and _one_row(subject, names):
        return right(subject, ["takes one row at a time"])
    if others:
        return _of_scaling(subject, *others[0])
    return _mistake(subject)


def _accepted(subject: Subject, view: View, n: int, found: Scaling) -> Judgement:
    """Judge what is right in a form, but for the order of its arguments and for large logits."""
    if reason := _reversed(subject, view):
        return reason
    view, ways = _settled(subject, view, n)
    notes = [*view.notes, *view.reversed(subject.names)]
    if found.form == _EACH:
        return right(subject, [*notes, "one loss a row"], ways)
    base = _base(found)
    notes += [base] if base else found.notes
    return _at_zero(subject, view, notes, ways)


def _settled(subject: Subject, view: View, n: int) -> tuple[View, dict[Way, bool]]:
    def measure(other: View) -> tuple[str, str] | None:
        found = _scaling(subject, other, n)
        return (found.form, f"{found.number:.2g}") if found else None

    return view.settled(measure)


def _reversed(subject: Subject, view: View) -> Judgement | None:
    """Judge a loss whose parameters' names say the other order, unless its calls have this one."""
    orders = subject.setting.orders
    if not view.reversed(subject.names) or view.target_first in orders or subject.doubtful:
        return None
    if None in orders:
        return unchecked("which argument of its calls is the target is not clear")
    return wrong(
        "loss reversed", _example(subject, replace(view, target_first=not view.target_first))
    )


def _scaling(subject: Subject, view: View, n: int) -> Scaling | None:
    """Find what the true sum of losses is multiplied by, the same in all tests."""
    results, tests = results_of(subject, view, n)
    if all(
        any(close(a, e) for a in arrays(value) for e in (each, each[:, None], each[None]))
        for value, each in zip(results, (rows.losses for rows in tests), strict=True)
    ):
        return Scaling(_EACH, 1.0)
    found = scaling(lambda n, k: _number(*results_of(subject, view, n, k)), n, NEAR)
    if found is None or found.form == "twice":
        return None
    return found if _is_known(found) or found.form in ("sum", "average") else None


def _is_known(found: Scaling) -> bool:
    """Whether it has no number of its own."""
    return abs(abs(found.number) - 1) < NEAR


def _base(found: Scaling) -> str | None:
    """Return the base of the logarithms of an average; nothing for the natural one."""
    if found.form != "average":
        return None
    return next((name for name, f in _BASES.items() if abs(found.number / f - 1) < NEAR), None)


def _number(results: list[Any], tests: list[Problem]) -> float | None:
    """Return what the true sum is multiplied by in all tests, whatever it is."""
    ones, others = (
        [v / float(np.sum(rows.losses)) for v in numbers(value) if np.isfinite(v) and v]
        for value, rows in zip(results, tests, strict=True)
    )
    return next((f for f in ones for g in others if abs(f / g - 1) < NEAR), None)


def _is_trace(subject: Subject, view: View) -> bool:
    """Whether every target is multiplied with every prediction."""
    for value, rows in zip(*results_of(subject, view, ROWS), strict=True):
        total = float(np.sum(rows.y @ np.log(rows.p).T))
        if not any(
            abs(abs(v) - abs(total) / d) < 1e-3 * abs(total) / d
            for v in numbers(value)
            for d in (1, rows.n)
        ):
            return False
    return True


def _example(subject: Subject, view: View) -> Example | None:
    """Return the smallest call that gives something else than the average."""
    for rows in (*small_problems(), problem(0)):
        arguments = view.arguments(rows)
        outcome = subject.call(*arguments, rows=rows)
        expected = float(np.mean(rows.losses))
        if outcome.error is None and not any(
            abs(v - expected) <= NEAR * abs(expected) for v in numbers(outcome.value)
        ):
            return Example(arguments, outcome.value, expected)
    return None


def _of_scaling(subject: Subject, view: View, found: Scaling) -> Judgement:
    """Judge a loss that is a multiple of the right one, and not the average itself."""
    around = subject.setting.around
    negative = (found.number < 0) != around.negated
    if found.form == "sum" and not negative:
        view, _ = _settled(subject, view, ROWS)
        notes = found._replace(number=abs(found.number)).notes
        averaged = re.match("average|avg|avrage|mean", "".join(words(subject.function.short)))
        told = averaged and not around.divided and notes == ["a sum"]
        return right(subject, [*view.notes, *notes, *(["called an average"] * bool(told))])
    if found.form == "average" and _is_known(found) and not negative:
        return right(subject, [*view.notes, "the caller negates it"])
    if subject.doubtful:
        return unchecked(subject.doubtful)
    if not _is_known(found):
        return wrong("loss multiple", _example(subject, view), f"{found.number:.3g}")
    if found.form in ("sum", "average"):
        return wrong("loss negative", _example(subject, view))
    detail = "negative, and " if negative else ""
    return wrong(f"loss {found.form}", _example(subject, view), detail)


def _at_zero(subject: Subject, view: View, notes: list[str], ways: dict[Way, bool]) -> Judgement:
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
                return fragile(
                    "log of zero", Example(arguments, outcome.value, expected), notes, ways
                )
            break
    return right(subject, notes, ways)


def _one_row(subject: Subject, names: Sequence[str]) -> bool:
    """Whether it gives the loss of one row."""
    return any(
        all(
            any(abs(v - loss) <= NEAR * loss for v in numbers(value))
            for value, loss in zip(results, problem(0).losses, strict=False)
        )
        for results in row_results(subject, names)
    )


def _mistake(subject: Subject) -> Judgement:
    """Judge a loss that is no multiple of the right one in any form."""
    names = subject.names
    named = set(words(subject.function.short)) & {"ce", "cross", "entropy", "crossentropy"}
    joined = "".join(words(subject.function.short))
    clear = are_clear(names) and bool(named or joined.endswith("ce"))
    view = View("one-hot", "probabilities", not is_swapped(names))
    small = small_problems()[-1]
    if reason := hopeless(subject, clear, view.arguments(small)):
        return reason
    outcome = subject.call(*view.arguments(small), rows=small)
    if outcome.error:
        other = subject.call(*view.arguments(problem(0)), rows=problem(0))
        if other.error is None:
            outcome = other
        else:
            return raised(subject, view.arguments(small))
    if outcome.value is None:
        return wrong(
            "returns nothing", Example(view.arguments(small), None, float(np.mean(small.losses)))
        )
    if not list(numbers(outcome.value)):
        if clear and _number(*_of_classes(subject, view)) is not None:
            return wrong("loss of classes", _example(subject, view))
        return unchecked(NO_KIND)
    example = _example(subject, view)
    return wrong("loss", example) if example else unchecked(NO_KIND)


def _of_classes(subject: Subject, view: View) -> tuple[list[Any], list[Problem]]:
    """Return the sums of results that hold one number for each class."""
    results, tests = results_of(subject, view, ROWS)
    k = tests[0].k
    return [[float(a.sum()) for a in arrays(r) if a.size == k] for r in results], tests

"""The average cross-entropy: its factor, its terms, and a probability of 0."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from ..kinds import words
from ..reference import CLASSES, ROWS, Problem, close, problem, small_problems
from ..subject import Subject, arrays, numbers
from ..usage import Wrapped
from ..verdict import Example, Judgement, Way
from . import net
from .scaling import scaling
from .verdicts import NO_KIND, fragile, hopeless, raised, right, unchecked, wrong
from .views import View, are_clear, is_swapped, views

SLOW = 1.5  # seconds of trying, after which large numbers of rows are not tried
NEAR = 5e-3  # relative: some add 1e-4 inside the logarithm
_BASES = {
    "": 1.0,
    " (logarithms to base 2)": 1 / np.log(2),
    " (logarithms to base 10)": 1 / np.log(10),
}


def judge_loss(
    subject: Subject, rows: bool | None, around: Wrapped, orders: set[bool | None], by_row: bool
) -> Judgement:
    """Judge the average of -log p[label].

    Parameters
    ----------
    rows : bool or None
        Whether softmax gives one sample a row.
    around : Wrapped
        What is done to its results where it is called.
    orders : set of bool or None
        Whether the target comes first in its calls.
    by_row : bool
        The submission calls it for one row at a time.
    """
    names = subject.names
    if len(names) != 2:
        return net.judge(subject, lambda rows: float(np.mean(rows.losses)))
    first: list[tuple[View, str]] = []  # what it is a multiple of, in the forms that fit
    for n in (ROWS, *subject.constants):
        if subject.seconds > SLOW:
            break
        for view in views(names, rows, n != ROWS):
            found = _factor(subject, view, n)
            if found and (found.startswith("mean") or found == "each"):
                return _accepted(subject, view, n, found, orders)
            if found:
                first.append((view, found))
            if n == ROWS and _is_trace(subject, view):
                first.append((view, "cross terms"))
    if first:
        return _wrong_factor(subject, *first[0], around)
    if (by_row or not takes_matrices(subject, names)) and _one_row(subject, names):
        return right(subject, ["takes one row at a time"])
    for view in views(names, rows):
        if judgement := _multiple(subject, view, around):
            return judgement
    return _mistake(subject)


def _accepted(
    subject: Subject, view: View, n: int, found: str, orders: set[bool | None]
) -> Judgement:
    """Judge what is right in a form, but for the order of its arguments and for large logits."""
    if reason := _reversed(subject, view, orders):
        return reason
    view, ways = view.settled(partial(_factor, subject, n=n))
    notes = [*view.notes, *view.reversed(subject.names)]
    if found == "each":
        return right(subject, [*notes, "one loss a row"], ways)
    notes += [f"always divides by {n}"] if n != ROWS else []
    return _at_zero(subject, view, [*notes, *([found[6:-1]] if found != "mean" else [])], ways)


def _reversed(subject: Subject, view: View, orders: set[bool | None]) -> Judgement | None:
    """Judge a loss whose parameters' names say the other order, unless its calls have this one."""
    if not view.reversed(subject.names) or view.target_first in orders or subject.doubtful:
        return None
    if None in orders:
        return unchecked("which argument of its calls is the target is not clear")
    return wrong(
        "loss reversed", _example(subject, replace(view, target_first=not view.target_first))
    )


def results_of(
    subject: Subject, view: View, n: int, k: int = CLASSES
) -> tuple[list[Any], list[Problem]]:
    """Return the results for two problems, and these."""
    tests = [problem(seed, n, k) for seed in (0, 1)]
    return [subject.call(*view.arguments(rows), rows=rows).value for rows in tests], tests


def _factor(subject: Subject, view: View, n: int) -> str | None:
    """Name what the true sum of losses is multiplied by, the same in all tests."""
    named: set[str] = set()
    for number, (value, rows) in enumerate(zip(*results_of(subject, view, n), strict=True)):
        total, k = float(np.sum(rows.losses)), rows.k
        each = rows.losses
        if any(close(a, e) for a in arrays(value) for e in (each, each[:, None], each[None])):
            here = {"each"}
        else:
            factors = {"mean": 1 / n, "sum": 1.0, "over classes": 1 / (n * k), "one class": 1 / k}
            signed = {**factors, **{f"minus {name}": -f for name, f in factors.items()}}
            signed |= {f"mean{base}": f / n for base, f in _BASES.items()}
            here = {
                name
                for name, f in signed.items()
                if any(abs(v - f * total) <= NEAR * abs(f * total) for v in numbers(value))
            }
        named = here if number == 0 else named & here
    return min(named, key=len) if named else None


def _multiple(subject: Subject, view: View, around: Wrapped) -> Judgement | None:
    """Judge a loss that is the sum or the average times a number of its own."""
    found = scaling(lambda n, k: _number(*results_of(subject, view, n, k)))
    if found is None or found.form not in ("sum", "average"):
        return None
    if subject.doubtful:
        return unchecked(subject.doubtful)
    if found.form == "average":
        return wrong("loss multiple", _example(subject, view), f"{found.number:.3g}")
    if (found.number > 0) != around.negated:
        return right(subject, [*view.notes, *found._replace(number=abs(found.number)).notes])
    return wrong("loss minus mean", _example(subject, view))


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


def _wrong_factor(subject: Subject, view: View, factor: str, around: Wrapped) -> Judgement:
    """Judge a loss that is a multiple of the right one."""
    if around.negated and factor.startswith("minus "):
        factor = factor.removeprefix("minus ")
        if factor == "mean":
            return right(subject, [*view.notes, "the caller negates it"])
    if factor == "sum":
        averaged = re.match("average|avg|avrage|mean", "".join(words(subject.function.short)))
        told = ", though it is called an average" if averaged and not around.divided else ""
        view, _ = view.settled(partial(_factor, subject, n=ROWS))
        return right(subject, [*view.notes, f"a sum{told}"])
    if subject.doubtful:
        return unchecked(subject.doubtful)
    return wrong(f"loss {factor}", _example(subject, view))


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


def takes_matrices(subject: Subject, names: Sequence[str]) -> bool:
    """Whether one-hot rows with predictions in rows or columns give any result."""
    rows = problem(0)
    forms = ("probabilities", "probabilities, transposed")
    calls = [View("one-hot", form, not is_swapped(names)).arguments(rows) for form in forms]
    return any(subject.call(*call, rows=rows).error is None for call in calls)


def row_results(subject: Subject, names: Sequence[str]) -> Iterator[list[Any]]:
    """Call it with three rows of `problem(0)`, each as vectors or with the number of its class."""
    rows = problem(0)
    for predictions in (rows.p, rows.logits):
        for targets in (rows.y, rows.labels.tolist()):
            pairs = [(targets[i], predictions[i]) for i in range(3)]
            calls = [pair[::-1] if is_swapped(names) else pair for pair in pairs]
            yield [subject.call(*call, rows=rows).value for call in calls]


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

"""The gradient of the cross-entropy with respect to the logits: p - y, in some form."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from ..reference import (
    CLASSES,
    ROWS,
    Array,
    Problem,
    close,
    problem,
    scale,
    small_problems,
    softmax,
)
from ..subject import Subject, arrays
from ..verdict import Example, Judgement
from .scaling import scaling
from .verdicts import NO_KIND, hopeless, raised, right, unchecked, wrong
from .views import View, are_clear, is_swapped, results_of, row_results, takes_matrices, views


def judge_gradient(subject: Subject) -> Judgement:
    """Judge dL/do."""
    names = subject.names
    flipped: View | None = None
    scaled: Judgement | None = None  # of what is right up to a factor of its own
    for n in subject.rows():
        if flipped is not None or scaled:
            break
        for view in views(names, subject.setting.rows, n != ROWS):
            factor = _factor(subject, view, n)
            if factor is None:
                continue
            if factor[0] < 0 and not subject.setting.adds:
                flipped = flipped or view
                if are_clear(names):  # in the other order the sign would be right
                    break
                continue
            judgement, is_plain = _of_factor(subject, view, n, *factor)
            if is_plain:
                return judgement
            scaled = scaled or judgement
    if scaled:
        return scaled
    if (subject.setting.by_row or not takes_matrices(subject, names)) and _one_row(subject, names):
        return right(subject, ["takes one row at a time"])
    if flipped is not None and not subject.doubtful:
        return wrong("gradient flipped", _example(subject, flipped))
    return _mistake(subject)


def _of_factor(
    subject: Subject, view: View, n: int, size: float, turned: bool
) -> tuple[Judgement, bool]:
    """Judge a multiple of p - y; return also whether it is the sum or the average itself."""

    def measure(n: int, k: int) -> float | None:
        factor = _factor(subject, view, n, k)
        return abs(factor[0]) if factor else None

    found = scaling(measure, n)
    if found is None:
        return unchecked("it is p - y times a number that nothing explains"), False
    if found.form == "twice":
        return wrong("gradient divided twice", _example(subject, view)), False
    view, ways = view.settled(partial(_factor, subject, n=n))
    notes = [*view.notes, *(["transposes its result"] if turned else []), *found.notes]
    notes += ["target - prediction, and weights are added to"] if size < 0 else []
    return right(subject, notes, ways), found.is_plain or n != ROWS


def _factor(subject: Subject, view: View, n: int, k: int = CLASSES) -> tuple[float, bool] | None:
    """Return what p - y is multiplied by, and whether the result is transposed."""
    results, tests = results_of(subject, view, n, k)
    for turned in (False, True):
        factors = []
        for value, rows in zip(results, tests, strict=True):
            expected = rows.p - rows.y
            expected = expected.T if turned != view.transposed else expected
            factors.append(next((f for a in arrays(value) if (f := scale(a, expected))), None))
        one, two = factors
        if one is not None and two is not None and abs(one / two - 1) < 1e-3:
            return float(f"{one:.4g}"), turned
    return None


def _one_row(subject: Subject, names: Sequence[str]) -> bool:
    """Whether it gives the gradient of one row."""
    expected = problem(0).p - problem(0).y
    return any(
        all(
            any(close(a.ravel(), e) for a in arrays(value))
            for value, e in zip(results, expected, strict=False)
        )
        for results in row_results(subject, names)
    )


def _mistake(subject: Subject) -> Judgement:
    """Judge what is p - y in no form, by the known mistakes first."""
    names = subject.names
    small = View("one-hot", "probabilities", not is_swapped(names)).arguments(small_problems()[-1])
    if reason := hopeless(subject, are_clear(names), small):
        return reason
    rows = problem(0)
    failed: list[Any] | None = None
    for prediction in ("probabilities", "logits"):
        view = View("one-hot", prediction, not is_swapped(names))
        outcome = subject.call(*view.arguments(rows), rows=rows)
        if outcome.error:
            failed = failed or view.arguments(small_problems()[-1])
            continue
        if outcome.value is None:
            return wrong("returns nothing", _example(subject, view))
        for name, expected in _known(rows, view):
            if any(_proportional(a, expected) for a in arrays(outcome.value)):
                if subject.setting.chained and name.startswith("gradient by p"):
                    return unchecked("it is dL/dp, which something else may carry on")
                return wrong(name, _example(subject, view))
    view = View("one-hot", "probabilities", not is_swapped(names))
    outcome = subject.call(*view.arguments(rows), rows=rows)
    if outcome.error:
        return raised(subject, failed or view.arguments(rows))
    found = list(arrays(outcome.value))
    if not found:
        return unchecked(NO_KIND)
    if found[0].size <= rows.k * rows.n:
        return wrong("gradient", _example(subject, view))
    return wrong("gradient shape", _example(subject, view))


def _known(rows: Problem, view: View) -> list[tuple[str, Array]]:
    """Return what the known mistakes give, up to a factor; the most special ones first."""
    given = rows.logits if view.logits else rows.p
    by_p, z = -rows.y / given, softmax(given, None)
    with np.errstate(all="ignore"):
        return [
            ("gradient by p", by_p),
            ("gradient by p, summed over samples", by_p.sum(axis=0)),
            ("gradient by p, summed over classes", by_p.sum(axis=1)),
            ("gradient by p, one number", by_p.sum()),
            ("gradient averaged", (given - rows.y).sum(axis=0)),
            ("gradient averaged", (softmax(given) - rows.y).sum(axis=0)),
            ("gradient of whole softmax", z - rows.y),
            ("gradient by log p", rows.y / np.log(rows.p)),
        ]


def _proportional(got: Array, expected: Array) -> bool:
    expected = np.asarray(expected)
    if got.size != expected.size:
        return False
    for form in (expected, expected.T):
        flat = form.ravel()
        if scale(got.ravel(), flat) is not None or close(got.ravel(), flat):
            return True
    return False


def _example(subject: Subject, view: View) -> Example | None:
    """Return the smallest call whose result is right neither for logits nor for probabilities."""
    for rows in (*small_problems(), problem(0)):
        arguments = view.arguments(rows)
        outcome = subject.call(*arguments, rows=rows)
        if outcome.error:
            continue
        given = rows.logits if view.logits else rows.p
        truths = [(p - rows.y) / rows.n for p in (rows.p, softmax(given))]
        factors = [scale(a, truth) for a in arrays(outcome.value) for truth in truths]
        if any(f and f > 0 and min(abs(f - 1), abs(f - rows.n)) < 1e-3 for f in factors):
            continue
        flat = (close(a.ravel(), t.ravel()) for a in arrays(outcome.value) for t in truths)
        if rows.n > 1 or not any(flat):  # one row does not show that rows are added up
            return Example(arguments, outcome.value, truths[0])
    return None

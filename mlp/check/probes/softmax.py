"""Softmax: which axis the classes lie on, and what large logits do to it."""

from typing import Any

import numpy as np

from ..reference import Array, problem, softmax
from ..subject import Subject
from ..usage import Use
from ..verdict import Example, Judgement, Way
from .verdicts import (
    NO_KIND,
    first_failure,
    fragile,
    hopeless,
    raised,
    right,
    same,
    unchecked,
    wrong,
)

_SMALL = [
    [[0.0, 1.0]],
    [[0.0, 1.0, 2.0]],
    [[0.0, 1.0], [2.0, 0.0]],
    [[0.0, 1.0, 2.0], [2.0, 0.0, 1.0]],
]


def judge_softmax(subject: Subject) -> Judgement:
    """Judge softmax; what is right for one row only is right if it is called so."""
    use = subject.setting.use
    for n in subject.rows():
        inputs = [problem(seed, n).logits for seed in (0, 1)]
        outcomes = [subject.call(x) for x in inputs]
        if not all(outcome.error for outcome in outcomes):
            break
    for axis, notes in ((1, []), (0, ["classes along the rows"])):
        for turned in (False, True):
            expected = [softmax(x, axis) for x in inputs]
            expected = [e.T for e in expected] if turned else expected
            if all(same(o.value, e) for o, e in zip(outcomes, expected, strict=True)):
                extra = ["transposes its result"] if turned else []
                ways = {} if turned else {Way.LAYOUT: axis == 1}
                return _strength(subject, axis, [*notes, *extra], turned, ways)
    row_wise = all(same(subject.call(x[0]).value, softmax(x[0])) for x in inputs)
    column_wise = all(same(subject.call(x[:1].T).value, softmax(x[:1].T, 0)) for x in inputs)
    whole = all(same(o.value, softmax(x, None)) for o, x in zip(outcomes, inputs, strict=True))
    by_row = use is Use.ROWS or (not whole and all(o.error for o in outcomes))
    if (row_wise or column_wise) and by_row:
        note = "takes one row at a time" if row_wise else "takes one column at a time"
        return _strength(subject, None, [note], False, {}, vector=row_wise)
    if row_wise and use is Use.UNCLEAR:
        return unchecked("it is right for one row; what it is called with is not clear")
    return _mistake(subject, whole)


def _mistake(subject: Subject, whole: bool) -> Judgement:
    """Judge what is softmax along no axis."""
    if reason := hopeless(subject, True, [np.array(_SMALL[-1])]):
        return reason
    inputs = [*map(np.array, _SMALL), problem(0).logits]
    cases: list[tuple[list[Any], Any]] = [([x], softmax(x)) for x in inputs]
    if whole:
        return wrong("softmax whole", first_failure(subject, cases))
    outcome = subject.call(np.array(_SMALL[-1]))
    if outcome.error:
        outcome = subject.call(inputs[-1])
    if outcome.error:
        return raised(subject, [np.array(_SMALL[-1])])
    if outcome.value is None:
        return wrong("returns nothing", Example(cases[0][0], None, cases[0][1]))
    x = inputs[-1]
    if same(subject.call(x).value, np.exp(x)):
        return wrong("softmax not divided", first_failure(subject, cases))
    if same(subject.call(x).value, np.log(softmax(x))):
        return right(subject, ["gives logarithms"])
    example = first_failure(subject, cases)
    return wrong("softmax", example) if example else unchecked(NO_KIND)


def _strength(
    subject: Subject,
    axis: int | None,
    notes: list[str],
    turned: bool,
    ways: dict[Way, bool],
    vector: bool = False,
) -> Judgement:
    """Judge what large logits do to a softmax that is right for small ones."""

    def expected(x: Array) -> Array:
        value = softmax(x, axis)
        return value.T if turned else value

    def arranged(rows: Any) -> Array:
        x = np.array(rows, float)
        if axis is None:
            return x[0] if vector else x[:1].T
        return x if axis == 1 else np.ascontiguousarray(x.T)

    for mistake, tests in (
        ("softmax overflow", [[[1000.0, 999.0]], [[1000.0, 999.0, 998.0]], [[1000.0, *range(9)]]]),
        (
            "softmax whole maximum",
            [[[0.0, 1.0], [1000.0, 1001.0]], [[*range(10)], [*range(1000, 1010)]]],
        ),
    ):
        for rows in tests:
            if axis is None and len(rows) > 1:
                continue
            x = arranged(rows)
            outcome = subject.call(x)
            if outcome.error is None and not same(outcome.value, expected(x)):
                if subject.touched:
                    break
                return fragile(mistake, Example([x], outcome.value, expected(x)), notes, ways)
    four = arranged(problem(2, 6, 4).logits)
    outcome = subject.call(four)
    if outcome.error or not same(outcome.value, expected(four)):
        notes = [*notes, "for 10 classes only"]
    return right(subject, notes, ways)

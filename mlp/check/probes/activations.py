"""The rectifier and its derivative."""

from typing import Any

import numpy as np

from ..reference import Array, relu
from ..subject import Subject, arrays
from ..verdict import Example, Judgement
from .verdicts import first_failure, hopeless, raised, right, same, unchecked, wrong

# A function made by np.vectorize takes its type from the first element.
_SMALL = [[[-1.5, 2.5]], [[1.5, -2.5]], [[-1.5, 2.5], [0.5, -0.5]]]


def _inputs() -> list[Array]:
    rng = np.random.default_rng(0)
    mixed = rng.normal(size=(12, 10)) * 3
    mixed[mixed == 0] = 1
    starts = [mixed.copy(), mixed.copy()]
    starts[0][0, 0], starts[1][0, 0] = -1.5, 1.5
    return starts


def judge_relu(subject: Subject) -> Judgement:
    """Judge max(x, 0), element by element."""
    if len(subject.function.required) != 1:
        return unchecked("it takes more than one argument")
    results = [(x, subject.call(x)) for x in _inputs()]
    if all(same(outcome.value, relu(x)) for x, outcome in results):
        return right(subject)
    if reason := hopeless(subject, True, [np.array(_SMALL[-1])]):
        return reason
    if all(outcome.error for _, outcome in results):
        values = [-1.5, 2.5]
        if all(same(subject.call(v).value, relu(np.asarray(v))) for v in values):
            return right(subject, ["takes one number"])
        if all(same(subject.call(x[0]).value, relu(x[0])) for x, _ in results):
            return right(subject, ["takes one row"])
        return raised(subject, [np.array(_SMALL[-1])])
    if subject.function.short.lower() != "relu":
        if all(same(outcome.value, x > 0) for x, outcome in results):
            return right(subject, ["gives the derivative"])
    cases: list[tuple[list[Any], Any]] = [([np.array(x)], relu(np.array(x))) for x in _SMALL]
    example = first_failure(subject, cases)
    for x, outcome in results:
        if outcome.error is None and outcome.value is None:
            return wrong(
                "returns nothing", Example([np.array(_SMALL[0])], None, relu(np.array(_SMALL[0])))
            )
        if same(outcome.value, x):
            return wrong("relu unchanged", example)
        if not same(outcome.value, relu(x)) and same(outcome.value, np.trunc(relu(x))):
            return wrong("relu whole numbers", example)
    if example is None:
        return unchecked("its results are of no known kind")
    return wrong("relu", example)


def judge_derivative(subject: Subject) -> Judgement:
    """Judge the mask [x > 0], or the mask times what comes back."""
    count = len(subject.function.required)
    if count == 2:
        return _judge_backward(subject)
    results = [(x, subject.call(x)) for x in _inputs()]
    if all(same(outcome.value, x > 0) for x, outcome in results):
        return right(subject)
    if all(same(subject.call(relu(x)).value, x > 0) for x, _ in results):
        return right(subject, ["takes what the rectifier gives"])
    if reason := hopeless(subject, True, [np.array(_SMALL[-1])]):
        return reason
    if all(outcome.error for _, outcome in results):
        if all(same(subject.call(v).value, np.asarray(v > 0)) for v in (-1.5, 2.5)):
            return right(subject, ["takes one number"])
        return raised(subject, [np.array(_SMALL[-1])])
    cases: list[tuple[list[Any], Any]] = [([np.array(x)], np.array(x) > 0) for x in _SMALL]
    example = first_failure(subject, cases)
    if example is None:
        return unchecked("its results are of no known kind")
    for x, outcome in results:
        if same(outcome.value, np.ones(x.shape)):
            return wrong("derivative of ones", example)
        if same(outcome.value, relu(x)):
            return wrong("relu as mask", example)
        if outcome.error is None and not any(a.shape == x.shape for a in arrays(outcome.value)):
            return unchecked("its results are of no known kind")
    return wrong("derivative", example)


def _judge_backward(subject: Subject) -> Judgement:
    """Judge mask * dh with its two arguments in either order."""
    rng = np.random.default_rng(1)
    x, other = _inputs()[0], rng.normal(size=(12, 10))
    expected = np.where(x > 0, other, 0.0)
    for arguments, note in (((other, x), []), ((x, other), [])):
        if same(subject.call(*arguments).value, expected):
            return right(subject, ["times the gradient that comes back", *note])
    return hopeless(subject, plain=False) or unchecked("its arguments are of no known kind")

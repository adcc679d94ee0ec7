"""The rectifier and its derivative."""

import numpy as np

from ..reference import Array, relu
from ..subject import Subject, arrays
from ..usage import Made, Use
from ..verdict import Example, Judgement
from .verdicts import NO_KIND, first_failure, hopeless, raised, right, same, unchecked, wrong

# A function made by np.vectorize takes its type from the first element.
_SMALL = [[[-1.5, 2.5]], [[1.5, -2.5]], [[-1.5, 2.5], [0.5, -0.5]], [[-9.0, 8.0]]]
_NUMBERS = (-1.5, 2.5)


def _inputs() -> list[Array]:
    rng = np.random.default_rng(0)
    mixed = rng.normal(size=(12, 10)) * 3
    mixed[mixed == 0] = 1
    starts = [mixed.copy(), mixed.copy()]
    starts[0][0, 0], starts[1][0, 0] = -1.5, 1.5
    return starts


def _cases() -> list[Array]:
    """Return arguments for an example, the smallest first."""
    return [*map(np.array, _SMALL), *_inputs()]


def judge_relu(subject: Subject) -> Judgement:
    """Judge max(x, 0), element by element."""
    results = [(x, subject.call(x)) for x in _inputs()]
    if all(same(outcome.value, relu(x)) for x, outcome in results):
        return right(subject)
    if reason := hopeless(subject, True, [np.array(_SMALL[2])]):
        return reason
    if all(outcome.error for _, outcome in results):
        numbers = all(same(subject.call(v).value, relu(np.asarray(v))) for v in _NUMBERS)
        if numbers or all(same(subject.call(x[0]).value, relu(x[0])) for x, _ in results):
            return _of_one(subject, "number" if numbers else "row")
        return raised(subject, [np.array(_SMALL[2])])
    if subject.function.short.lower() != "relu":
        if all(same(outcome.value, x > 0) for x, outcome in results):
            return right(subject, ["gives the derivative"])
    example = first_failure(subject, [([x], relu(x)) for x in _cases()])
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
        return unchecked(NO_KIND)
    return wrong("relu", example)


def _of_one(subject: Subject, one: str) -> Judgement:
    """Judge what works for one number or one row, and not for a matrix, by its calls."""
    if not subject.setting.calls or subject.setting.use is Use.ROWS:
        return right(subject, [f"takes one {one}"])
    if subject.setting.given(Made.LOGITS):
        return raised(subject, [np.array(_SMALL[2])], certain=True)
    return unchecked(f"it is right for one {one}; what it is called with is not clear")


def judge_derivative(subject: Subject) -> Judgement:
    """Judge the mask [x > 0], or the mask times what comes back."""
    if len(subject.function.required) == 2:
        return _judge_backward(subject)
    results = [(x, subject.call(x)) for x in _inputs()]
    if all(same(outcome.value, x > 0) for x, outcome in results):
        return right(subject)
    of_result = all(same(subject.call(relu(x)).value, x > 0) for x, _ in results)
    if of_result and not subject.setting.given(Made.LOGITS):
        return right(subject, ["takes what the rectifier gives"])
    if reason := hopeless(subject, True, [np.array(_SMALL[2])]):
        return reason
    if all(outcome.error for _, outcome in results):
        if all(same(subject.call(v).value, np.asarray(v > 0)) for v in _NUMBERS):
            return _of_one(subject, "number")
        return raised(subject, [np.array(_SMALL[2])])
    example = first_failure(subject, [([x], x > 0) for x in _cases()])
    if example is None:
        return unchecked(NO_KIND)
    for x, outcome in results:
        if same(outcome.value, np.ones(x.shape)):
            return wrong("derivative of ones", example)
        if same(outcome.value, relu(x)):
            return wrong("relu as mask", example)
        if outcome.error is None and not any(a.shape == x.shape for a in arrays(outcome.value)):
            return unchecked(NO_KIND)
    return wrong("derivative", example)


def _judge_backward(subject: Subject) -> Judgement:
    """Judge mask * dh with its two arguments in either order."""
    rng = np.random.default_rng(1)
    x, other = _inputs()[0], rng.normal(size=(12, 10))
    expected = np.where(x > 0, other, 0.0)
    for arguments in ((other, x), (x, other)):
        if same(subject.call(*arguments).value, expected):
            return right(subject, ["times the gradient that comes back"])
    return hopeless(subject, plain=False) or unchecked(NO_KIND)

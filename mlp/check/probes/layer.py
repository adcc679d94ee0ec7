"""The layer X W + b, in any of the layouts that people use."""

import ast
import re
from collections.abc import Callable, Iterator
from itertools import permutations, product
from typing import Any

import numpy as np

from ..reference import Array, relu, scale, softmax
from ..subject import Subject, arrays
from ..verdict import Example, Judgement, Way
from .verdicts import NO_KIND, hopeless, raised, right, same, unchecked, wrong

_X = re.compile(r"^(x|a|h|s|z|in|inp|input|inputs|data|i|prev|layer|act)", re.IGNORECASE)
_W = re.compile(r"w|theta", re.IGNORECASE)
_B = re.compile(r"^(b|bias)", re.IGNORECASE)
_SIZES = [(12, 7, 5), (12, 784, 1000)]  # the second for code with these numbers in it


def judge_layer(subject: Subject) -> Judgement:
    """Judge X W + b, in the layout and order that fit."""
    fixed = [(n, *_SIZES[0][1:]) for n in subject.constants if n > 1000]
    for sizes in (*_SIZES[: 1 + subject.mentions(784, 1000)], *fixed):
        rng = np.random.default_rng(0)
        x, w, b = (rng.normal(size=s) for s in (sizes[:2], sizes[1:], sizes[2:]))
        for arguments, expected, notes in _calls(subject, x, w, b):
            outcome = subject.call(*arguments)
            if subject.undefined or subject.trouble:
                return _mistake(subject)
            for name, function in _AFTER.items():
                wanted = function(expected)
                if same(outcome.value, wanted):
                    return right(subject, [*notes, *name], {Way.LAYOUT: True})
                if same(outcome.value, wanted.T):
                    told = [*notes, *name, "samples along the columns"]
                    return right(subject, told, {Way.LAYOUT: False})
    return _mistake(subject)


_AFTER: dict[tuple[str, ...], Callable[[Array], Array]] = {
    (): lambda z: z,
    ("applies relu",): relu,
    ("applies softmax",): softmax,
    ("applies sigmoid",): lambda z: 1 / (1 + np.exp(-z)),
    ("applies tanh",): np.tanh,
}


def _calls(
    subject: Subject, x: Array, w: Array, b: Array
) -> Iterator[tuple[list[Any], Array, list[str]]]:
    """Yield arguments, the result (N, H), and notes."""
    names = subject.function.required
    layouts = [[np.ascontiguousarray(a) for a in pair] for pair in product((x, x.T), (w, w.T))]
    for x_, w_ in layouts:
        if len(names) == 2:
            yield from _two(subject, x_, w_, x, w, b)
            continue
        for b_ in (b[None], b, b[:, None]):
            named = _by_name(names, x_, w_, b_)
            for order in [named] if named else permutations((x_, w_, b_)):
                yield list(order), x @ w + b, []


def _two(
    subject: Subject, x_: Array, w_: Array, x: Array, w: Array, b: Array
) -> Iterator[tuple[list[Any], Array, list[str]]]:
    """Yield the calls of a layer of two arguments: the bias is in one of them, or there is none."""
    total = x @ w + b
    for name, packed in _packs(subject, w_, b):
        yield [x_, packed], total, [name]
        yield [packed, x_], total, [name]
    turned = w_.shape != w.shape
    for rows in ((b[None], w), (w, b[None])):
        folded = np.concatenate(rows)
        folded = np.ascontiguousarray(folded.T) if turned else folded
        for arguments in ([x_, folded], [folded, x_]):
            yield arguments, total, ["the bias is in W"]
    for arguments in ([x_, w_], [w_, x_]):
        yield arguments, x @ w, ["no bias of its own"]


def _packs(subject: Subject, w: Array, b: Array) -> Iterator[tuple[str, Any]]:
    """Yield weights and bias in one list or dict, under the keys that the code itself uses."""
    nodes = ast.walk(subject.function.node) if subject.function.node else ()
    subscripts = (n.slice for n in nodes if isinstance(n, ast.Subscript))
    keys = [s.value for s in subscripts if isinstance(s, ast.Constant) and type(s.value) is str]
    for b_ in (b[None], b, b[:, None]):
        yield "takes a list", [w, b_]
        if len(keys) >= 2:
            yield "takes a dict", {k: b_ if k.lower().startswith("b") else w for k in keys}


def _by_name(names: list[str], x: Array, w: Array, b: Array) -> list[Array] | None:
    """Order the arguments by the parameters' names, if these are clear."""
    order = []
    for name in names:
        kinds = [value for p, value in ((_W, w), (_B, b), (_X, x)) if p.search(name)]
        if not kinds:
            return None
        order.append(kinds[0])
    return order if len({id(value) for value in order}) == 3 else None


def _follows(got: Array, z: Array) -> bool:
    """Whether results grow with X W + b, as an activation of any kind does."""
    grows = got.shape == z.shape and (np.diff(got.ravel()[np.argsort(z.ravel())]) >= 0).all()
    return bool(grows) and scale(got, z) is None


# For an example, the smallest first. No sum, mean or part of a bias is 0 or another's.
_SMALL: list[tuple[Any, Any, Any]] = [
    ([[1, 2]], [[1, 0], [3, 1]], [[0.5, -0.25]]),
    ([[1, 2], [0, -1]], [[1, 0, 2], [3, 1, -1]], [[0.5, -0.25, 1]]),
]


def _mistake(subject: Subject) -> Judgement:
    """Judge what computes X W + b in no layout."""
    names = subject.function.required
    rng = np.random.default_rng(0)
    drawn = tuple(rng.normal(size=size) for size in ((12, 7), (7, 5), (1, 5)))
    problems = [tuple(np.array(part, float) for part in parts) for parts in (*_SMALL, drawn)]
    calls = [_by_name(names, *parts) if len(names) == 3 else None for parts in problems]
    arguments = calls[1]
    if reason := hopeless(subject, arguments is not None, arguments):
        return reason
    assert arguments is not None
    outcomes = [subject.call(*call) for call in calls if call is not None]
    if outcomes[1].error:
        sizes = ((12, 784), (784, 1000), (1, 1000))
        rows = _by_name(names, *map(np.ones, sizes))
        if rows is not None and subject.call(*rows).error is None:
            return unchecked(NO_KIND)
        return raised(subject, arguments)
    truths = [x @ w + b for x, w, b in problems]
    examples = [
        Example(call, outcome.value, truth)
        for call, outcome, truth in zip(calls, outcomes, truths, strict=True)
        if call is not None and not outcome.error and not same(outcome.value, truth)
    ]
    if outcomes[1].value is None:
        return wrong("returns nothing", examples[0])
    for name, sign in (("layer without bias", 0), ("layer minus bias", -1)):
        forms = [x @ w + sign * b for x, w, b in problems]
        if all(same(o.value, form) for o, form in zip(outcomes, forms, strict=True)):
            return wrong(name, examples[0])
    found = list(arrays(outcomes[-1].value))
    if any(a.shape == truths[-1].shape and not _follows(a, truths[-1]) for a in found):
        return wrong("layer", examples[0])
    return unchecked(NO_KIND)

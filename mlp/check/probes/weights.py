"""Functions that give gradients of weights and biases: arguments by name, results by shape."""

import itertools
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ..reference import Array, Problem, problem, relu, scale, softmax
from ..subject import Subject, arrays
from ..verdict import Example, Judgement
from .verdicts import hopeless, right, unchecked, wrong

_CALLS = 96  # of one size
_SIZES = [(12, 7, 5), (12, 784, 1000)]  # rows, features, hidden units; for code with numbers in it


class _Net(NamedTuple):
    """One hidden layer and its gradients; those of a sum over the rows."""

    rows: Problem
    x: Array
    s: Array
    h: Array
    w_h: Array
    b_h: Array
    w_o: Array
    b_o: Array


# What a parameter may stand for, by its name without underscores. The first that fits counts.
_ROLES: list[tuple[str, list[str]]] = [
    (r"target|label|truth|^y$|^t$|onehot|ytrue|ytrain|actual", ["y"]),
    (r"wo$|w2$|outerw|woutput|outw|outputw|weightso|weights2|wout|weighto|^v$", ["w_o"]),
    (r"wh$|w1$|whidden|hiddenw|weightsh|weights1|innerw", ["w_h"]),
    (r"bo$|b2$|bout", ["b_o"]),
    (r"bh$|b1$|bhid", ["b_h"]),
    (r"^w$|^weights?$", ["w_o", "w_h"]),
    (r"^b$|^bias(es)?$", ["b_o", "b_h"]),
    (r"^(x|a|out)h|hiddenout", ["h", "s"]),
    (r"^x|data|^inputs?$|image|^a0$|feature", ["x", "h"]),
    (r"delta|grad|error|^d[a-z]|^e$|^d\d?$|upstream", ["g", "g/n", "g_h", "g_h/n"]),
    (r"logit|^zo|^z2|^so$|^s2$|outputin", ["z", "p"]),
    (r"pred|hat|prob|softmax|^p$|^output$|^out$|^o$|^a2$|ypred|^yp", ["p", "z"]),
    (r"hiddenin|^s$|^z1|^s1|^sh$|^zh|preact|^z$|^net|hin$|hiddenz", ["s", "z"]),
    (r"^h|hidden|^a1|^a$|activ|hout|layer1|^z|^g$|relu", ["h", "s"]),
    (r"^n$|^m$|size|batch", ["n"]),
    (r"^s", ["s"]),
]


def judge_weights(subject: Subject) -> Judgement:
    """Judge a function by every array that it gives."""
    roles = [_roles(name) for name in subject.function.required]
    if not all(roles):
        return hopeless(subject, plain=False) or unchecked("its arguments are of no known kind")
    seen: set[str] = set()
    example: Example | None = None
    for sizes in _SIZES[: 1 + bool(subject.mentions(784, 1000))]:
        net = _net(*sizes)
        values = _values(net)
        for choice in itertools.islice(itertools.product(*roles), _CALLS):
            arguments = [values[role] for role in choice]
            outcome = subject.call(*arguments, rows=net.rows, x=net.x)
            if subject.trouble:
                break
            found = [a for a in arrays(outcome.value) if a.size > 1]
            names = [_name(array, net) for array in found]
            if found and all(name == "right" for name in names):
                return right(subject)
            mistaken = {name for name in names if name and name != "right"}
            seen |= mistaken or ({"unknown"} if found else set())
        if seen:
            break
    if reason := hopeless(subject, plain=True):
        return reason
    seen.discard("unknown")
    if len(seen) == 1:
        return wrong(seen.pop(), example)
    return unchecked("its results are of no known kind")


def _roles(name: str) -> list[str]:
    word = name.lower().replace("_", "")
    return next((roles for pattern, roles in _ROLES if re.search(pattern, word)), [])


def _net(n: int, d: int, h: int) -> _Net:
    rng = np.random.default_rng(0)
    x, w_h, b_h = (
        rng.normal(size=(n, d)),
        rng.normal(size=(d, h)) / np.sqrt(d),
        rng.normal(size=(1, h)),
    )
    w_o, b_o = rng.normal(size=(h, 10)) / np.sqrt(h), rng.normal(size=(1, 10))
    s = x @ w_h + b_h
    logits = relu(s) @ w_o + b_o
    return _Net(Problem(logits, problem(0, n).labels), x, s, relu(s), w_h, b_h, w_o, b_o)


def _values(net: _Net) -> dict[str, Any]:
    """Return what parameters may be given."""
    g = net.rows.p - net.rows.y
    g_h = (g @ net.w_o.T) * (net.s > 0)
    n = net.rows.n
    named = {"x": net.x, "s": net.s, "h": net.h, "w_h": net.w_h, "b_h": net.b_h, "w_o": net.w_o}
    own = {"y": net.rows.y, "p": net.rows.p, "z": net.rows.logits, "n": n, "b_o": net.b_o}
    return {**named, **own, "g": g, "g/n": g / n, "g_h": g_h, "g_h/n": g_h / n}


def _name(array: Array, net: _Net) -> str | None:
    """Name what an array is: right, a known mistake, or unknown."""
    for name, expected in _expected(net):
        for form in (expected, expected.T):
            flat = (
                array.reshape(form.shape) if array.size == form.size and 1 in form.shape else array
            )
            factor = scale(flat, form)
            sizes = (1.0, 1 / net.rows.n, 1 / net.rows.n**2)
            if factor and min(abs(abs(factor) / size - 1) for size in sizes) < 1e-3:
                return name
    return None


def _expected(net: _Net) -> Iterator[tuple[str, Array]]:
    """Yield the right gradients of all arrays, then those with the known mistakes."""
    g = net.rows.p - net.rows.y
    twice = softmax(net.rows.p) - net.rows.y
    back = g @ net.w_o.T
    mask = net.s > 0
    yield "right", g
    yield "right", back * (net.s > 0)
    yield "right", back  # the caller may mask it
    for name, at_o, at_h in (
        ("right", g, back * mask),
        ("mask absent", g, back),
        ("relu as mask", g, back * net.h),
        ("softmax twice", twice, (twice @ net.w_o.T) * mask),
    ):
        yield name, net.h.T @ at_o
        yield name, at_o.sum(axis=0, keepdims=True)
        yield name, net.x.T @ at_h
        yield name, at_h.sum(axis=0, keepdims=True)

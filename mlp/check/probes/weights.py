"""Functions that give gradients of weights and biases: arguments by name, results by shape."""

import itertools
import re
from collections.abc import Iterator, Sequence
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
    choices = list(itertools.islice(itertools.product(*roles), _CALLS + 1))
    seen: dict[str, tuple[str, ...]] = {}  # mistakes, and the arguments that have shown them
    for sizes in _SIZES[: 1 + bool(subject.mentions(784, 1000))]:
        net = _net(*sizes)
        for choice in choices[:_CALLS]:
            found = _results(subject, net, choice)
            if found and all(name == "right" for name, *_ in found):
                return right(subject)
            seen |= {name: choice for name, *_ in found if name not in ("right", "")}
            if subject.trouble:
                break
    if reason := hopeless(subject, plain=True):
        return reason
    if len(seen) == 1 and len(choices) <= _CALLS:
        mistake, choice = next(iter(seen.items()))
        return wrong(mistake, _example(subject, mistake, choice))
    return unchecked("its results are of no known kind")


def _results(subject: Subject, net: _Net, choice: Sequence[str]) -> list[tuple[str, Array, Array]]:
    """Call it; return of every array that it gives a name, itself, and the right one."""
    values = _values(net)
    outcome = subject.call(*(values[role] for role in choice), rows=net.rows, x=net.x)
    return [_name(array, net) for array in arrays(outcome.value) if array.size > 1]


def _example(subject: Subject, mistake: str, choice: Sequence[str]) -> Example | None:
    """Return a call with two rows, features, hidden units and classes that shows a mistake."""
    for seed in range(20):  # in some of them all units are alike
        net = _net(2, 2, 2, 2, seed, digits=1)
        for name, got, expected in _results(subject, net, choice):
            if name == mistake and expected.any():
                values = _values(net)
                return Example([values[role] for role in choice], got, expected)
    return None


def _roles(name: str) -> list[str]:
    word = name.lower().replace("_", "")
    return next((roles for pattern, roles in _ROLES if re.search(pattern, word)), [])


def _net(n: int, d: int, h: int, k: int = 10, seed: int = 0, digits: int = 8) -> _Net:
    rng = np.random.default_rng(seed)
    shapes = {"x": (n, d), "w_h": (d, h), "b_h": (1, h), "w_o": (h, k), "b_o": (1, k)}
    drawn = {m: np.round(rng.normal(size=s) / np.sqrt(s[0]), digits) for m, s in shapes.items()}
    s = np.round(drawn["x"] @ drawn["w_h"] + drawn["b_h"], 2 * digits)
    logits = np.round(relu(s) @ drawn["w_o"] + drawn["b_o"], 3 * digits)
    labels = np.arange(n) if n == k else problem(0, n).labels
    return _Net(Problem(logits, labels), s=s, h=relu(s), **drawn)


def _values(net: _Net) -> dict[str, Any]:
    """Return what parameters may be given."""
    g = net.rows.p - net.rows.y
    g_h = (g @ net.w_o.T) * (net.s > 0)
    n = net.rows.n
    named = {"x": net.x, "s": net.s, "h": net.h, "w_h": net.w_h, "b_h": net.b_h, "w_o": net.w_o}
    own = {"y": net.rows.y, "p": net.rows.p, "z": net.rows.logits, "n": n, "b_o": net.b_o}
    return {**named, **own, "g": g, "g/n": g / n, "g_h": g_h, "g_h/n": g_h / n}


def _name(array: Array, net: _Net) -> tuple[str, Array, Array]:
    """Name what an array is: right, a known mistake, or nothing; return also the right one."""
    for name, expected, truth in _expected(net):
        for form, true_form in ((expected, truth), (expected.T, truth.T)):
            reshaped = array
            if array.size == form.size and 1 in form.shape:
                reshaped = array.reshape(form.shape)
            factor = scale(reshaped, form)
            sizes = (1.0, 1 / net.rows.n, 1 / net.rows.n**2)
            if factor and min(abs(abs(factor) / size - 1) for size in sizes) < 1e-3:
                return name, array, (true_form * factor).reshape(array.shape)
    return "", array, array


def _expected(net: _Net) -> Iterator[tuple[str, Array, Array]]:
    """Yield right gradients, then those with known mistakes: name, array, and the right one."""
    g = net.rows.p - net.rows.y
    twice = softmax(net.rows.p) - net.rows.y
    back, mask = g @ net.w_o.T, net.s > 0
    for delta in (g, back * mask, back):  # the caller may mask it
        yield "right", delta, delta
    truths = _gradients(net, g, back * mask)
    for name, arrays_ in (
        ("right", truths),
        ("mask missing", _gradients(net, g, back)),
        ("relu as mask", _gradients(net, g, back * net.h)),
        ("softmax twice in a gradient", _gradients(net, twice, (twice @ net.w_o.T) * mask)),
    ):
        for array, truth in zip(arrays_, truths, strict=True):
            yield name, array, truth


def _gradients(net: _Net, at_o: Array, at_h: Array) -> list[Array]:
    """Return the gradients of all weights and biases of the errors at both layers."""
    products = [net.h.T @ at_o, net.x.T @ at_h]
    return [*products, *(a.sum(axis=0, keepdims=True) for a in (at_o, at_h))]

"""A network with one hidden layer: what functions of several arguments are given by name."""

import itertools
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..reference import CLASSES, ROWS, Array, Problem, problem, relu
from ..subject import Subject, numbers
from ..verdict import Judgement
from .verdicts import NO_ARGUMENTS, hopeless, right, unchecked

CALLS = 96  # of one size
# Rows, features, hidden units and classes; the second for code with numbers in it.
SIZES = [(ROWS, 7, 5, CLASSES), (ROWS, 784, 1000, CLASSES)]


class Net(NamedTuple):
    """A network, its rows, and what the layers make of them."""

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
    (r"prev", ["h", "x"]),
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


def roles_of(name: str) -> list[str]:
    """Return what a parameter may stand for, the likeliest first."""
    word = name.lower().replace("_", "")
    return next((roles for pattern, roles in _ROLES if re.search(pattern, word)), [])


def choices(names: Sequence[str]) -> list[tuple[str, ...]]:
    """Return roles for all parameters; none if one of their names says nothing."""
    return list(itertools.islice(itertools.product(*map(roles_of, names)), CALLS + 1))


def draw(n: int, d: int, h: int, k: int, seed: int = 0, digits: int = 8) -> Net:
    """Draw a network of n rows, d features, h hidden units and k classes."""
    rng = np.random.default_rng(seed)
    shapes = {"x": (n, d), "w_h": (d, h), "b_h": (1, h), "w_o": (h, k), "b_o": (1, k)}
    drawn = {m: np.round(rng.normal(size=s) / np.sqrt(s[0]), digits) for m, s in shapes.items()}
    s = np.round(drawn["x"] @ drawn["w_h"] + drawn["b_h"], 2 * digits)
    logits = np.round(relu(s) @ drawn["w_o"] + drawn["b_o"], 3 * digits)
    labels = np.arange(n) if n == k else problem(0, n, k).labels
    return Net(Problem(logits, labels), s=s, h=relu(s), **drawn)


def arguments(net: Net, choice: Sequence[str], turned: str = "") -> list[Any]:
    """Return values for roles, with ``turned`` one sample a column; "but weights": not those."""
    g = net.rows.p - net.rows.y
    g_h = (g @ net.w_o.T) * (net.s > 0)
    n = net.rows.n
    named = {"x": net.x, "s": net.s, "h": net.h, "b_h": net.b_h, "w_h": net.w_h, "w_o": net.w_o}
    own = {"y": net.rows.y, "p": net.rows.p, "z": net.rows.logits, "b_o": net.b_o}
    values = {**named, **own, "g": g, "g/n": g / n, "g_h": g_h, "g_h/n": g_h / n}
    kept = {"w_h", "w_o"} if turned == "but weights" else set()
    if turned:
        values |= {role: np.ascontiguousarray(values[role].T) for role in values.keys() - kept}
    return [n if role == "n" else values[role] for role in choice]


def judge(subject: Subject, expected: Callable[[Problem], float]) -> Judgement:
    """Judge a function that runs the whole network by the number that it gives."""
    options = [c for c in choices(subject.function.required) if len(set(c)) == len(c)]
    if not options:
        return hopeless(subject, plain=False) or unchecked(NO_ARGUMENTS)
    nets = [draw(*SIZES[-1], seed) for seed in (0, 1)]
    for choice in options[:CALLS]:
        results = [
            subject.call(*arguments(net, choice), rows=net.rows, x=net.x).value for net in nets
        ]
        if all(
            any(
                abs(v - expected(net.rows) * s) <= 1e-4 * s
                for v in numbers(value)
                for s in (1, 100)
            )
            for value, net in zip(results, nets, strict=True)
        ):
            return right(subject, ["runs the whole network"])
        if subject.trouble:
            break
    return unchecked(subject.doubtful or "it needs a whole network")

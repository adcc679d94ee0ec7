"""Functions that take the data and the weights, and run the whole network themselves."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from ..reference import Problem, problem, relu
from ..subject import Subject, numbers
from ..verdict import Judgement
from .verdicts import NO_ARGUMENTS, hopeless, right, unchecked

_ROLES = {
    "target": re.compile(r"^(y|t|target|label|one_?hot)|target|label", re.IGNORECASE),
    "x": re.compile(r"^(x|data|input|train_?data|image)|data$", re.IGNORECASE),
    "w_h": re.compile(r"^(w|weights?)_?(h|1|i|hidden|in)|hidden_?w|^v$", re.IGNORECASE),
    "w_o": re.compile(r"^(w|weights?)_?(o|2|out)|out(put|er)?_?w|^w$", re.IGNORECASE),
    "b_h": re.compile(r"^b(ias)?(es)?_?(h|1|i|hidden|in)|hidden_?b", re.IGNORECASE),
    "b_o": re.compile(r"^b(ias)?(es)?_?(o|2|out)|out(put|er)?_?b|^b$", re.IGNORECASE),
}


def judge(subject: Subject, expected: Callable[[Problem], float]) -> Judgement:
    """Judge a function of data, targets and weights by the number that it gives."""
    roles = [
        next((r for r, p in _ROLES.items() if p.search(n)), None) for n in subject.function.required
    ]
    if None in roles or len(set(roles)) < len(roles):
        return hopeless(subject, plain=False) or unchecked(NO_ARGUMENTS)
    fits = []
    for seed in (0, 1):
        rows, values = _network(seed)
        outcome = subject.call(*(values[str(role)] for role in roles), rows=rows, x=values["x"])
        fits.append(
            any(
                abs(v - expected(rows) * s) <= 1e-4 * s
                for v in numbers(outcome.value)
                for s in (1, 100)
            )
        )
    if all(fits):
        return right(subject, ["runs the whole network"])
    return unchecked(subject.doubtful or "it needs a whole network")


def _network(seed: int) -> tuple[Problem, dict[str, Any]]:
    rng = np.random.default_rng(seed)
    x = rng.uniform(size=(12, 784))
    w_h, w_o = rng.normal(size=(784, 1000)) / 20, rng.normal(size=(1000, 10)) / 10
    b_h, b_o = rng.normal(size=(1, 1000)) / 10, rng.normal(size=(1, 10)) / 10
    logits = relu(x @ w_h + b_h) @ w_o + b_o
    rows = Problem(logits, problem(seed).labels)
    values = {"x": x, "target": rows.y, "w_h": w_h, "w_o": w_o, "b_h": b_h, "b_o": b_o}
    return rows, values

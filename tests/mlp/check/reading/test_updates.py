import ast

import pytest

from mlp.check.reading.updates import read_updates
from mlp.check.scopes import scopes

STEP = """
for e in range(200):
    z = x @ W1 + b1
    h = relu(z)
    d = (p - y) / n
    dh = d @ W2.T * (z > 0)
    v2 = g * v2 + a * h.T @ d
    u2 = g * u2 + a * d.sum(0)
    v1 = g * v1 + a * x.T @ dh
    u1 = g * u1 + a * dh.sum(0)
    W2 = W2 - v2
    b2 = b2 - u2
    W1 -= v1
    b1 -= u1
"""


def remarks(text, sums=(), rates=None):
    found = [
        remark
        for scope in scopes(ast.parse(text))
        for remark in read_updates(scope, set(sums), {"averaged"}, rates or {})
    ]
    return [(remark.mistake, remark.detail) for remark in found]


def test_a_sound_step_has_no_remark():
    assert remarks(STEP) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "    b2 = b2 - u2\n",
            "    b2 = b2 - a * d.sum(0)\n",
            [("no momentum", "b2"), ("not updated", "u2")],
        ),
        ("    b1 -= u1\n", "", [("not updated", "u1"), ("not updated", "b1")]),
        ("    u2 = g * u2 +", "    new_u2 = g * u2 +", [("velocity lost", "new_u2 = ... u2")]),
        ("    u2 = g * u2 + a", "    step = g * d2 + a", [("no momentum", "b2")]),
        (
            "    dh = d @ W2.T * (z > 0)\n",
            "    W2 = W2 - v2\n    dh = d @ W2.T * (z > 0)\n",
            [("update order", "W2")],
        ),
        (
            "    dh = d @ W2.T * (z > 0)\n",
            "    W2 -= v2\n    dh = np.dot(d, np.transpose(W2)) * (z > 0)\n",
            [("update order", "W2")],
        ),
        (
            "    dh = d @ W2.T * (z > 0)\n",
            "    W2 -= v2\n    dh = grad_hidden(d, W2, z)\n",
            [("update order", "W2")],
        ),
        ("    b1 -= u1\n", "    b1 -= u1\n    o = relu(valid @ W1.T) @ W2.T\n", []),
        ("    b1 -= u1\n", "    b1 -= u1\n    o = act @ W2.T\n", []),
    ],
)
def test_a_step_with_one_fault(old, new, expected):
    assert old in STEP
    assert remarks(STEP.replace(old, new)) == expected


def test_a_velocity_that_goes_to_another_name_is_lost():
    text = STEP.replace("u2 = g * u2 + a", "nu_o = g * nu_2 + a").replace("b2 - u2", "b2 - nu_o")
    assert remarks(text) == [("velocity lost", "nu_o = ... nu_2")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "def f(alpha=0.1):\n  g = grad(y, p)\n  W = W - alpha * g",
            [("rate of a sum", "0.1 * 10000 = 1000")],
        ),
        ("def f(alpha=1e-5):\n  g = grad(y, p)\n  W = W - alpha * g", []),
        ("def f(alpha=0.1):\n  g = grad(y, p) / n\n  W = W - alpha * g", []),
        ("def f(alpha=0.1):\n  g = other(y, p)\n  W = W - alpha * g", []),
        ("def f(alpha):\n  g = grad(y, p)\n  W = W - alpha * g", []),
        (
            "for e in range(9):\n  g = p - target\n  W = W - lr * g",
            [("rate of a sum", "0.01 * 10000 = 100")],
        ),
        ("def f():\n g = grad(t, p)\n W = W - lr * averaged(g)", []),
    ],
)
def test_the_rate_of_a_sum(text, expected):
    assert remarks(text, sums=["grad"], rates={"lr": 0.01}) == expected

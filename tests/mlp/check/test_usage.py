import ast

import pytest

from mlp.check.usage import Use, ascends, called, use_of, wrapped


@pytest.mark.parametrize(
    ("text", "use"),
    [
        ("f(x[0])", Use.ROWS),
        ("f(x[:, i])", Use.ROWS),
        ("f(x[1:5])", Use.MATRICES),
        ("f(x)", Use.MATRICES),
        ("[f(r) for r in x]", Use.ROWS),
        ("map(f, x)", Use.ROWS),
        ("r = x[2]\nself.f(r)", Use.ROWS),
        ("for r in x:\n f(W @ r)", Use.UNCLEAR),
        ("for i in range(3):\n f(W @ i)", Use.MATRICES),
        ("f(x[0])\nf(x)", Use.MATRICES),
        ("g(x)", Use.MATRICES),
    ],
)
def test_rows_or_matrices(text, use):
    assert use_of(ast.parse(text), "f") is use


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("f(x)", (False, False)),
        ("-f(x)", (True, False)),
        ("f(x) / n", (False, True)),
        ("(1 / n) * f(x)", (False, True)),
        ("a = f(x)\nb = -a", (True, False)),
        ("n / f(x)", (False, False)),
    ],
)
def test_results_that_are_negated_or_divided(text, expected):
    assert wrapped(ast.parse(text), "f") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("W = W + v", True),
        ("self.W1 += lr * g", True),
        ("W, b = W + v, b + u", True),
        ("W = W - v", False),
        ("W = W + v\nb = b - u", False),
        ("v = g * v - a * d\nW = W + v", False),
        ("v = g * v - a * d\nW -= v", True),
        ("batch += 1", False),
        ("", False),
    ],
)
def test_whether_weights_are_added_to(text, expected):
    assert ascends(ast.parse(text)) is expected


def test_what_is_called_or_given_away():
    assert called(ast.parse("a(b)\nself.c(d=e)\nf")) == {"a", "b", "c", "e"}

import ast

import pytest

from mlp.check.scopes import scopes
from mlp.check.usage import (
    Made,
    Use,
    called,
    given,
    made_of,
    target_first,
    use_of,
    uses_result,
    wrapped,
)


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
        ("f(x).T", (False, False, True)),
        ("f(x.T)", (False, False, True)),
        ("a = f(x)\nb = np.transpose(a)", (False, False, True)),
        ("f(x) @ W.T", (False, False)),
        ("f(x) / n", (False, True)),
        ("(1 / n) * f(x)", (False, True)),
        ("a = f(x)\nb = -a", (True, False)),
        ("n / f(x)", (False, False)),
    ],
)
def test_results_that_are_negated_divided_or_transposed(text, expected):
    assert wrapped(ast.parse(text), "f") == (*expected, False)[:3]


def test_what_is_called_or_given_away():
    assert called(ast.parse("a(b)\nself.c(d=e)\nf")) == {"a", "b", "c", "e"}


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("f(softmax(x))", [Made.PROBABILITIES]),
        ("p = softmax(x)\nf(p)", [Made.PROBABILITIES]),
        ("p = softmax(x)\nq = p\nf(q)", [Made.PROBABILITIES]),
        ("def g(x):\n p = net.softmax(x)\n return f(p)", [Made.PROBABILITIES]),
        ("p = softmax(x)\np = p.T\nf(p)", [Made.UNKNOWN]),
        ("p = softmax(x)\np += 1\nf(p)", [Made.UNKNOWN]),
        ("p = softmax(x)\ndef g(p):\n return f(p)", [Made.UNKNOWN]),
        ("for p in softmax(x):\n f(p)", [Made.UNKNOWN]),
        ("p = softmax(x)\nfor i, p in x:\n f(p)", [Made.UNKNOWN]),
        ("p = softmax(x)\ng, p = net(x)\nf(p)", [Made.UNKNOWN]),
        ("def g(p):\n f(p)\n p = softmax(x)", [Made.UNKNOWN]),
        ("self.p = softmax(x)\nf(self.p)", [Made.PROBABILITIES]),
        ("p = softmax(a)\nf(p)\np = softmax(b)\nf(p)", [Made.PROBABILITIES] * 2),
        ("f(np.argmax(p, 1))", [Made.CLASSES]),
        ("q = p.argmax(axis=1)\nf(q)", [Made.CLASSES]),
        ("f(x)", [Made.UNKNOWN]),
        ("g(x)", []),
    ],
)
def test_what_made_an_argument(text, made):
    calls = given(scopes(ast.parse(text)), "f")
    assert [made_of(call[0], {"softmax": Made.PROBABILITIES}) for call in calls] == made


@pytest.mark.parametrize(
    ("text", "used"),
    [("f(x)", False), ("y = f(x)", True), ("f(x)\ng(f(x))", True), ("return_ = 1", False)],
)
def test_whether_a_result_is_used(text, used):
    assert uses_result(scopes(ast.parse(text)), "f") is used


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("f(target, prediction)", True),
        ("f(p, trainTarget)", False),
        ("f(softmax(o), labels)", False),
        ("f(a, b)", None),
        ("f(target)", None),
        ("f(target, target_prediction)", None),
    ],
)
def test_which_argument_is_the_target(text, first):
    assert target_first(ast.parse(text, mode="eval").body) is first

import ast

import pytest

from mlp.check.parameters import ascends
from mlp.check.scopes import scopes


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
    assert ascends(scopes(ast.parse(text))) is expected

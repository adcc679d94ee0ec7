import numpy as np
import pytest

from mlp.check.child.wire import Other
from mlp.check.values import call, text


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.array([[1.0, 0.0]]), "[[1, 0]]"),
        (np.array([0.123456, np.nan, -np.inf]), "[0.1235, nan, -inf]"),
        (np.array([True, False]), "[True, False]"),
        (np.float64(0.5), "0.5"),
        (0.28768, "0.2877"),
        (3, "3"),
        (None, "None"),
        ((np.zeros(2), 1.5), "([0, 0], 1.5)"),
        ([[1, 2], [3]], "[[1, 2], [3]]"),
        ({"a": np.ones(1)}, "{'a': [1]}"),
        (np.zeros((12, 10)), "an array of shape (12, 10)"),
        (Other("Net"), "a Net"),
    ],
)
def test_values_are_written_short(value, expected):
    assert text(value) == expected


def test_a_call_is_written_as_python():
    assert call("f", [np.eye(2), 3]) == "f([[1, 0], [0, 1]], 3)"

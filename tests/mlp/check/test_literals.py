import ast

import pytest

from mlp.check.literals import is_harmless


def expression(text):
    return ast.parse(text, mode="eval").body


@pytest.mark.parametrize(
    "text",
    [
        "3",
        "-1.5",
        "'a'",
        "10 * 1000",
        "2 ** 10",
        "(1000, 10)",
        "[1, 2]",
        "N",
        "np.pi",
        "lambda x: f(x)",
        "np.vectorize(f)",
        "np.eye(10)",
        "np.sqrt(2 / 1794)",
        "np.finfo(float).eps",
        "float(3)",
    ],
)
def test_literals_and_cheap_calls_are_evaluated(text):
    assert is_harmless(expression(text))


@pytest.mark.parametrize(
    "text",
    [
        "load()",
        "np.load('x')",
        "open('x')",
        "10 ** 10 ** 10",
        "1 << N",
        "'a' * 10",
        "10 ** 1000000",
        "[f(x) for x in y]",
        "train.shape[0]",
        "np.array(load())",
        "print(1)",
    ],
)
def test_what_runs_reads_or_may_not_end_is_not(text):
    assert not is_harmless(expression(text))

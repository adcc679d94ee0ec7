"""What the values of an option are, and what depends on it."""

import dataclasses

import pytest

from mlp.options import one_of, option, path, real, whole


@pytest.mark.parametrize(
    ("domain", "good", "bad", "expected"),
    [
        (path(), [" ", "any text"], [""], "the name of a file or folder"),
        (one_of("keras"), ["keras"], ["torch", ""], "keras"),
        (one_of("a", "b", "c"), ["a", "b", "c"], ["d", "a, b"], "a, b or c"),
        (whole(1), [1, 2, 10**9], [0, -1], "at least 1"),
        (
            real(lambda value: value > 0, "above 0", "ALPHA"),
            [5e-324, 1.0],
            [0.0, -1.0, float("nan"), float("inf")],
            "above 0",
        ),
    ],
)
def test_a_domain_has_its_values_and_no_others_and_says_which(domain, good, bad, expected):
    assert [value for value in good + bad if domain.check(value)] == good
    assert domain.expected == expected


def test_what_argparse_needs_comes_with_the_domain():
    assert one_of("a", "b").argument == {"metavar": "a|b"}
    assert whole(0, "PATIENCE").argument == {"type": int, "metavar": "PATIENCE"}
    assert real(bool, "", "ALPHA").argument == {"type": float, "metavar": "ALPHA"}


@pytest.mark.parametrize(
    ("given", "weights", "resume"),
    [
        ({}, True, False),
        ({"resume": True}, True, True),
        ({"weights": False}, False, True),  # what changes nothing may change at any time
    ],
)
def test_an_option_says_what_depends_on_it(given, weights, resume):
    one = option(3, "help", whole(1), **given)
    assert isinstance(one, dataclasses.Field)
    metadata = {key: one.metadata[key] for key in ("help", "weights", "resume")}
    assert metadata == {"help": "help", "weights": weights, "resume": resume}
    assert one.default == 3

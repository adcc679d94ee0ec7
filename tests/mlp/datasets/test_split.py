"""Which rows train, validate and test: every class in proportion, and the task's own way."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlp import DataError
from mlp.datasets.split import TASK_SPLIT, counts, cut, is_split

NAMES = "abcdefghijklmnopq"


def of(labels, split=None, **own):
    return cut(np.asarray(labels), split, 521, class_names=NAMES, name="a", **own)


@given(
    sizes=st.lists(st.integers(3, 60), min_size=2, max_size=12),
    split=st.none() | st.tuples(st.floats(0.05, 0.9), st.floats(0.05, 0.09)),
    has_test=st.booleans(),
)
def test_every_class_is_divided_alike_and_every_row_once(sizes, split, has_test):
    labels = np.repeat(np.arange(len(sizes)), sizes)
    found = of(labels, split, has_test=has_test)
    np.testing.assert_array_equal(np.sort(np.concatenate(found)), np.arange(len(labels)))
    wanted = split[1] if split else 0.15
    rest = 1 - sum(split) if split else 0.0 if has_test else 0.15
    for index, n in enumerate(sizes):
        train, valid, others = (int((labels[part] == index).sum()) for part in found)
        assert train >= 1
        assert valid >= 1
        assert abs(valid - max(1, wanted * n)) <= 1
        assert (others == 0) if rest == 0 else others >= 1
        if n > 20:
            assert abs(others - rest * n) <= 1.5


def test_it_is_the_permutation_of_the_task_that_is_cut():
    order = np.random.RandomState(521).permutation(60)
    labels = np.arange(60) % 3
    for part, expected in zip(of(labels, (30, 20)), np.split(order, [30, 50]), strict=True):
        np.testing.assert_array_equal(part, expected)
    train = of(labels).train
    np.testing.assert_array_equal(train, order[np.isin(order, train)])  # in its order


@pytest.mark.parametrize(
    ("own", "sizes"),
    [
        ({}, (140, 30, 30)),
        ({"has_test": True}, (170, 30, 0)),
        ({"has_valid": True}, (170, 0, 30)),
        ({"has_valid": True, "has_test": True}, (200, 0, 0)),
    ],
)
def test_what_the_data_divide_themselves_is_not_divided_again(own, sizes):
    assert tuple(map(len, of(np.repeat([0, 1], 100), **own))) == sizes


def test_a_class_of_too_few_rows_is_named():
    labels = np.repeat([0, 1, 2, 3], [5, 2, 9, 1])
    message = r"a: every class must have at least 3 rows, .*; class b, d has fewer"
    with pytest.raises(DataError, match=message):
        of(labels)
    with pytest.raises(DataError, match=r"at least 2 rows, .*; class d has fewer"):
        of(labels, has_test=True)


def test_a_split_is_counts_or_shares():
    for good in (
        (1, 1),
        (10_000, 6_000),
        (np.int64(3), 4),
        (np.float64(0.5), 0.25),
        (0.8, 0.1),
        (0.5, 0.5),
    ):
        assert is_split(good)
    for bad in ((0, 5), (1, 0.5), (0.5,), (0.0, 0.5), (0.9, 0.2), (True, 1), [1, 2], "12", None):
        assert not is_split(bad)
    assert counts(None) == TASK_SPLIT
    assert counts((3, 4)) == (3, 4)
    with pytest.raises(DataError, match=r"a: the split must be two counts .*, got \(0.8, 5\)"):
        of([0, 1, 0, 1], (0.8, 5))
    with pytest.raises(ValueError, match=r"must count rows here, got \(0.8, 0.1\)"):
        counts((0.8, 0.1))


def test_shares_that_leave_nothing_to_test_are_refused_unless_there_are_test_rows():
    labels = np.arange(60) % 3
    for shares in ((0.8, 0.2), (0.7, 0.3), (0.9, 0.1)):
        with pytest.raises(DataError, match=r"a: the split must leave some rows to test, got \("):
            cut(labels, shares, 0, class_names=NAMES, name="a")
        assert len(cut(labels, shares, 0, has_test=True, class_names=NAMES, name="a").rest) == 0

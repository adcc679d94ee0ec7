"""Labels as people write them down: what is read of them, and the one line where it is nothing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlp import DataError
from mlp.datasets import labels
from mlp.datasets.labels import read_labels

WHICH = np.array([2, 0, 1, 2, 2, 0, 1])


def read(raw, n_rows=7):
    return read_labels(np.asarray(raw), n_rows, "a")


class Missing:
    """What pandas has where there is nothing."""


Missing.__name__ = "NAType"
NOTHING = Missing()

FORMS = {
    "bytes": (WHICH.astype(np.uint8), "0 1 2"),
    "from 1": (WHICH + 1, "1 2 3"),
    "gaps": (np.array([-5, 0, 70])[WHICH], "-5 0 70"),
    "big-endian": ((WHICH * 9).astype(">i2"), "0 9 18"),
    "huge": (WHICH.astype(np.uint64) + np.uint64(2**63), f"{2**63} {2**63 + 1} {2**63 + 2}"),
    "a column": (WHICH[:, None], "0 1 2"),
    "columns of columns": (WHICH[:, None, None], "0 1 2"),
    "a row": (WHICH[None], "0 1 2"),
    "whole floats": (WHICH * 1.0, "0 1 2"),
    "whole halves": ((WHICH + 4).astype(np.float16), "4 5 6"),
    "floats of more than 64 bits": (WHICH * 1e30, f"0 {1e30} {2e30}"),
    "fractions": (WHICH / np.float32(10), "0 0.1 0.2"),
    "digits": (WHICH.astype(str), "0 1 2"),
    "bytes of digits": (WHICH.astype("S"), "0 1 2"),
    "digits by size": (np.array(["-11", "9", "10"])[WHICH], "-11 9 10"),
    "digits with a point": (np.array(["0.0", "1.", " 2.00 "])[WHICH], "0 1 2"),
    "codes": (np.array(["001", "02", "3"])[WHICH], "001 02 3"),
    "fractions as texts": (np.array(["0.5", "2.0", "1e1"])[WHICH], "0.5 2 1e1"),
    "words": (np.array(["b", "a ", " c"])[[1, 0, 2]][WHICH], "a b c"),
    "words in UTF-8": (np.array([b"a", "ä".encode(), "я".encode()])[WHICH], "a ä я"),
    "words and digits": (np.array(["10", "9", "x"])[WHICH], "10 9 x"),
    "objects of text": (np.array(["a", "b", "c"], object)[WHICH], "a b c"),
    "objects of numbers": (np.array([3, 4, np.int8(5)], object)[WHICH], "3 4 5"),
    "objects in a column": (np.array([3.0, 4, 5], object)[WHICH][:, None], "3 4 5"),
    "one-hot": (np.eye(3, dtype=np.uint8)[WHICH], "0 1 2"),
    "one-hot booleans": (np.eye(3, dtype=bool)[WHICH], "0 1 2"),
    "one-hot floats with an empty column": (np.eye(4)[WHICH + 1], "1 2 3"),
}


@pytest.mark.parametrize("name", FORMS)
def test_labels_of_every_form_are_read(name):
    raw, texts = FORMS[name]
    found = read(raw)
    assert found.texts == tuple(texts.split())
    np.testing.assert_array_equal(found.which, WHICH)
    assert found.columns == (raw.shape[1] if "one-hot" in name else 0)


def test_booleans_are_false_and_true():
    for raw in (WHICH > 0, (WHICH > 0).astype(object), (WHICH > 0)[:, None]):
        found = read(raw)
        assert (found.texts, found.numeric) == (("False", "True"), False)
        np.testing.assert_array_equal(found.which, WHICH > 0)


@given(
    values=st.lists(st.integers(-(10**9), 10**9), min_size=2, max_size=30),
    form=st.sampled_from([str, float, lambda v: f" {v}.0 ", lambda v: str(v).encode()]),
)
def test_the_same_numbers_are_the_same_labels_however_they_are_written(values, form):
    found = read([form(value) for value in values], len(values))
    expected = read(values, len(values))
    assert found.texts == expected.texts == tuple(map(str, sorted(set(values))))
    np.testing.assert_array_equal(found.which, expected.which)
    assert found.numeric


@settings(max_examples=50)
@given(texts=st.lists(st.text(max_size=5), min_size=1, max_size=20), seed=st.integers(0, 99))
def test_the_order_of_rows_changes_no_label(texts, seed):
    order = np.random.default_rng(seed).permutation(len(texts))
    raw = np.array(texts)
    one, other = read(raw, len(raw)), read(raw[order], len(raw))
    assert one.texts == other.texts
    np.testing.assert_array_equal(one.which[order], other.which)
    for text, which in zip(raw.tolist(), one.which.tolist(), strict=True):
        known = text.strip() not in ("", "nan", "NaN", "<NA>")
        assert (which >= 0) == known
        assert not known or one.numeric or one.texts[which] == text.strip()


@pytest.mark.parametrize(
    "raw",
    [
        np.where(WHICH == 1, np.nan, WHICH),
        np.array(["a", "", "b"])[WHICH],
        np.array(["a", " \t", "b"])[WHICH],
        np.array(["1", "nan", "2"])[WHICH],
        np.array([b"a", b"", b"b"])[WHICH],
        np.array(["a", None, "b"], object)[WHICH],
        np.array([1, None, 2], object)[WHICH],
        np.array([1.5, np.float32("nan"), 2], object)[WHICH],
        np.array([True, None, False], object)[WHICH],
        np.array(["a", NOTHING, "b"], object)[WHICH],
    ],
)
def test_rows_without_a_label_are_known(raw):
    found = read(raw)
    np.testing.assert_array_equal(found.which < 0, WHICH == 1)
    assert len(found.texts) == 2


BAD = {
    "complex": (WHICH * 1j, "labels must be numbers or texts, got complex128"),
    "dates": (WHICH.astype("M8[s]"), "labels must be numbers or texts, got datetime64"),
    "infinite": (np.where(WHICH == 1, np.inf, WHICH), "labels must be finite, row 2 holds inf"),
    "no axis": (np.array(3), r"labels must be of shape \(N,\) or \(N, 1\), .* got int64 of shape"),
    "three axes": (np.ones((7, 2, 2)), r"or one-hot rows \(N, K\), got float64 of shape \(7, 2, 2"),
    "texts in columns": (np.full((7, 2), "a"), r"got <U1 of shape \(7, 2\)"),
    "two ones": (np.ones((7, 2)), r"must be one-hot, a single 1 .* row 0 holds 1.0, 1.0"),
    "no one": (np.vstack([np.eye(7)[:6], np.zeros(7)]), "row 6 holds 0.0, 0.0, 0.0, 0.0, 0.0, ..."),
    "probabilities": (np.full((7, 2), 0.5), "row 0 holds 0.5, 0.5"),
    "a one and a NaN": (np.full((7, 2), [1, np.nan]), "row 0 holds 1.0, nan"),
    "no UTF-8": (np.array([b"a", b"\xff"] * 3), "labels must be texts in UTF-8"),
    "long texts": (np.array(["a" * 1001, "b"]), "labels must have at most 1000 characters"),
    "texts and numbers": (np.array(["a", 1], object), "all numbers, all booleans or all texts"),
    "booleans and numbers": (np.array([True, 2], object), "all numbers, all booleans or all"),
    "objects": (np.array([{}, {}], object), "all numbers, all booleans or all texts"),
    "numbers of any size": (np.array([10**30, 1], object), "all numbers, all booleans or all"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_label_is_one_line(name):
    raw, message = BAD[name]
    with pytest.raises(DataError, match=f"^a: .*{message}") as caught:
        read(raw)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (np.arange(20), False),  # few are classes, however few rows there are
        (np.arange(0, 42, 2), True),
        (np.tile(np.arange(0, 42, 2), 10), False),  # a tenth of the rows
        (np.tile(np.arange(0, 42, 2), 9), True),
        (np.tile(np.arange(40), 2), False),  # as class indices are
        (np.tile(np.arange(1, 41), 2), False),
        (np.tile(np.arange(2, 42), 2), True),
        (np.arange(40), True),
        (np.arange(40).astype(str), True),
        (np.arange(40.0), True),
        ([f"{number} years" for number in range(40)], False),
    ],
)
def test_many_numbers_that_differ_look_like_quantities(raw, expected):
    assert read(raw, len(raw)).looks_like_quantities == expected


@pytest.mark.parametrize("form", [np.int32, np.float64, "U7"])
def test_more_distinct_labels_than_any_classes_are_refused(form, monkeypatch):
    monkeypatch.setattr(labels, "_MOST", 99)
    read(np.arange(99).astype(form), 99)
    with pytest.raises(DataError, match="at most 99 distinct values, got 100; they are those of"):
        read(np.arange(100).astype(form), 100)


def test_integers_that_are_indices_already_are_not_copied():
    raw = np.array([1, 0, 2], np.int32)
    assert read(raw, 3).which is raw

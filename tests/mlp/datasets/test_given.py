"""What a program gives: lists, data frames and series, or what is like them."""

import numpy as np
import pytest
from bits import assert_same_bits

from mlp import Classifier, DataError, Dataset, init_parameters
from mlp.datasets.given import given_labels, given_rows


class Frame:
    """A data frame, as far as it counts."""

    def __init__(self, columns, rows):
        self.columns, self._rows = columns, rows

    def __array__(self, dtype=None, copy=None):
        return np.array(self._rows, object)


class Categories:
    """What pandas calls Categorical."""

    def __init__(self, categories, codes):
        self.categories, self.codes = np.array(categories, object), np.array(codes, np.int8)


class Series:
    """A series of categories."""

    def __init__(self, *categories):
        self.cat = Categories(*categories)


def test_arrays_are_taken_as_they_are_in_this_machines_order():
    array = np.arange(6.0).reshape(3, 2)
    assert given_rows(array, "a") is array
    assert_same_bits(given_rows(array.astype(">f8"), "a"), array)
    assert_same_bits(given_rows(array.tolist(), "a"), array)


def test_a_data_frame_of_several_dtypes_is_one_of_floats():
    frame = Frame(["age", "member", "height"], [[30, True, 1.5], [np.int8(4), np.bool_(0), 2]])
    assert_same_bits(given_rows(frame, "a"), np.array([[30, 1, 1.5], [4, 0, 2]]))
    for value, shown in (("tall", "'tall'"), (None, "None"), ({}, "{}")):
        frame = Frame(["age", "height"], [[30, 1.5], [4, value]])
        with pytest.raises(DataError) as caught:
            given_rows(frame, "a")
        assert str(caught.value) == f"a: rows must be numbers, row 1, column 'height' holds {shown}"
    with pytest.raises(DataError, match="row 0, column 1 holds 'x'"):
        given_rows(np.array([[1, "x"]], object), "a")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([[1, 2], [3]], "a: make no array"),
        (np.ma.masked_equal([[1, 2]], 2), "a: must have no masked values"),
        (object(), "a: rows must be an array, got object; a sparse one has toarray"),
    ],
)
def test_what_is_no_array_is_one_line(rows, message):
    with pytest.raises(DataError, match=message) as caught:
        given_rows(rows, "a")
    assert "\n" not in str(caught.value)


def test_a_masked_array_without_masked_values_is_an_array():
    assert_same_bits(given_rows(np.ma.array([[1, 2]]), "a"), np.array([[1, 2]]))


@pytest.mark.parametrize("kind", [Categories, Series])
def test_categories_are_the_classes_in_their_order(kind):
    y = kind(["low", "mid", "high"], [2, 0, 1, 2])
    labels, names = given_labels(y, "a")
    assert (labels.tolist(), names) == (["high", "low", "mid", "high"], ("low", "mid", "high"))
    dataset = Dataset.from_arrays(np.eye(4), y, test=(np.eye(4), ["low", "low", "high", "mid"]))
    assert dataset.class_names == ("low", "mid", "high")
    assert dataset.train.labels.tolist() == [2, 0, 1, 2]
    assert dataset.test.labels.tolist() == [0, 0, 2, 1]
    other = kind(["high", "low"], [0, 1, 1, 0])  # other numbers for the same categories
    test = Dataset.from_arrays(np.eye(4), y, test=(np.eye(4), other)).test
    assert test.labels.tolist() == [2, 0, 0, 2]


@pytest.mark.parametrize(
    "names",
    [[2, 1, 0], ["2", "1", "0"], [7.0, 5.0, 6.0], ["1.0", "0.0", "2.0"], [10, 9, 8]],
    ids=str,
)
def test_categories_named_by_numbers_are_what_they_are_called(names):
    codes = np.arange(12) % 3
    features = np.random.default_rng(0).normal(size=(12, 2))
    given = Categories(names, codes)
    dataset = Dataset.from_arrays(
        features, given, valid=(features, Categories(names[::-1], 2 - codes))
    )
    for rows in (dataset.train, dataset.valid):
        called = [dataset.class_names[label] for label in rows.labels]
        assert called == [str(names[code]) for code in codes]


def test_categories_that_are_numbers_keep_their_order_too():
    dataset = Dataset.from_arrays(np.eye(4), Categories([9, 3, 5], [0, 2, 1, 1]))
    assert dataset.class_names == ("9", "3", "5")
    assert dataset.train.labels.tolist() == [0, 2, 1, 1]


def test_one_hot_columns_are_named_after_their_classes():
    y = Frame(["low", "mid", "high"], np.eye(3)[[2, 0, 1, 2]])
    other = Frame(["high", "low"], np.eye(2)[[0, 1, 1, 0]])
    dataset = Dataset.from_arrays(np.eye(4), y, test=(np.eye(4), other))
    assert dataset.class_names == ("low", "mid", "high")
    assert dataset.train.labels.tolist() == [2, 0, 1, 2]
    assert dataset.test.labels.tolist() == [2, 0, 0, 2]
    column = Frame(["class"], [[5], [3], [5], [3]])
    assert Dataset.from_arrays(np.eye(4), column).class_names == ("3", "5")
    with pytest.raises(DataError, match="must be one-hot, a single 1 among zeros"):
        Dataset.from_arrays(np.eye(4), Frame(["a", "b"], np.ones((4, 2))))


def test_columns_in_another_order_are_refused():
    x = Frame(["a", "b"], [[0.0, 1.0], [1.0, 0.0]])
    dataset = Dataset.from_arrays(x, [0, 1], test=(np.eye(2), [0, 1]))
    classifier = Classifier.of(init_parameters((2, 3, 2), seed=0, dtype="float64"), dataset)
    classifier.predict(x)
    message = "columns must be those of the training rows in their order, a, b; got b, a"
    other = Frame(["b", "a"], [[0.0, 1.0], [1.0, 0.0]])
    with pytest.raises(DataError, match=f"the arrays: test set: {message}"):
        Dataset.from_arrays(x, [0, 1], test=(other, [0, 1]))
    with pytest.raises(DataError, match=f"raw rows: {message}"):
        classifier.predict(other)


def test_what_categories_lack_is_named():
    for codes, message in (
        ([0, 1, -1], "the arrays: row 2 has no label"),
        ([0, 0, 2], "3 class names, but no training rows of mid"),
    ):
        with pytest.raises(DataError, match=message):
            Dataset.from_arrays(np.eye(3), Categories(["low", "mid", "high"], codes))


def test_other_labels_are_arrays():
    for y in ([1, 2], np.array([1, 2]), (1, 2)):
        labels, names = given_labels(y, "a")
        assert (labels.tolist(), names) == ([1, 2], ())

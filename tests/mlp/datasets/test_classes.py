"""Which class is which label: in training, in its other parts, and for a model."""

import numpy as np
import pytest

from mlp import DataError, Preparation
from mlp.datasets.classes import assign, recognise

WHICH = np.array([2, 0, 1, 2, 2, 0, 1])


def classes_of(train, known=(), asked=(), *, are_classes=False, **others):
    raw = {"train": np.asarray(train)} | {part: np.asarray(one) for part, one in others.items()}
    n_rows = {part: len(one) for part, one in raw.items()}
    return assign(raw, n_rows, "a", known=known, asked=asked, are_classes=are_classes)


@pytest.mark.parametrize(
    ("labels", "names", "own", "note"),
    [
        (WHICH, "0 1 2", None, None),
        (WHICH * 1.0, "0 1 2", None, None),
        (WHICH.astype(str), "0 1 2", None, None),
        (WHICH + 1, "1 2 3", "1 2 3", "labels 1 to 3 are classes 0 to 2"),
        (WHICH - 1, "-1 0 1", "-1 0 1", "labels -1 to 1 are classes 0 to 2"),
        (WHICH * 2, "0 2 4", "0 2 4", "labels 0, 2, 4 are classes 0 to 2"),
        (WHICH * 9 + 1, "1 10 19", "1 10 19", "labels 1, 10, 19 are classes 0 to 2"),
        (np.array(["1", "10", "9"])[[0, 2, 1]][WHICH], "1 9 10", "1 9 10", "labels 1, 9, 10 are"),
        (np.array(["a", "b", "c"])[WHICH], "a b c", "a b c", "labels a, b, c are classes 0 to 2"),
        (WHICH > 0, "False True", "False True", "labels False, True are classes 0 to 1"),
        (np.eye(3)[WHICH], "0 1 2", None, "labels are one-hot rows; a class is the number of its"),
        (np.eye(4)[WHICH + 1], "1 2 3", "1 2 3", "labels 1 to 3 are classes 0 to 2"),
        (WHICH * 1e30, "0 1e+30 2e+30", "0 1e+30 2e+30", "labels 0, 1e+30, 2e+30 are classes 0"),
        (np.arange(9) * 2, "0 2 4 6 8 10 12 14 16", "0 2 4 6 8 10 12 14 16", "0, 2, 4, 6, ..., 16"),
    ],
)
def test_the_sorted_labels_are_the_classes(labels, names, own, note):
    found = classes_of(labels)
    assert found.names == tuple(names.split())
    assert found.own == (None if own is None else tuple(own.split()))
    assert len(found.notes) == (note is not None)
    assert note is None or note in found.notes[0]
    order = WHICH > 0 if labels.dtype == bool else np.arange(9) if len(labels) == 9 else WHICH
    np.testing.assert_array_equal(found.labels["train"], order)


def test_other_parts_are_of_the_classes_of_training():
    found = classes_of(WHICH + 1, valid=["3", "1"], test=np.eye(3)[[1, 1, 0]])
    assert [found.labels[part].tolist() for part in ("valid", "test")] == [[2, 0], [1, 1, 0]]
    with pytest.raises(DataError) as caught:
        classes_of(WHICH + 1, valid=WHICH + 1, test=[1, 2, 7, 0])
    assert str(caught.value) == (
        "a: test set: labels must be among those of the training rows, 1 to 3; got 0, 7"
    )


def test_a_row_without_a_label_is_named():
    for part, message in (
        ("train", "a: row 1 has no"),
        ("test", "a: test set: row 1 has no label"),
    ):
        parts = {"train": ["x", "y"], "test": ["x", "y"]} | {part: ["x", "", ""]}
        with pytest.raises(DataError, match=f"^{message}"):
            classes_of(**parts)


def test_names_that_are_asked_for_are_those_of_the_sorted_labels():
    for labels in (WHICH, WHICH + 1, np.array(["a", "b", "c"])[WHICH], np.eye(3)[WHICH]):
        found = classes_of(labels, asked=("x", "y", "z"), known=("p", "q", "r"))
        assert found.names == ("x", "y", "z")
        np.testing.assert_array_equal(found.labels["train"], WHICH)
    with pytest.raises(DataError, match="a: class_names must be 3 for labels 1 to 3, got 2"):
        classes_of(WHICH + 1, asked=("x", "y"))
    for names in (("x", "x", "y"), ("x", "", "y")):
        with pytest.raises(DataError, match="class_names must all be different, and none empty"):
            classes_of(WHICH, asked=names)


def test_labels_and_names_that_no_model_file_holds_are_refused(monkeypatch):
    monkeypatch.setattr("mlp.datasets.classes.NAMES_LIMIT", 12)
    long = np.array(["a", "b", "cccc"])
    assert classes_of(long[WHICH], asked=("x", "yyyy", "z")).names == ("x", "yyyy", "z")
    for labels, names in ((np.array(["a", "b", "ccccc"]), ()), (long, ("x", "yyyyy", "z"))):
        with pytest.raises(DataError, match="its 3 labels or class names are too long for a model"):
            classes_of(labels[WHICH], asked=names)


@pytest.mark.parametrize("source", ["asked", "known"])
@pytest.mark.parametrize(
    ("labels", "names"), [(["a", "b", "c"], ("c", "a", "b")), ([3, 5, 7], ("7", "3", "5"))]
)
def test_names_that_are_the_labels_give_the_order_of_the_classes(source, labels, names):
    """Named in the order of the sorted labels a row would be given the name of another label."""
    found = classes_of(np.array(labels)[WHICH], **{source: names})
    assert (found.names, found.own) == (names, names)
    assert [names[k] for k in found.labels["train"]] == np.array(labels)[WHICH].astype(str).tolist()


def test_names_of_the_data_are_those_of_the_numbers_or_of_the_sorted_labels():
    assert classes_of(WHICH, known=("p", "q ", "r")).names == ("p", "q", "r")
    assert classes_of(WHICH, known=("2", "1", "0")).names == ("2", "1", "0")
    assert classes_of(WHICH, known=("2", "1", "0")).labels["train"].tolist() == WHICH.tolist()
    # Those of a user who names the labels are their order.
    assert classes_of(WHICH, asked=("2", "1", "0")).labels["train"].tolist() == (2 - WHICH).tolist()
    found = classes_of(WHICH + 1, known=("p", "q", "r"))
    assert (found.names, found.own) == (("p", "q", "r"), ("1", "2", "3"))
    for labels, names, message in (
        (WHICH * 2, tuple("pqrst"), "5 class names, but no training rows of q, s$"),
        (WHICH + 1, ("N/A", *"abc"), "4 class names, but no training rows of N/A$"),
        (np.array(["p", "q", "r"])[WHICH], tuple("pqrs"), "no training rows of s$"),
        (WHICH + 7, tuple("pqrs"), "class_names must be 3 for labels 7 to 9, got 4"),
    ):
        with pytest.raises(DataError, match=f"^a: .*{message}") as caught:
            classes_of(labels, known=names)
        assert "--" not in str(caught.value)
    # What the user says counts, but not against the data: another order would call them wrongly.
    for labels in (WHICH, WHICH + 1, np.array(["a", "b", "c"])[WHICH], np.eye(3)[WHICH]):
        with pytest.raises(DataError, match=r"^a: class_names must be in the order of its own, p"):
            classes_of(labels, known=("p ", "q", "r"), asked=("r", "q", "p"))
        assert classes_of(labels, known=tuple("pqr"), asked=tuple("pqr")).names == tuple("pqr")
    digits = ("1", "2", "0")  # of labels that are numbers of these, not these themselves
    for asked in ((), digits):
        found = classes_of(WHICH, known=digits, asked=asked)
        assert (found.names, found.labels["train"].tolist()) == (digits, WHICH.tolist())
    with pytest.raises(DataError, match=r"its own, 1, 2, 0, or left out$"):
        classes_of(WHICH, known=digits, asked=("0", "1", "2"))
    named = classes_of(np.array(["p", "q", "r"])[WHICH], known=tuple("pqr"), asked=tuple("rqp"))
    assert [named.names[k] for k in named.labels["train"]] == ["pqr"[k] for k in WHICH]
    assert classes_of(WHICH + 1, known=("N/A", *"abc"), asked=tuple("abc")).names == tuple("abc")


@pytest.mark.parametrize("are_classes", [False, True])
@pytest.mark.parametrize(
    ("labels", "what"),
    [
        (np.arange(40) ** 2, "40 distinct numbers in 40 rows, as for regression"),
        (WHICH / 2, "fractions such as 0.5, as for regression"),
        (np.array(["1", "1.5", "2"])[WHICH], "fractions such as 1.5"),
    ],
)
def test_quantities_are_refused_unless_they_are_said_to_be_classes(labels, what, are_classes):
    if are_classes:
        n_classes = len(set(labels.tolist()))
        assert len(classes_of(labels, are_classes=True).names) == n_classes
        names = tuple(f"class {number}" for number in range(n_classes))
        assert classes_of(labels, asked=names).names == names
        return
    with pytest.raises(DataError, match=f"^a: labels must be classes, got {what}") as caught:
        classes_of(labels)
    assert "--class-names" in caught.value.mend


def recognised(labels, names, own=None):
    labels = np.asarray(labels)
    found, note = recognise(labels, len(labels), Preparation(names, labels=own), "a")
    return found.tolist(), note


def test_a_model_knows_labels_by_its_own_or_by_its_classes_names():
    names, own = ("x", "y", "z"), ("1", "5", "9")
    for labels in ([9, 1, 5], ["9", "1", " 5.0 "], [9.0, 1.0, 5.0], ["z", "x", "y"]):
        assert recognised(labels, names, own) == ([2, 0, 1], "")
    for labels in ([2, 0, 1], ["2", "0", "1"], ["z", "x", "y"], np.eye(3)[[2, 0, 1]]):
        assert recognised(labels, names) == ([2, 0, 1], "")
    assert recognised(np.eye(3, dtype=bool)[[2, 0, 1]], names, own) == ([2, 0, 1], "")
    assert recognised([True, False], ("False", "True"), ("False", "True")) == ([1, 0], "")
    # Numbers are those of classes, unless only their names are such numbers.
    assert recognised([1, 0], ("1", "0")) == ([1, 0], "")
    assert recognised([8, 3], ("3", "8")) == ([1, 0], "")


def test_labels_that_a_model_does_not_know_are_none():
    assert recognised(["x", "w", "", "v"], ("x", "y")) == (
        [0, -1, -1, -1],
        "a: the model knows no label v, w, and 1 rows have no label; such rows are predicted "
        "without one",
    )
    assert recognised(["", ""], ("x", "y"))[0] == [-1, -1]
    assert recognised([0.5, 1], ("x", "y"))[0] == [-1, 1]
    assert recognised(np.eye(4)[[3, 1]], ("x", "y", "z")) == (
        [-1, 1],
        "a: the model knows no label 3; such rows are predicted without one",
    )
    with pytest.raises(DataError, match="must be one-hot"):
        recognised(np.ones((2, 3)), ("x", "y", "z"))

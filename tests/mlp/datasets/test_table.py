"""Tables as people's tools write them: what is read of them, and what is refused."""

import gzip
import time
import tracemalloc

import numpy as np
import pytest
from data_files import write_folders
from table_files import (
    CLASSES,
    FEATURES,
    HEADER,
    IRIS,
    KINDS,
    NAMES,
    PIXELS,
    SMALL,
    TABLES,
    digits,
    text,
    write_table,
)

from mlp import DataError, Preparation, TrainingConfig, load, train
from mlp.datasets import errors, lines, records
from mlp.datasets.blocks import read_blocks
from mlp.datasets.content import read
from mlp.datasets.reading import Reading

SHAPES = {
    **dict.fromkeys(("Kaggle's digits", "Sign-Language-MNIST", "MNIST in CSV"), (28, 28)),
    **dict.fromkeys(("columns before rows", "digits without a header"), (28, 28)),
    **dict.fromkeys(("pandas without names", "scikit-learn's digits"), (8, 8)),
    **dict.fromkeys(("UCI's optdigits", "fractions of pixels"), (8, 8)),
    "a size that is said": (64,),
}
UPPER = {"scikit-learn's digits": SMALL // 16, "UCI's optdigits": SMALL // 16}


def write(folder, *rows, name="a.csv"):
    (folder / name).write_text(text(*rows))
    return folder / name


@pytest.mark.parametrize("block", [50, 2**18])
@pytest.mark.parametrize("kind", TABLES)
def test_rows_labels_and_names_are_those_of_the_table(tmp_path, monkeypatch, kind, block):
    monkeypatch.setattr(lines, "_BLOCK", block)
    path, said = write_table(tmp_path, kind)
    content = read(path, Reading(**said))
    rows, labels = content.parts["train"][:2]
    if kind not in SHAPES:
        np.testing.assert_array_equal(rows, FEATURES)
        assert rows.dtype == np.float64
        first = "größe" if kind == "Latin letters" else "setosa"
        assert labels.tolist() == [{"setosa": first}.get(KINDS[k], KINDS[k]) for k in CLASSES]
        assert content.feature_names == (() if "UCI" in kind else NAMES)
        assert content.table
        return
    expected = PIXELS if SHAPES[kind] == (28, 28) else UPPER.get(kind, SMALL)
    assert rows.shape == (len(PIXELS), *SHAPES[kind])
    found = rows.reshape(len(rows), -1)
    if kind == "fractions of pixels":
        np.testing.assert_array_equal(found, (SMALL / 255).round(7))
    else:
        np.testing.assert_array_equal(found, expected)
        assert rows.dtype == np.uint8
    assert content.table == (kind in UPPER)
    own = [0, 1, 24] if kind == "Sign-Language-MNIST" else [0, 1, 2]
    assert labels.tolist() == [own[k] for k in CLASSES]
    assert content.feature_names == (
        tuple(f"v{k}" for k in range(64)) if kind == "a size that is said" else ()
    )


@pytest.mark.parametrize("kind", TABLES)
def test_tables_train_and_are_read_alike_to_be_predicted(tmp_path, kind):
    path, said = write_table(tmp_path, kind)
    dataset = load(path, split=(0.5, 0.25), **said)
    assert train(dataset, TrainingConfig(hidden=(3,), epochs=1)).epoch == 1
    notes = []
    found = [*read_blocks(path, dataset.preparation, dataset.n_features, notes.append)]
    rows, labels = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
    trained = [
        [*row, label]
        for split in dataset.splits.values()
        for row, label in zip(split.features.tolist(), split.labels.tolist(), strict=True)
    ]
    predicted = [[*row, label] for row, label in zip(rows.tolist(), labels.tolist(), strict=True)]
    assert sorted(predicted) == sorted(trained)
    assert rows.dtype == dataset.train.features.dtype


NOTES = {
    "features": ["column 'species' holds the labels, the others 4 features"],
    "pandas with a mixed index": ["column 1 only counts or names the rows, and is left out"],
    "Kaggle's Id": ["column 'Id' only counts or names the rows, and is left out"],
    "Excel, German": ["its numbers are read with decimal commas"],
    "Excel, empty lines below": ["3 lines of empty cells are left out"],
    "Excel, an empty column": ["column 6 is empty, and is left out"],
    "Latin letters": ["has lines that are no UTF-8; they are read as Windows-1252"],
    "digits without a header": [
        "has no header; column 1 holds the labels, the others the pixels of 28 x 28 pictures"
    ],
    "scikit-learn's digits": [
        "column 'target' holds the labels, the others the pixels of 8 x 8 pictures",
        "its pixels reach only 15 of 255; they are standardised, unless --no-standardize says "
        "otherwise",
    ],
}


@pytest.mark.parametrize("kind", NOTES)
def test_what_is_guessed_or_left_out_is_said(tmp_path, kind):
    path, said = write_table(tmp_path, kind)
    notes = read(path, Reading(**said)).notes
    assert {f"{path}: {note}" for note in NOTES[kind]} <= set(notes)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([HEADER, IRIS[0], (1, "", 2, 3, "a")], "line 3, column 'sepal width (cm)': the cell is"),
        ([HEADER, IRIS[0], (1, 2, "NA", 3, "a")], "line 3, column 'petal length (cm)': 'NA' is"),
        ([HEADER, IRIS[0], (1, 2, "nan", 3, "a")], "'nan' is no finite number; write a number"),
        ([HEADER, IRIS[0], (1, 2, "1e999", 3, "a")], "'1e999' is no finite number"),
        ([HEADER, IRIS[0], (1, 2, "1_0", 3, "a")], "'1_0' is no finite number"),
        ([HEADER, IRIS[0], (1, 2, 3, 4, " ")], "line 3, column 'species': the label is missing"),
        ([("Sex", "Age", "label"), ("male", 3, 0)], "column 'Sex' holds text such as 'male'; only"),
        ([("Sex", "Ti", "label"), ("m", "Mr", 0)], "columns 'Sex', 'Ti' hold text such as 'm';"),
        ([("a", "a", "label"), (1, 2, 0)], "names several columns 'a'"),
        ([("a", "b", "c"), (1, 2, 0)], "not clear which column holds the labels; its columns are"),
        ([("a", "b", "c"), (1, 2, "x")], "'a', 'b', 'c'; column 'c' alone holds text"),
        ([("a", "Class", "y"), (1, 2, 0)], "several columns may hold the labels: 'Class', 'y'"),
        ([("Id", "label"), (1, 2)], "has no columns of features beside its labels"),
        ([(*range(16), 3)] * 2, "it has no header, and columns 1 to 17"),
        ([(0, *range(63), k) for k in range(9)], "it has no header, and columns 1 to 65"),
        ([("a", "b", "label"), *[("", 1, 0)] * 30, (1, 1, 0)], "column 'a' has values, but not in"),
    ],
)  # fmt: skip
def test_what_cannot_be_trained_on_is_named_by_line_and_column(tmp_path, rows, message):
    path = write(tmp_path, *rows)
    with pytest.raises(DataError) as caught:
        read(path, Reading())
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")


def test_a_column_of_labels_that_is_not_there_is_named(tmp_path):
    path = write(tmp_path, ("a", "b"), (1, 0), (2, 1))
    with pytest.raises(DataError, match=r"has no column 'c'; its columns are 'a', 'b'") as caught:
        read(path, Reading(label_column="c"))
    assert caught.value.mend.startswith("--label-column NAME")


def test_labels_are_as_they_stand_there(tmp_path):
    """Codes keep their zeros; where some labels are texts, all are."""
    for cells, expected in (
        (["1", "2", " 3"], [1.0, 2.0, 3.0]),
        (["01", "02", "10"], ["01", "02", "10"]),
        (["1", "A", "2.0"], ["1", "A", "2"]),
        (["1.5", "x", "y"], ["1.5", "x", "y"]),
    ):
        path = write(tmp_path, ("a", "label"), *zip(range(3), cells, strict=True))
        assert read(path, Reading()).parts["train"].labels.tolist() == expected


@pytest.mark.parametrize("block", [40, 2**18])
@pytest.mark.parametrize("form", ["{}", '"{}"', "-{}", "1{}", "1234{}"])
def test_whole_numbers_that_float64_merges_are_labels_of_their_own(
    tmp_path, monkeypatch, form, block
):
    monkeypatch.setattr(lines, "_BLOCK", block)
    names = [form.format(2**53 + k) for k in range(3)]
    rows = [(*row[:4], names[k]) for row, k in zip(IRIS, CLASSES, strict=True)]
    path = write(tmp_path, HEADER, *rows)
    dataset = load(path)
    kinds = sorted((name.strip('"') for name in names), key=int)
    assert dataset.class_names == tuple(kinds)
    features, labels = zip(*read_blocks(path, dataset.preparation, 4, [].append), strict=True)
    np.testing.assert_array_equal(np.concatenate(features), FEATURES)
    expected = [kinds.index(names[k].strip('"')) for k in CLASSES]
    assert np.concatenate(labels).tolist() == expected


def test_labels_are_the_same_wherever_the_text_is_cut(tmp_path, monkeypatch):
    monkeypatch.setattr(lines, "_BLOCK", 30)
    cells = [*range(10)] * 20 + ["A", "B", "07"]
    path = write(tmp_path, ("a", "label"), *zip(range(203), cells, strict=True))
    assert read(path, Reading()).parts["train"].labels.tolist() == [*map(str, cells)]


@pytest.mark.parametrize("place", [0, 4], ids=["first", "last"])
def test_commas_that_end_every_row_but_not_the_header_move_no_column(tmp_path, place):
    rows = [row[:4] for row in IRIS]
    table = [[*row[:place], k, *row[place:], ""] for row, k in zip(rows, CLASSES, strict=True)]
    path = write(tmp_path, [*NAMES[:place], "label", *NAMES[place:]], *table)
    content = read(path, Reading())
    np.testing.assert_array_equal(content.parts["train"][0], FEATURES)
    assert content.parts["train"][1].tolist() == CLASSES.tolist()
    assert content.feature_names == NAMES
    assert f"{path}: column 6 is empty, and is left out" in content.notes
    model = Preparation(KINDS, feature_names=NAMES, label_column="label")
    ((features, labels),) = read_blocks(path, model, 4, [].append)
    np.testing.assert_array_equal(features, FEATURES)
    assert labels.tolist() == CLASSES.tolist()


def test_a_column_named_as_an_index_that_is_none_is_a_feature(tmp_path):
    rows = [(k % 2, k, k + 0.5, k / 2, k % 3) for k in range(12)]
    path = write(tmp_path, ("Id", "index", "id", "x", "label"), *rows)
    content = read(path, Reading())
    assert content.feature_names == ("Id", "id", "x")
    np.testing.assert_array_equal(content.parts["train"].rows, [(a, *b) for a, _, *b, _ in rows])


def test_columns_that_are_numbered_are_the_first_that_count(tmp_path):
    rows = [(k + 1, k * 0.5, k % 3) for k in range(12)]
    path = write(tmp_path, *rows)
    content = read(path, Reading(label_column="3"))
    np.testing.assert_array_equal(content.parts["train"].rows[:, 0], [k * 0.5 for k in range(12)])
    assert content.label_column == "#3"
    again = read(path, Reading(label_column=content.label_column))
    np.testing.assert_array_equal(again.parts["train"].rows, content.parts["train"].rows)
    assert again.label_column == "#3"


class TestFolder:
    def folder(self, folder, test=None, names=("train.csv", "test.csv")):
        header, *rows = digits(SMALL, [f"pixel{k}" for k in range(64)])
        write(folder, header, *rows, name=names[0])
        if test is not None:
            write(folder, *test, name=names[1])
        return folder

    @pytest.mark.parametrize(
        "names", [("train.csv", "test.csv"), ("mnist_train.csv", "mnist_test.csv")]
    )
    def test_its_test_rows_are_those_of_its_own_file(self, tmp_path, names):
        test = digits(SMALL[:-10:-1], [f"pixel{k}" for k in range(64)], CLASSES[:9])
        content = read(self.folder(tmp_path, test, names), Reading())
        assert content.parts.keys() == {"train", "test"}
        np.testing.assert_array_equal(content.parts["test"].rows.reshape(9, 64), SMALL[:-10:-1])

    def test_columns_are_found_by_name(self, tmp_path):
        write(tmp_path, HEADER, *IRIS, name="train.csv")
        write(tmp_path, HEADER[::-1], *(row[::-1] for row in IRIS), name="valid.csv")
        parts = read(tmp_path, Reading()).parts
        np.testing.assert_array_equal(parts["valid"].rows, FEATURES)
        np.testing.assert_array_equal(parts["valid"].labels, parts["train"].labels)

    def test_kaggles_test_rows_without_labels_are_left_out(self, tmp_path):
        test = [row[1:] for row in digits(SMALL, [f"pixel{k}" for k in range(64)])]
        self.folder(tmp_path, test)
        write(tmp_path, ("ImageId", "Label"), (1, 0), name="sample_submission.csv")
        content = read(tmp_path, Reading())
        assert content.parts.keys() == {"train"}
        assert f"{tmp_path / 'test.csv'}: has no labels, and is left out" in content.notes
        assert f"{tmp_path}: other tables are left out: sample_submission.csv" in content.notes

    def test_several_sets_are_refused(self, tmp_path):
        self.folder(tmp_path, IRIS, ("a_train.csv", "b_train.csv"))
        with pytest.raises(DataError, match=r"several tables to train on \(a_train\.csv, b_train"):
            read(tmp_path, Reading())

    def test_a_test_table_of_other_columns_is_refused(self, tmp_path):
        write(tmp_path, HEADER, *IRIS, name="train.csv")
        write(tmp_path, ("a", "species"), (1, 2), name="test.csv")
        with pytest.raises(DataError, match=r"test\.csv: lacks columns that training had: 'sep"):
            read(tmp_path, Reading())

    def test_class_folders_of_pictures_come_first(self, tmp_path):
        write_folders(self.folder(tmp_path))
        assert load(tmp_path).class_names == ("A", "B", "C")


def test_rows_and_labels_of_more_memory_than_data_may_take_are_refused(tmp_path, monkeypatch):
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(text(("a", "label"), *[(1, 0)] * 30_000).encode()))
    monkeypatch.setattr(errors, "EXPANDED_LIMIT", 2 * 10**5)
    with pytest.raises(DataError, match="rows take more than 200000 bytes in memory"):
        read(path, Reading())
    write(tmp_path, ("a", "label"), *[(1, "x" * 900)] * 99)
    monkeypatch.setattr(records, "_LABELS_LIMIT", 10**5)
    with pytest.raises(DataError, match="its labels take more than 100000 bytes"):
        read(tmp_path / "a.csv", Reading())
    monkeypatch.setattr(records, "_DISTINCT_LIMIT", 9)
    write(tmp_path, ("a", "label"), *[(1, f"x{k}") for k in range(10)])
    with pytest.raises(DataError, match="column 'label' holds more than 9 different labels"):
        read(tmp_path / "a.csv", Reading())


MEGABYTE = 2**20
HOSTILE = {
    "10^5 columns": lambda: b"1," * 10**5 + b"label\n" + (b"1," * 10**5 + b"0\n") * 3,
    "10^5 names": lambda: b"a," * 60_000 + b"label\n" + b"1," * 60_000 + b"0\n",
    "NUL": lambda: b"a,label\n1,0\n" * 9 + bytes(MEGABYTE),
    "quotes that never close": lambda: b'a,label\n1,0\n"' + b"1,0\n" * MEGABYTE,
    "a quote in the header": lambda: b'a,"label\n' + b"1,0\n" * MEGABYTE,
    "many lines of quotes": lambda: b'a,label\n"' + b"\n" * 8 * MEGABYTE,
    "a cell of 1 GB": lambda: gzip.compress(b"a,label\n" + b"1" * 2**24) * 64,
    "empty lines": lambda: b"a,label\n1,0\n" + b"\n" * 10**5 + b"1\n",
    "nothing but empty lines": lambda: b"\n" * 10**7,
    "combining marks": lambda: b"a,label\n" + ("e" + "\u0301" * 60_000).encode() + b",0\n",
    "a number of 10^5 digits": lambda: b"a,label\n" + b"9" * 10**5 + b",0\n1,1\n",
    "control codes": lambda: "a\u202e\u2028,label\n\u061c1,0\n".encode(),
    "a bomb of blanks": lambda: gzip.compress(b" " * 2**24) * 64,
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_tables_are_refused_in_one_line(tmp_path, kind):
    content = HOSTILE[kind]()
    path = tmp_path / ("a.csv.gz" if content.startswith(b"\x1f\x8b") else "a.csv")
    path.write_bytes(content)
    del content
    tracemalloc.start()
    started = time.process_time()
    try:
        with pytest.raises(DataError) as caught:
            load(path)
        assert time.process_time() - started < 3.0
        assert tracemalloc.get_traced_memory()[1] < 2**27
    finally:
        tracemalloc.stop()
    assert str(caught.value).isprintable()
    assert str(caught.value).startswith(f"{path}: ")
    assert len(str(caught.value)) < 600

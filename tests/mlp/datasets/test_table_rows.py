"""Tables to predict: columns found by name or place, labels recognised, pixels as in training."""

import gzip
from dataclasses import replace

import numpy as np
import pytest
from table_files import CLASSES, FEATURES, HEADER, IRIS, KINDS, NAMES, SMALL, digits, text

from mlp import DataError, Preparation, load
from mlp.commands import predict, train
from mlp.datasets import delimited, lines
from mlp.datasets.blocks import is_rows_file, read_blocks

IRIS_MODEL = Preparation(KINDS, feature_names=NAMES, label_column="species", labels=KINDS)
PICTURES = Preparation(("0", "1", "2"), (8, 8), 1 / 255, label_column="label")
BARE = digits(SMALL)
NAMED = digits(SMALL, [f"pixel{k}" for k in range(64)])


def predicted(tmp_path, preparation, *rows, sep=","):
    """Write a table; return its rows and labels as a model is given them, and the notes."""
    path = tmp_path / "a.csv"
    path.write_text(text(*rows, sep=sep))
    notes = []
    n_features = 64 if preparation.image_size else 4
    found = [*read_blocks(path, preparation, n_features, notes.append)]
    features, labels = zip(*found, strict=True)
    labels = None if labels[0] is None else np.concatenate(labels).tolist()
    return np.concatenate(features), labels, [note.removeprefix(f"{path}: ") for note in notes]


def without(rows, *columns):
    return [[cell for k, cell in enumerate(row) if k not in columns] for row in rows]


@pytest.mark.parametrize("block", [40, 2**18])
@pytest.mark.parametrize(
    ("rows", "labels", "notes"),
    [
        ([HEADER, *IRIS], CLASSES.tolist(), []),
        ([row[::-1] for row in (HEADER, *IRIS)], CLASSES.tolist(), []),
        (without([HEADER, *IRIS], 4), None, []),
        (without(IRIS, 4), None, []),
        (
            [("Id", "colour", *HEADER), *((k, "red", *row) for k, row in enumerate(IRIS))],
            CLASSES.tolist(),
            ["columns that this model does not take are left out: 'Id', 'colour'"],
        ),
        ([(*NAMES, "Class"), *IRIS], CLASSES.tolist(), []),
        (
            [HEADER, *((*row[:4], "other") for row in IRIS)],
            [-1] * len(IRIS),
            ["the model knows no label other; such rows are predicted without one"],
        ),
    ],
    ids=["as trained", "reversed", "no label", "no header", "more", "another name", "unknown"],
)
def test_columns_are_found_and_labels_recognised(tmp_path, monkeypatch, rows, labels, notes, block):
    monkeypatch.setattr(lines, "_BLOCK", block)
    features, found, said = predicted(tmp_path, IRIS_MODEL, *rows)
    np.testing.assert_array_equal(features, FEATURES)
    assert features.dtype == np.float64
    assert found == labels
    assert said == notes


@pytest.mark.parametrize(
    ("labels", "note"),
    [
        (("a", "", "b"), "the model knows no label a, b, and 20 rows have no label"),
        ((7, 8, 9), "the model knows no label 7 to 9"),
        (("", *KINDS[:2]), "20 rows have no label"),
    ],
    ids=["texts", "numbers", "missing"],
)
def test_labels_that_have_no_class_are_noted_once_for_all_blocks(
    tmp_path, monkeypatch, labels, note
):
    monkeypatch.setattr(lines, "_BLOCK", 40)
    monkeypatch.setattr(delimited, "_CELLS", 15)
    rows = [(*row[:4], labels[k // 20]) for k, row in enumerate(IRIS)]
    _, found, said = predicted(tmp_path, IRIS_MODEL, HEADER, *rows)
    assert found.count(-1) == 60 - 20 * len({*KINDS} & {*labels})
    assert said == [f"{note}; such rows are predicted without one"]


def test_without_names_the_place_of_the_label_in_training_counts(tmp_path):
    model = Preparation(KINDS, label_column="#5", labels=KINDS)
    features, labels, _ = predicted(tmp_path, model, *IRIS)
    np.testing.assert_array_equal(features, FEATURES)
    assert labels == CLASSES.tolist()


@pytest.mark.parametrize(
    ("recorded", "rows"),
    [
        ("#1", digits(SMALL, range(64))),
        ("#65", digits(SMALL, range(64))),
        ("#65", [(*row[1:], row[0]) for row in BARE]),
        ("0", BARE),
        ("2", BARE),
        ("0", [range(65), *BARE]),
    ],
    ids=["1, names", "65, names", "65, no names", "'0', no names", "'2', no names", "'0', names"],
)
def test_a_number_of_a_column_is_no_name_and_a_name_no_number(tmp_path, recorded, rows):
    model = replace(PICTURES, label_column=recorded)
    features, labels, _ = predicted(tmp_path, model, *rows)
    np.testing.assert_array_equal(features, SMALL)
    assert labels == CLASSES.tolist()


@pytest.mark.parametrize("recorded", ["#1", "#2", "#65"])
def test_no_column_is_guessed_among_names_that_count(tmp_path, recorded):
    model = replace(PICTURES, label_column=recorded)
    with pytest.raises(DataError, match="must have 64 columns of features for this model, got 65"):
        predicted(tmp_path, model, range(65), *BARE)


@pytest.mark.parametrize(
    "rows",
    [
        NAMED,
        without(NAMED, 0),
        BARE,
        without(BARE, 0),
        digits(SMALL, [f"{r}x{c}" for r in range(1, 9) for c in range(1, 9)]),
        [row[::-1] for row in NAMED],
        [("Id", *NAMED[0]), *((k, *row) for k, row in enumerate(NAMED[1:]))],
        [("Id", *range(64)), *((k, *row[1:]) for k, row in enumerate(NAMED[1:]))],
        digits((SMALL / 255).round(7), [f"pixel{k}" for k in range(64)]),
    ],
    ids=["named", "no label", "bare", "bare, no label", "1x1", "reversed", "Id", "counted", "unit"],
)
def test_pixels_are_found_whatever_they_are_called(tmp_path, rows):
    features, labels, _ = predicted(tmp_path, PICTURES, *rows)
    np.testing.assert_array_equal(features, SMALL)
    assert features.dtype == np.uint8
    assert labels in (None, CLASSES.tolist())
    assert (labels is None) == (len(rows[1]) == 64 or rows[0][:2] == ("Id", 0))


def test_pictures_that_lay_on_their_side_in_training_are_turned_too(tmp_path):
    path = tmp_path / "train.csv"
    path.write_text(text(*NAMED))
    dataset = load(path, transpose=True)
    features, _, notes = predicted(tmp_path, dataset.preparation, *NAMED)
    turned = SMALL.reshape(-1, 8, 8).swapaxes(1, 2).reshape(-1, 64)
    np.testing.assert_array_equal(features, turned)
    assert notes == ["its pictures are transposed, as those of training were"]
    assert {row.tobytes() for row in dataset.train.features} <= {
        row.tobytes() for row in turned.astype(np.uint8)
    }


@pytest.mark.parametrize(
    ("mean", "white", "note"),
    [
        (None, 1, "pixels of 0 to 1 are levels of 0 to 255, all of them dark; scale them if 1 is"),
        (None, 1.0, "pixels of 0 to 1 are levels of 0 to 255, all of them dark"),
        (None, 16, "pixels of 0 to 16 are levels of 0 to 255, all of them dark"),
        (0.5, 16, "pixels of 0 to 16 are levels of 0 to 255, all of them dark"),
        (12 / 255, 16, ""),
        (None, 255, ""),
    ],
    ids=["bits", "bits with points", "16", "16, bright training", "16, dim training", "bytes"],
)
def test_pixels_without_a_bright_one_are_noted_once(tmp_path, monkeypatch, mean, white, note):
    monkeypatch.setattr(lines, "_BLOCK", 400)
    rows = digits((SMALL > 127) * white, NAMED[0][1:])
    model = replace(PICTURES, mean=mean and (mean,) * 64, deviation=mean and (1.0,) * 64)
    features, _, said = predicted(tmp_path, model, *rows)
    np.testing.assert_array_equal(features, (SMALL > 127) * white)
    assert len(said) == bool(note)
    assert not note or said[0].startswith(note)


@pytest.mark.parametrize(
    ("preparation", "rows", "message"),
    [
        (
            IRIS_MODEL,
            without([HEADER, *IRIS], 1, 2),
            r"lacks columns .*: 'sepal width \(cm\)', 'pe",
        ),
        (IRIS_MODEL, IRIS, "has 5 columns and no header; give the 4 features of this model alone"),
        (IRIS_MODEL, [NAMES, (1, 2, 3, "x")], r"line 2, column 'petal width \(cm\)': 'x' is no"),
        (IRIS_MODEL, [NAMES, (1, 2, 3, "")], "line 2, column .*: the cell is empty"),
        (PICTURES, [HEADER, *IRIS], "must have 64 columns of features for this model, got 4: 'sep"),
        (PICTURES, [NAMED[0], (0, *[256] * 64)], "line 2: .* whole numbers from 0 to 255, got 256"),
        (PICTURES, [NAMED[0], (0, *[7.5] * 64)], "line 2: .* whole numbers from 0 to 255, got 7.5"),
    ],
    ids=["missing", "no header", "text", "empty", "no pixels", "no bytes", "fractions"],
)
def test_what_does_not_fit_the_model_is_refused(tmp_path, preparation, rows, message):
    with pytest.raises(DataError, match=message) as caught:
        predicted(tmp_path, preparation, *rows)
    assert str(caught.value).startswith(f"{tmp_path / 'a.csv'}: ")


def test_what_is_a_table_is_seen_by_its_name_or_its_first_line(tmp_path):
    for name, content, expected in (
        ("a.csv", b"a", True),
        ("a.csv.gz", gzip.compress(b"a,b"), True),
        ("a", b"1,2\n3,4\n", True),
        ("b.gz", gzip.compress(b"1;2\n"), True),
        ("letter", b"Dear, all\x00", False),
        ("a.png", b"1,2\n", False),
        ("words", b"one two\n1,2\n", False),
    ):
        (tmp_path / name).write_bytes(content)
        assert is_rows_file(tmp_path / name) is expected, name


def test_the_command_tells_the_accuracy_and_what_is_left_out(tmp_path, capsys):
    (tmp_path / "train.csv").write_text(text(HEADER, *IRIS))
    options = ["--epochs", "1", "--hidden", "3", "--device", "cpu", "--quiet", "--no-report"]
    run = str(tmp_path / "run")
    assert train.main(["--data", str(tmp_path / "train.csv"), *options, "--out", run]) == 0
    other = tmp_path / "other.csv.gz"
    rows = [("n", *HEADER), *((k, *row) for k, row in enumerate(IRIS[:9]))]
    other.write_bytes(gzip.compress(text(*rows).encode()))
    capsys.readouterr()
    assert predict.main([run, str(other), "--top", "1", "--device", "cpu"]) == 0
    out, err = capsys.readouterr()
    assert [line.partition(":")[0] for line in out.splitlines()] == [
        f"{other}[{k}]" for k in range(9)
    ]
    assert f"note: {other}: columns that this model does not take are left out: 'n'\n" in err
    assert "over 9 labelled rows" in err
    assert predict.main([run, str(tmp_path / "train.csv"), "--device", "cpu"]) == 0
    assert "is the data that this model was trained on; only its" in capsys.readouterr().err

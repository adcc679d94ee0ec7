"""Rows that nobody judged, and options that contradict what training is given."""

from dataclasses import replace

import array_api_strict
import numpy as np
import pytest

from mlp import DataError, Dataset, TrainingConfig, choose_device, load, train
from mlp.installation import LETTERS

CONFIG = TrainingConfig(hidden=(3,), epochs=1)


def changed(dataset, part, features=None, labels=None):
    rows = getattr(dataset, part)
    features = rows.features if features is None else features
    return replace(
        dataset, **{part: type(rows)(features, rows.labels if labels is None else labels)}
    )


def floats(dataset, row, value):
    features = dataset.train.features.astype(np.float32)
    features[row, 2] = value
    return features


BAD = {
    "labels out of range": (
        lambda d: changed(d, "valid", labels=d.valid.labels + np.uint8(4)),
        r"validation rows: labels must be 0 to 3, got 4 to 7",
    ),
    "negative labels": (
        lambda d: changed(d, "train", labels=d.train.labels.astype(np.int64) - 1),
        r"training rows: labels must be 0 to 3, got -1 to 2",
    ),
    "float labels": (
        lambda d: changed(d, "train", labels=d.train.labels / 1),
        r"training rows: labels must be uint8, int32 or int64, got .*float64",
    ),
    "fewer labels than rows": (
        lambda d: changed(d, "train", labels=d.train.labels[:150]),
        r"features must have shape \(N, D\) and labels \(N,\), got \(300, 20\) and \(150,\)",
    ),
    "one-hot labels": (
        lambda d: changed(d, "test", labels=np.eye(4, dtype=np.uint8)[d.test.labels]),
        r"test rows: .* got \(60, 20\) and \(60, 4\)",
    ),
    "pictures that are no rows": (
        lambda d: changed(d, "train", d.train.features.reshape(300, 4, 5)),
        r"got \(300, 4, 5\) and \(300,\)",
    ),
    "NaN": (
        lambda d: changed(d, "train", floats(d, 7, np.nan)),
        "training rows: features must be finite, row 7 holds NaN or inf",
    ),
    "no rows": (
        lambda d: changed(d, "valid", d.valid.features[:0], d.valid.labels[:0]),
        "validation rows: there are none",
    ),
}


@pytest.mark.parametrize("library", [np, array_api_strict])
@pytest.mark.parametrize("name", BAD)
def test_rows_that_nobody_judged_are_blamed_as_what_they_are(name, library, make_dataset):
    change, message = BAD[name]
    bad = change(make_dataset()).map(lambda rows: rows.map(library.asarray))
    with pytest.raises(DataError, match=f"^memory: .*{message}") as caught:
        train(bad, CONFIG)
    assert "--" not in str(caught.value)


def test_early_stopping_needs_validation_rows(make_dataset):
    config = replace(CONFIG, early_stopping=1)
    with pytest.raises(ValueError, match="early stopping needs validation rows"):
        train(replace(make_dataset(), valid=None), config)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"device": "cuda"}, r"device='cuda' is not where the rows are, on cpu; leave device out"),
        ({"device": "cuda:1", "strict_device": True}, r"device='cuda:1' is not where the rows are"),
        (
            {"reference": "keras"},
            "reference='keras' asks for another framework; call mlp.keras",
        ),
        ({"data": "other.npz"}, "data='other.npz' is not the data set that was given, 'memory'"),
    ],
)
def test_an_option_that_was_set_and_contradicts_what_is_given_is_an_error(
    changes, message, make_dataset
):
    with pytest.raises(ValueError, match=message):
        train(make_dataset(), replace(CONFIG, **changes))


def test_a_default_contradicts_nothing_and_neither_does_what_is_so(
    make_dataset, letters, monkeypatch
):
    assert CONFIG.data == str(LETTERS)
    assert (CONFIG.device, CONFIG.reference) == ("auto", None)
    train(make_dataset().to(choose_device("cpu")), replace(CONFIG, device="cpu"))
    dataset = load(letters)
    monkeypatch.chdir(letters.parent)
    train(dataset, replace(CONFIG, data=letters.name))


def test_options_that_the_data_set_was_read_with_contradict_nothing(letters):
    said = {"split": (400, 100), "split_seed": 7, "standardize": True}
    train(load(letters, **said), replace(CONFIG, **said))
    with pytest.raises(ValueError, match="standardize=False is for the data set, which was stand"):
        train(load(letters, **said), replace(CONFIG, standardize=False))


def test_options_of_the_data_set_that_it_does_not_have_are_errors(make_dataset):
    for changes, message in (
        ({"standardize": True}, "was not standardised; pass it to mlp.load"),
        ({"split": (70, 20)}, r"split=\(70, 20\) is for the data set, whose split was None; pass"),
        ({"split_seed": 7}, "split_seed=7 is for the data set, whose split_seed was 521; pass"),
        ({"image_size": (3, 3)}, r"image_size=\(3, 3\) is for the data set, whose pictures are"),
        ({"transpose": True}, "transpose=True is for the data set, whose pictures were not; pass"),
        ({"class_names": ("a", "b")}, r"class_names=\('a', 'b'\) is for the data set, whose class"),
    ):
        with pytest.raises(ValueError, match=message):
            train(make_dataset(), replace(CONFIG, **changes))


def test_options_that_the_data_set_was_made_with_contradict_nothing(tmp_path):
    images, labels = np.arange(240, dtype=np.uint8).reshape(12, 4, 5), np.arange(12) % 2
    names = ("a", "b")
    for rows in (images, images.reshape(12, 20) / 255):  # of features a note says that they stay
        dataset = Dataset.from_arrays(rows, labels, transpose=True, class_names=names)
        config = replace(CONFIG, hidden=(3,), epochs=1, transpose=True, class_names=names)
        assert train(dataset, config).epoch == 1

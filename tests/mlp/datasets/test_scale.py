"""Features that gradient descent cannot learn from are named; those that it can are not."""

import warnings

import numpy as np
import pytest

import mlp
from mlp import Dataset, ScaleWarning, TrainingConfig, load
from mlp.commands.train import main
from mlp.datasets.scale import hopeless

NORMAL = np.random.default_rng(0).standard_normal((400, 20))
LABELS = np.arange(400) % 2


def column(index, scale=1.0, shift=0.0):
    changed = NORMAL.copy()
    changed[:, index] = changed[:, index] * scale + shift
    return changed


HOPELESS = {
    "a large column": (column(3, 100), "column 3 of the features has mean .* so large that"),
    "a column far from 0": (column(7, 1, 300), "column 7 of the features has mean 300"),
    "pixels": (128 + 64 * NORMAL, "column .* so large that gradient descent will hardly learn"),
    "all far from 0": (NORMAL + 10, "lie so far from 0, column"),
    "tiny": (NORMAL / 2000, "are so small, the largest of them column"),
}
FINE = {
    "standard": NORMAL,
    "in [0, 1]": np.clip(NORMAL / 6 + 0.5, 0, 1),
    "ten times as wide": 10 * NORMAL,
    "small": NORMAL / 50,
    "a constant column": column(2, 0),
    "pixels from 0 to 16": np.clip(NORMAL * 6 + 5, 0, 16),
}


@pytest.mark.parametrize("name", HOPELESS)
def test_hopeless_features_are_warned_of_once_with_the_column_and_the_mend(name, tmp_path):
    features, message = HOPELESS[name]
    with pytest.warns(ScaleWarning, match=rf"{message}.*; pass standardize=True$") as caught:
        Dataset.from_arrays(features, LABELS)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    np.savez(tmp_path / "a.npz", features=features, labels=LABELS)
    with pytest.warns(ScaleWarning, match=message) as caught:
        load(tmp_path / "a.npz")
    assert (len(caught), caught[0].filename) == (1, __file__)
    load(tmp_path / "a.npz", standardize=True)


@pytest.mark.parametrize("name", FINE)
def test_others_are_not(name):
    Dataset.from_arrays(FINE[name], LABELS)


def test_a_column_is_named_by_its_name():
    said = hopeless(np.array([0.0, 5000.0]), np.array([1.0, 10.0]), ("age", "income"))
    assert said.startswith("column 'income' of the features has mean 5e+03 and deviation 10")


def test_the_command_line_says_it_in_one_line_with_its_option(tmp_path, capsys):
    np.savez(tmp_path / "a.npz", features=column(3, 100), labels=LABELS)
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        options = ["--data", str(tmp_path / "a.npz"), "--hidden", "3", "--epochs", "1", "--quiet"]
        assert main([*options, "--out", str(tmp_path / "run"), "--device", "cpu"]) == 0
    err = capsys.readouterr().err
    assert err.startswith("warning: column 3 of the features has mean ")
    assert err.endswith("; --standardize mends it\n")
    assert err.count("\n") == 1


def learned(features, **options):
    """Return the accuracy of two blobs that are easily told apart, after a short training."""
    blobs = features + 0.0
    with warnings.catch_warnings(action="ignore", category=ScaleWarning):
        dataset = Dataset.from_arrays(blobs, CLASSES, **options)
    config = TrainingConfig(hidden=(100,), epochs=50, threads=1)
    try:
        with np.errstate(all="ignore"):
            return mlp.train(dataset, config).history[-1].train_accuracy
    except mlp.DivergedError:
        return 0.0


CLASSES = (NORMAL[:, :3].sum(axis=1) > 0).astype(int)


def test_what_is_warned_of_is_not_learned_and_is_when_standardised(capsys):
    print("\n| features | accuracy | standardised |\n| --- | ---: | ---: |")
    table = {"standard": NORMAL} | {name: features for name, (features, _) in HOPELESS.items()}
    found = {}
    for name, features in table.items():
        found[name] = learned(features), learned(features, standardize=True)
        print(f"| {name} | {found[name][0]:.2f} | {found[name][1]:.2f} |")
    assert found["standard"][0] > 0.95
    for name, (plain, standardised) in found.items():
        assert standardised > 0.95, name
        assert name == "standard" or plain < 0.75, name

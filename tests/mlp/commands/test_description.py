"""What `doctor --data` says of a data set."""

import json
import sys

import numpy as np
import pytest

from mlp.commands.doctor import main


def said(capsys, *arguments):
    assert main(["--data", *map(str, arguments)]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    return " ".join(printed.out.split())


def test_a_data_set_is_described_without_training(letters, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = said(capsys, letters, "--split", "400", "100")
    assert "Form arrays in one file" in text
    assert "Rows 400 train, 100 validate, 100 test" in text
    assert "Classes 3: 0 (200), 1 (200), 2 (200)" in text
    assert "Input pictures of 6 x 5 pixels, light on dark" in text
    assert "Note" in text
    assert "data set with SHA-256" in text
    assert list(tmp_path.iterdir()) == []


def test_features_are_named_and_their_scale_is_judged(tmp_path, capsys):
    features = np.random.default_rng(0).normal(1000, 100, (60, 4)).astype(np.float32)
    np.savez(tmp_path / "a.npz", features=features, labels=np.arange(60) % 2)
    text = said(capsys, tmp_path / "a.npz")
    assert "Input 4 features" in text
    assert "! Scale column" in text
    assert "-> --standardize" in text
    text = said(capsys, tmp_path / "a.npz", "--standardize")
    assert "Input 4 features, standardised" in text
    assert "Scale" not in text


def test_as_json_it_is_what_a_run_would_record(letters, capsys):
    assert main(["--data", str(letters), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["form"], found["n_classes"], found["n_train"]) == ("arrays in one file", 3, 420)
    assert found["preparation"]["image_size"] == [6, 5]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "nothing"], "nothing: no such file or folder"),
        (["--data", "a", "--split", "0", "1"], "--split must be"),
        (["--data=a", "--hidden", "3"], "unrecognized arguments: --hidden 3"),
        (["--split", "4", "1"], "unrecognized arguments: --split 4 1"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_line(arguments, message, capsys):
    try:
        status = main(arguments)
    except SystemExit as stopped:
        status = stopped.code
    assert status == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_without_numpy_it_says_so(monkeypatch, capsys):
    monkeypatch.delitem(sys.modules, "mlp.commands.description", raising=False)
    monkeypatch.setitem(sys.modules, "mlp.config", None)
    assert main(["--data", "a"]) == 3
    assert "without --data this says what mends it" in capsys.readouterr().err

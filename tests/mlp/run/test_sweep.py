"""A run of a sweep, and its line of sweep.csv."""

import csv
import json

import numpy as np
import pytest
from small_runs import whole_record
from sweep_trials import diverged, finished, history

from mlp import TrainingConfig
from mlp.files import FileError
from mlp.history import HistoryFile
from mlp.run.sweep import Trial, write_csv


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_early_stopping_point_is_the_first_lowest_validation_loss():
    run = finished({"hidden": "5"}, 0.9, 0.3, 0.3, 0.5)
    assert run.stop.epoch == 1  # the test loss falls further, which is not looked at
    assert run.summary()["early_stopping_epoch"] == 1
    assert run.summary()["epochs_trained"] == 3


def test_without_a_validation_loss_it_is_the_last_row():
    assert finished({}, float("nan"), float("nan")).stop.epoch == 1


def test_a_summary_is_of_the_early_stopping_point_or_the_reason_there_is_none():
    assert finished({"hidden": "5"}, 0.9, 0.3).summary() == {
        "directory": "name",
        "status": "finished",
        "early_stopping_epoch": 1,
        "epochs_trained": 1,
        "train_loss": 0.5,
        "train_accuracy": 0.8,
        "valid_loss": 0.3,
        "valid_accuracy": 0.75,
        "test_loss": 0.9,
        "test_accuracy": 0.7,
        "seconds": 1.0,
    }
    assert diverged({"hidden": "5"}).summary() == {
        "directory": "hidden-5",
        "status": "diverged",
        "reason": "it diverged",
    }


def test_a_trial_is_named_by_what_varies():
    assert finished({"hidden": "5 3", "l2": "0.1"}, 1.0).label == "hidden 5 3, l2 0.1"


def test_csv_has_the_grids_options_and_the_columns_of_both_kinds(tmp_path):
    trials = [finished({"data": 'a,"b"'}, 0.3), diverged({"data": "c"}, "why, so")]
    write_csv(tmp_path / "sweep.csv", trials)
    one, other = rows_of(tmp_path / "sweep.csv")
    assert (one["data"], one["status"], one["valid_loss"]) == ('a,"b"', "finished", "0.3")
    assert (other["status"], other["reason"], other["valid_loss"]) == ("diverged", "why, so", "")


def test_a_finished_run_is_read_and_one_that_is_not_whole_is_named(tmp_path):
    rows = history(0.5, 0.25)
    with HistoryFile(tmp_path / "metrics.csv", rows):
        pass
    (tmp_path / "run.json").write_text(json.dumps(whole_record(epochs_trained=1, total_s=2.0)))
    trial = Trial({}, TrainingConfig(), tmp_path)
    trial.read()
    assert np.array(trial.history).tobytes() == np.array(rows).tobytes()
    assert trial.summary()["seconds"] == 2.0
    two_rows = (tmp_path / "metrics.csv").read_text()
    for name, content in (
        ("run.json", "{"),
        ("run.json", json.dumps(whole_record(epochs_trained=2))),
        ("run.json", json.dumps(whole_record(epochs_trained=10**18))),
        ("run.json", json.dumps(whole_record() | {"timing": {}})),
        ("metrics.csv", "epoch\n"),
        ("metrics.csv", two_rows.splitlines()[0]),
        ("metrics.csv", two_rows.replace("\n1,", "\n2,")),
    ):
        whole = (tmp_path / name).read_text()
        (tmp_path / name).write_text(content)
        with pytest.raises(FileError, match=r"is no whole run \(.*remove it to train it again"):
            trial.read()
        (tmp_path / name).write_text(whole)

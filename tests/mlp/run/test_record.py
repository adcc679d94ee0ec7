"""``run.json``: what a run came to, and what is not taken for such a record."""

import json
from dataclasses import replace

import pytest
from small_runs import whole_record

from mlp import FileError, TrainingConfig, choose_device, train
from mlp.model import parameters_sha256
from mlp.run.record import read_record, record


def recorded(dataset, **changes):
    config = TrainingConfig(hidden=(5,), epochs=4, **changes)
    state = train(dataset, config)
    given = dataset, choose_device("cpu"), 3, "by units", state
    return record(*given, stopped_early=False, total_seconds=1.5, ranks=2), state


def test_a_record_is_of_the_weights_that_are_saved(make_dataset):
    dataset = make_dataset()
    last, state = recorded(dataset)
    assert last["result"]["weights"] == "last"
    assert (last["result"]["epochs"], last["result"]["epochs_trained"]) == (4, 4)
    assert last["result"]["test_loss"] == state.history[4].test_loss
    assert last["parameters_sha256"] == parameters_sha256(state.parameters)
    best, state = recorded(dataset, early_stopping=9, learning_rate=3.0)
    assert best["result"]["weights"] == "best"
    row = state.history[best["result"]["epochs"]]
    assert row.valid_loss == min(one.valid_loss for one in state.history) < row.valid_loss + 1
    assert best["result"]["best_valid_epoch"] == row.epoch == state.best.epoch
    assert best["result"]["valid_loss"] == row.valid_loss
    assert best["parameters_sha256"] == parameters_sha256(state.best.parameters)
    device = best["device"]
    assert (device["ranks"], device["threads"], device["step"]) == (2, 3, "by units")
    data = best["data"]
    assert [data[f"n_{name}"] for name in ("train", "valid", "test")] == [300, 90, 60]


def test_a_record_without_held_out_rows_says_so(make_dataset):
    found, _ = recorded(replace(make_dataset(), valid=None, test=None))
    assert (found["data"]["n_valid"], found["data"]["n_test"]) == (0, 0)
    assert found["result"]["best_valid_epoch"] is None


def test_an_epochs_time_is_the_median_without_the_first_row(make_dataset):
    found, state = recorded(make_dataset())
    seconds = sorted(row.seconds for row in state.history[1:])
    assert found["timing"] == {"total_s": 1.5, "epoch_median_s": (seconds[1] + seconds[2]) / 2}


def test_a_record_is_none_before_the_end_and_one_line_where_it_is_damaged(tmp_path):
    assert read_record(tmp_path) is None
    whole = whole_record()
    damaged = [whole | {part: value} for part in whole for value in (None, {}, [], "", 3)]
    texts = ["", "{", "[]", "3", "null", "[" * 100_000, *map(json.dumps, damaged)]
    for text in texts:
        (tmp_path / "run.json").write_text(text)
        with pytest.raises(FileError, match=r"run\.json: is no record of a run .*; remove it"):
            read_record(tmp_path)
    (tmp_path / "run.json").write_text(json.dumps(whole))
    assert read_record(tmp_path) == whole

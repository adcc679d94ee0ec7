"""A run and its directory: what is told, what is gone on from, what lies in the way."""

import csv
import json
import os
from dataclasses import replace

import array_api_strict
import numpy as np
import pytest
from bits import assert_same_bits

from mlp import History, TrainingConfig, train
from mlp.commands.train import main
from mlp.communicator import Serial
from mlp.device import Device
from mlp.model import named_arrays
from mlp.run import checkpoint
from mlp.run.ranks import Leader
from mlp.run.run import Listener, Run, to_host

DEVICE = Device(array_api_strict, array_api_strict.Device("device1"), "cuda", "cuda", "cuda:0", "")


class Noting(Listener):
    """Keeps what it is told."""

    def __init__(self):
        self.said, self.warned, self.epochs = [], [], []

    def say(self, text):
        self.said.append(text)

    def warn(self, text):
        self.warned.append(text)

    def progress(self, state, epochs):
        self.epochs.append((state.epoch, epochs))


@pytest.fixture
def run(letters, tmp_path):
    config = TrainingConfig(
        data=str(letters), split=(400, 100), hidden=(5,), epochs=3, device="cpu", threads=1
    )
    return Run(tmp_path / "run", config, False, False, Leader(Serial()), Noting())


def resumed(run, **changes):
    listener = Noting()
    changes = {"config": replace(run.config, **changes), "resume": True, "listener": listener}
    return replace(run, **changes), listener


def test_a_listener_may_be_deaf():
    listener = Listener()
    assert [listener.say("a"), listener.warn("b"), listener.progress(None, 3)] == [None] * 3


def test_a_run_tells_its_rows_and_leaves_its_files(run):
    record = run.execute()
    assert run.listener.epochs == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert run.listener.warned == []
    assert run.listener.said[-1] == "30 - 5 - 3 on cpu (numpy, 1 threads), 400 training rows"
    assert json.loads((run.directory / "run.json").read_text()) == json.loads(json.dumps(record))
    assert {path.name for path in run.directory.iterdir()} == {
        "accuracy.png",
        "config.json",
        "loss.png",
        "metrics.csv",
        "model.safetensors",
        "run.json",
    }


def test_what_the_run_depended_on_is_filled_in_and_the_data_are_found_from_anywhere(
    run, monkeypatch
):
    folder, name = os.path.split(run.config.data)
    monkeypatch.chdir(folder)
    replace(run, config=replace(run.config, data=name)).execute()
    written = json.loads((run.directory / "config.json").read_text())
    assert (written["data"], written["shard_rows"]) == (run.config.data, 200)


@pytest.mark.parametrize(("every", "hint"), [(1, "more --epochs extend it"), (None, "it has no ")])
def test_a_finished_run_leaves_nothing_to_do_and_says_what_would(run, every, hint):
    run.config = replace(run.config, checkpoint_every=every)
    assert run.finished() is None
    record = run.execute()
    again, listener = resumed(run)
    assert again.finished() == json.loads(json.dumps(record))
    (line,) = listener.warned
    assert line.startswith(f"{run.directory}: finished after 3 epochs; {hint}")
    assert resumed(run, epochs=4)[0].finished() is None


def test_early_stopping_ends_a_run_for_good(run):
    run.config = replace(run.config, epochs=50, early_stopping=1, learning_rate=3.0)
    run.execute()
    again, listener = resumed(run, epochs=100)
    assert again.finished() is not None
    assert listener.warned[0].endswith("early stopping ended it")


def test_links_put_in_the_way_of_a_resumed_run_are_not_followed(run, tmp_path):
    """As another user of a shared folder might: the target stays, and the run goes on."""
    run.config = replace(run.config, checkpoint_every=1)
    run.execute()
    target = tmp_path / "target"
    target.write_text("precious")
    (run.directory / "run.json").unlink()
    (run.directory / "metrics.csv").unlink()
    planted = [".metrics.csv.part", ".run.json.part", f".metrics.csv.{'0' * 16}.part"]
    for name in ("metrics.csv", "run.json", *planted):
        (run.directory / name).symlink_to(target)
    (run.directory / "run.json").unlink()
    resumed(run, epochs=5)[0].execute()
    assert target.read_text() == "precious"
    with (run.directory / "metrics.csv").open(newline="") as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == list("012345")
    assert not (run.directory / "metrics.csv").is_symlink()
    assert all((run.directory / name).is_symlink() for name in planted)


def test_what_a_killed_run_was_writing_is_removed_when_it_goes_on(run):
    run.config = replace(run.config, checkpoint_every=1)
    run.execute()
    (run.directory / "run.json").unlink()
    left = [run.directory / f".run.json.{'0' * 16}.part"]
    left.append(run.directory / "checkpoint" / f".epoch-000000003.safetensors.{'a' * 16}.part")
    for path in left:
        path.write_text("half")
    resumed(run, epochs=4)[0].execute()
    assert not any(path.exists() for path in left)


def test_a_run_that_goes_on_is_measured_as_one(run):
    run.config = replace(run.config, checkpoint_every=1)
    first = run.execute()
    (run.directory / "run.json").unlink()
    found = checkpoint.load(run.directory)
    rows = found.state.history
    long = replace(found.state, history=History((rows[0]._replace(seconds=1e4), *rows[1:])))
    checkpoint.save(run.directory, long, *found[1:4])
    again, listener = resumed(run, epochs=5)
    second = again.execute()
    assert listener.epochs == [(4, 5), (5, 5)]
    assert listener.warned == [f"{run.directory}: going on after epoch 3"]
    assert 1e4 < second["timing"]["total_s"] < 2e4
    assert second["result"]["epochs_trained"] == first["result"]["epochs_trained"] + 2


def test_a_state_comes_to_the_host_with_its_best_weights(make_dataset):
    dataset = make_dataset()
    config = TrainingConfig(hidden=(5,), epochs=3, early_stopping=9, dtype="float64")
    state = train(dataset.to(DEVICE), config)
    host = to_host(state)
    assert (host.history, host.epoch, host.best[:2]) == (state.history, 3, state.best[:2])
    for there, here in (
        (state.parameters, host.parameters),
        (state.velocity, host.velocity),
        (state.best.parameters, host.best.parameters),
    ):
        for name, array in named_arrays(here).items():
            assert isinstance(array, np.ndarray)
            assert_same_bits(array, named_arrays(there)[name])
    assert to_host(replace(state, best=None)).best is None


def test_the_same_is_said_on_the_command_line_in_lines_without_control_codes(
    letters, tmp_path, capsys
):
    out = tmp_path / "run \x1b[31m"
    options = ["--data", letters, "--split", 400, 100, "--hidden", 5, "--epochs", 1, "--no-report"]
    assert main([*map(str, [*options, "--device", "cpu", "--out", out])]) == 0
    err = capsys.readouterr().err
    assert all(line.isprintable() for line in err.splitlines())
    assert err.splitlines()[-1] == f"written to {tmp_path}/run \\x1b[31m"

"""A run and its directory: what is told, what is gone on from, what lies in the way."""

import csv
import errno
import html
import json
import os
import re
import shlex
import shutil
import stat
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import array_api_strict
import numpy as np
import pytest
from bits import assert_same_bits
from data_files import images_and_labels
from small_runs import arguments, hash_and_rows, one_line
from small_runs import run as run_command

from mlp import DataError, FileError, History, TrainingConfig, train
from mlp.commands.train import main
from mlp.communicator import Communicator
from mlp.device import Device
from mlp.model import named_arrays
from mlp.run import checkpoint
from mlp.run.directory import locked
from mlp.run.listener import Listener
from mlp.run.ranks import Leader
from mlp.run.run import Run
from mlp.state import to_host

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
    return Run(tmp_path / "run", config, False, False, False, Leader(Communicator()), Noting())


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
    assert record["device"]["step"] == "full batch"
    assert {path.name for path in run.directory.iterdir()} == {
        "accuracy.png",
        "config.json",
        "loss.png",
        "metrics.csv",
        "model.safetensors",
        "run.json",
    }


def test_a_run_that_is_shared_does_not_name_its_owners_home(letters, tmp_path, monkeypatch, capsys):
    home = tmp_path / "home" / "anna"
    (home / "data").mkdir(parents=True)
    data = home / "data" / "my letters.npz"
    shutil.copy(letters, data)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(home)
    options = ["--split", "400", "100", "--hidden", "4", "--device", "cpu"]
    options += ["--checkpoint-every", "1", "--epochs"]
    out = home / "run"
    assert main(["--data", str(data), *options, "1", "--out", str(out)]) == 0
    shared = [(out / name).read_text() for name in ("run.json", "report.html")]
    assert not [text for text in shared if str(home) in text]
    record = json.loads(shared[0])
    assert record["data"]["path"] == "~/data/my letters.npz"
    assert any(note.startswith("~/data/my letters.npz: ") for note in record["data"]["notes"])
    # The run itself finds its data from anywhere, and so does who gives the command again.
    monkeypatch.chdir("/")
    assert json.loads((out / "config.json").read_text())["data"] == str(data)
    assert main(["--resume", str(out), "--epochs", "2", "--quiet"]) == 0
    told = re.search(r"<pre><code>(.*)</code></pre>", shared[1]).group(1)
    words = shlex.split(html.unescape(re.sub("<[^>]*>", "", told)))
    assert words[:2] == ["mlp", "train"]
    assert main([*words[2:], "--out", str(home / "again"), "--quiet"]) == 0
    again = json.loads((home / "again" / "run.json").read_text())
    assert again["parameters_sha256"] == record["parameters_sha256"]


def test_what_was_asked_for_is_kept_apart_from_what_it_came_to_and_data_are_found_from_anywhere(
    run, monkeypatch
):
    folder, name = os.path.split(run.config.data)
    monkeypatch.chdir(folder)
    asked = replace(run.config, data=name, checkpoint_every=1)
    record = replace(run, config=asked).execute()
    written = json.loads((run.directory / "config.json").read_text())
    assert (written["data"], written["shard_rows"]) == (run.config.data, None)
    assert record["resolved"] == {"shard_rows": 200}
    assert checkpoint.load(run.directory).config.shard_rows == 200


def contents(directory):
    files = [path for path in directory.rglob("*") if path.is_file()]
    return {path.relative_to(directory): path.read_bytes() for path in files}


@pytest.mark.parametrize(
    ("every", "hint"), [(1, "more --epochs extend it"), (None, "it kept no checkpoint to go on")]
)
def test_a_finished_run_leaves_nothing_to_do_and_says_what_would(run, every, hint):
    run.config = replace(run.config, checkpoint_every=every)
    record = run.execute()
    before = contents(run.directory)
    again, listener = resumed(run)
    assert again.execute() == json.loads(json.dumps(record))
    (line,) = listener.warned
    assert line.startswith(f"{run.directory}: finished after 3 epochs; {hint}")
    assert (listener.epochs, listener.said, contents(run.directory)) == ([], [], before)


def test_a_finished_run_without_a_checkpoint_is_kept_and_not_trained_anew(run):
    run.execute()
    before = contents(run.directory)
    again, listener = resumed(run, epochs=4)
    with pytest.raises(ValueError, match=r"kept no checkpoint to go on from.*Nothing of it"):
        again.execute()
    assert (listener.epochs, contents(run.directory)) == ([], before)


def test_early_stopping_ends_a_run_for_good(run):
    run.config = replace(run.config, epochs=50, early_stopping=1, learning_rate=3.0)
    run.execute()
    again, listener = resumed(run, epochs=100)
    again.execute()
    assert (listener.epochs, len(listener.warned)) == ([], 1)
    assert listener.warned[0].endswith("early stopping ended it")


def test_a_run_that_ends_before_the_lock_is_had_is_not_trained_again(run, monkeypatch):
    run.execute()
    (run.directory / "run.json").unlink()
    again, listener = resumed(run)

    @contextmanager
    def locked_later(directory):
        with monkeypatch.context() as patch:
            patch.setattr("mlp.run.run.locked", locked)
            resumed(run)[0].execute()  # another process, which has had it until now
        with locked(directory) as place:
            yield place

    monkeypatch.setattr("mlp.run.run.locked", locked_later)
    record = again.execute()
    assert listener.epochs == []
    assert listener.warned[0].startswith(f"{run.directory}: finished after 3 epochs")
    assert record == json.loads((run.directory / "run.json").read_text())


def test_an_extended_run_has_not_ended_until_it_ends_again(run):
    run.config = replace(run.config, checkpoint_every=1)
    run.execute()

    class Killed(Noting):
        def progress(self, state, epochs):
            raise KeyboardInterrupt

    again, _ = resumed(run, epochs=6)
    with pytest.raises(KeyboardInterrupt):
        replace(again, listener=Killed()).execute()
    assert not (run.directory / "run.json").exists()
    assert resumed(run, epochs=6)[0].execute()["result"]["epochs_trained"] == 6


@pytest.mark.parametrize("to", ["beside", "deeper/inside"])
def test_a_run_whose_directory_is_renamed_goes_on_in_it(run, tmp_path, to):
    moved = tmp_path / to
    moved.parent.mkdir(exist_ok=True)

    class Mover(Noting):
        def progress(self, state, epochs):
            if state.epoch == 1:
                run.directory.rename(moved)
                run.directory.mkdir()  # somebody else's, in its place

    run.config = replace(run.config, checkpoint_every=1)
    replace(run, listener=Mover()).execute()
    assert list(run.directory.iterdir()) == []
    record = json.loads((moved / "run.json").read_text())
    assert record["result"]["epochs_trained"] == 3
    assert len((moved / "metrics.csv").read_text().splitlines()) == 5
    assert checkpoint.load(moved).state.epoch == 3


def test_a_run_whose_directory_is_removed_ends_in_one_line(run):
    class Remover(Noting):
        def progress(self, state, epochs):
            shutil.rmtree(run.directory, ignore_errors=True)

    run.config = replace(run.config, checkpoint_every=1)
    with pytest.raises(FileError, match="was removed, or moved away, while the run was in it"):
        replace(run, listener=Remover()).execute()


@pytest.mark.parametrize("epoch", [None, 1])
def test_data_on_disk_that_change_during_a_run_are_told_and_recorded(run, tmp_path, epoch):
    folder = tmp_path / "disk"
    folder.mkdir()
    images, labels = images_and_labels()
    np.save(folder / "images.npy", images)
    np.save(folder / "labels.npy", labels)

    class Writer(Noting):
        def progress(self, state, epochs):
            if state.epoch == epoch:
                with (folder / "images.npy").open("r+b") as file:
                    file.seek(-1, os.SEEK_END)
                    file.write(b"\xff" if images.flat[-1] != 255 else b"\0")

    listener = Writer()
    run.config = replace(run.config, data=str(folder), split=(30, 20))
    notes = replace(run, listener=listener).execute()["data"]["notes"]
    told = [line for line in listener.warned if "has changed during the run, which has" in line]
    assert len(told) == len([note for note in notes if "has changed" in note]) == (epoch or 0)


def test_held_out_values_beyond_the_dtype_are_refused_and_losses_that_overflow_told(run, tmp_path):
    rng = np.random.default_rng(0)
    features = rng.standard_normal((60, 4))
    labels = np.arange(60) % 3
    order = np.random.RandomState(521).permutation(60)
    data = tmp_path / "rows.npz"
    run.config = replace(run.config, data=str(data), split=(30, 15), early_stopping=2)
    features[order[35], 1] = 1e300  # a validation row
    np.savez(data, features=features, labels=labels)
    with pytest.raises(
        DataError, match=r"validation rows: features must be finite in float32, the"
    ):
        run.execute()
    features[order[35]] = 3e38  # whose sum overflows
    np.savez(data, features=features, labels=labels)
    shutil.rmtree(run.directory)
    record = run.execute()
    assert [line[:34] for line in run.listener.warned] == ["warning: the validation loss is na"]
    text = (run.directory / "run.json").read_text()
    assert json.loads(text, parse_constant=pytest.fail)["result"]["valid_loss"] is None
    assert record["result"]["weights"] == "last"
    assert record["result"]["epochs"] == 2  # patience is over, and nothing was best


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


@pytest.mark.parametrize("error", [errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EBADF])
def test_a_file_system_that_cannot_sync_folders_is_warned_of_once(run, monkeypatch, error):
    genuine = os.fsync

    def fsync(handle):
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(error, os.strerror(error))
        genuine(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    replace(run, config=replace(run.config, checkpoint_every=1)).execute()
    expected = f"warning: {run.directory}: its file system cannot sync folders: after a power"
    (warning,) = run.listener.warned
    assert warning.startswith(expected)


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


# Runs that are gone on from, as the command line tells of them.


def test_a_finished_run_says_so(finished, capsys):
    assert run_command("--resume", finished) == 0
    assert "finished after 4 epochs; more --epochs extend it" in one_line(capsys)


def test_a_finished_run_of_keras_says_so_and_an_unfinished_one_cannot_go_on(
    unfinished, finished, tmp_path, capsys
):
    for source, status in ((finished, 0), (unfinished, 2)):
        out = tmp_path / source.parent.name
        shutil.copytree(source, out)
        config = json.loads((out / "config.json").read_text()) | {"reference": "keras"}
        (out / "config.json").write_text(json.dumps(config))
        assert run_command("--resume", out) == status
    err = capsys.readouterr().err
    assert "finished after 4 epochs" in err
    assert "a run of --reference keras cannot go on; start anew" in err


def test_a_checkpoint_of_another_configuration_is_refused(unfinished, capsys):
    config = json.loads((unfinished / "config.json").read_text()) | {"learning_rate": 0.5}
    (unfinished / "config.json").write_text(json.dumps(config))
    assert run_command("--resume", unfinished) == 2
    assert "its config.json and its checkpoint differ in --learning-rate" in one_line(capsys)


def test_checkpoints_of_another_run_in_a_new_runs_place_are_refused_and_kept(
    feature_rows, finished, tmp_path, capsys
):
    out = tmp_path / "run"
    shutil.copytree(finished / "checkpoint", out / "checkpoint")
    before = contents(out)
    assert main([*arguments(feature_rows, "full batch", out), "--epochs", "2"]) == 2
    assert "holds another run's checkpoints; choose another --out" in one_line(capsys)
    assert contents(out) == before


def test_strangers_files_beside_the_checkpoints_stay(feature_rows, tmp_path):
    out = tmp_path / "run"
    (out / "checkpoint").mkdir(parents=True)
    names = ["epoch-1-backup.safetensors", "epoch-00000003.safetensors", "epoch-9.txt"]
    for name in names:
        (out / "checkpoint" / name).write_text("precious")
    options = [*arguments(feature_rows, "full batch", out), "--epochs", "4"]
    assert main(options) == 0
    assert run_command("--resume", out, "--epochs", 6) == 0
    mine = {f"epoch-00000000{epoch}.safetensors" for epoch in (4, 6)}
    assert {path.name for path in (out / "checkpoint").iterdir()} == {*names, *mine}
    assert all((out / "checkpoint" / name).read_text() == "precious" for name in names)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("config.json", {"l2": 10**400}, "config.json: l2 must be a finite number"),
        ("run.json", {"result": {"epochs_trained": "3", "stopped_early": False}}, "epochs_trained"),
        ("run.json", {"result": {"epochs_trained": float("inf")}}, "is no record of a run"),
    ],
)
def test_odd_numbers_in_json_are_one_line(finished, tmp_path, capsys, name, value, message):
    out = tmp_path / "run"
    shutil.copytree(finished, out)
    content = json.loads((out / name).read_text()) | value
    (out / name).write_text(json.dumps(content))
    assert run_command("--resume", out) == 2
    assert message in one_line(capsys)


def test_what_lies_in_the_place_of_the_checkpoints_is_one_line(feature_rows, tmp_path, capsys):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "checkpoint").write_text("")
    assert main(arguments(feature_rows, "full batch", tmp_path / "run")) == 2
    one_line(capsys)


@pytest.mark.parametrize("mode", ["mini-batches", "full batch"])
def test_more_epochs_extend_a_run_to_the_bits_of_one_run(feature_rows, tmp_path, capsys, mode):
    """The full batch's last row is evaluated in the one run and trained on in the other."""
    out, whole = tmp_path / "run", tmp_path / "whole"
    options = ["--dtype", "float64", "--epochs"]
    assert main([*arguments(feature_rows, mode, out), *options, "4"]) == 0
    assert run_command("--resume", out, "--epochs", 9) == 0
    assert "warning" not in capsys.readouterr().err
    assert main([*arguments(feature_rows, mode, whole), *options, "9"]) == 0
    assert hash_and_rows(out) == hash_and_rows(whole)


def test_a_schedule_that_depends_on_the_epochs_is_warned_of(feature_rows, tmp_path, capsys):
    out = tmp_path / "run"
    assert main([*arguments(feature_rows, "cosine in float64", out), "--epochs", "5"]) == 0
    assert run_command("--resume", out, "--epochs", 7) == 0
    assert "the weights will not be those of 7 epochs in one run" in capsys.readouterr().err


def test_without_a_checkpoint_a_run_starts_again(feature_rows, finished, unfinished, capsys):
    checkpoint.remove(unfinished)
    assert run_command("--resume", unfinished) == 0
    assert "no checkpoint yet, starting again from epoch 0" in capsys.readouterr().err
    assert hash_and_rows(unfinished) == hash_and_rows(finished)


def test_another_cpu_is_warned_of(unfinished, capsys, monkeypatch):
    monkeypatch.setattr("mlp.run.environment.cpu_model", lambda: "Z80")
    assert run_command("--resume", unfinished) == 0
    assert "is Z80: the last bits may differ" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--learning-rate", "0.3"], "--learning-rate cannot change in a run"),
        (["--hidden", "7"], "--hidden cannot change in a run"),
        (["--dtype", "float64"], "--dtype cannot change in a run"),
        (["--seed", "1"], "--seed cannot change in a run"),
        (["--class-weight", "balanced"], "--class-weight cannot change in a run"),
        (["--epochs", "3"], "--epochs must be at least the 4 that are done"),
        (["--config", "x.json"], "--resume has a config.json of its own; leave out --config"),
    ],
)
def test_what_cannot_change_is_refused(unfinished, capsys, options, message):
    assert run_command("--resume", unfinished, *options) == 2
    assert message in one_line(capsys)


def test_other_data_are_refused(feature_rows, unfinished, tmp_path, capsys):
    other = tmp_path / "rows.npz"
    with np.load(feature_rows) as file:
        np.savez(other, features=file["features"] + 1, labels=file["labels"])
    assert run_command("--resume", unfinished, "--data", other) == 2
    assert "the checkpoint is of data with SHA-256" in one_line(capsys)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc")
def test_a_directory_that_cannot_be_made_is_one_line(feature_rows, capsys):
    out = Path("/proc/self/run")  # where not even root can make one
    assert main(arguments(feature_rows, "full batch", out)) == 2
    assert f"{out}: cannot be made (No such file or directory); choose another --out" in one_line(
        capsys
    )


def test_a_file_in_the_place_of_the_directory_is_one_line(feature_rows, tmp_path, capsys):
    (tmp_path / "run").write_text("")
    assert main(arguments(feature_rows, "full batch", tmp_path / "run")) == 2
    assert "cannot be made (File exists); choose another --out" in one_line(capsys)
    assert run_command("--resume", tmp_path / "nothing") == 2
    assert "cannot be read (No such file or directory)" in one_line(capsys)


def test_a_run_goes_on_with_the_pieces_that_it_began_with(run):
    asked = replace(run, config=replace(run.config, checkpoint_every=1, shard_rows=64))
    expected = asked.execute()
    (run.directory / "run.json").unlink()
    for pinned in (None, 64):  # versions before pinned in config.json what it had come to
        mark = run.directory / "config.json"
        mark.write_text(replace(asked.config, shard_rows=pinned).to_json())
        again, _ = resumed(run, checkpoint_every=1, shard_rows=pinned)
        record = again.execute()
        assert record["resolved"] == {"shard_rows": 64}
        assert record["parameters_sha256"] == expected["parameters_sha256"]
        (run.directory / "run.json").unlink()
    again, _ = resumed(run, checkpoint_every=1, shard_rows=65)
    with pytest.raises(ValueError, match="differ in --shard-rows"):
        again.execute()


def test_the_configuration_of_a_run_gives_what_its_options_give(run, tmp_path):
    run.execute()
    taken = ["--config", str(run.directory / "config.json"), "--batch-size", "20"]
    typed = ["--data", run.config.data, "--split", "400", "100", "--hidden", "5", "--epochs", "3"]
    hashes = set()
    for index, options in enumerate((taken, [*typed, "--batch-size", "20", "--device", "cpu"])):
        out = tmp_path / f"again-{index}"
        assert main([*options, "--out", str(out), "--quiet", "--no-report"]) == 0
        hashes.add(json.loads((out / "run.json").read_text())["parameters_sha256"])
    assert len(hashes) == 1

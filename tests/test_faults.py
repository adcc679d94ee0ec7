"""Runs that are killed, interrupted or starved of disk, and what is left of them.

pytest tests/test_faults.py --faults 200 kills 200 runs.
"""

import csv
import json
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from bits import bits_of

from mlp import TrainingConfig, train
from mlp.commands.train import main
from mlp.model import parameters_sha256
from mlp.run import checkpoint

ROOT = Path(__file__).resolve().parents[1]

# Different ways through training; each is resumed with other threads than it began with.
MODES = {
    "full batch": ["--epochs", 150, "--checkpoint-every", 2],
    "mini-batches": ["--epochs", 40, "--batch-size", 32, "--checkpoint-every", 1],
    "early stopping": [
        "--epochs",
        120,
        "--batch-size",
        100,
        "--early-stopping",
        110,
        "--nesterov",
        "--checkpoint-every",
        3,
    ],
    "cosine in float64": [
        "--epochs",
        60,
        "--batch-size",
        64,
        "--schedule",
        "cosine",
        "--dtype",
        "float64",
        "--checkpoint-every",
        5,
    ],
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Write a small data set of features that a network can learn, but not at once."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 1200).astype(np.uint8)
    features = rng.normal(size=(1200, 30)).astype(np.float32)
    features[np.arange(1200), labels] += 1
    path = tmp_path_factory.mktemp("data") / "rows.npz"
    np.savez(path, features=features, labels=labels)
    return path


def arguments(data, mode, out):
    fixed = ["--data", data, "--split", 900, 200, "--hidden", 40, 20, "--device", "cpu"]
    return [*map(str, [*fixed, *MODES[mode]]), "--out", str(out), "--quiet", "--no-report"]


def start(*options):
    command = [sys.executable, str(ROOT / "scripts" / "train.py"), *map(str, options)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def finish(*options):
    process = start(*options)
    _, err = process.communicate(timeout=300)
    return process.returncode, err


def hash_and_rows(directory):
    with (directory / "metrics.csv").open(newline="") as file:
        rows = [row[:-1] for row in csv.reader(file)]  # without the seconds
    return json.loads((directory / "run.json").read_text())["parameters_sha256"], rows


@pytest.fixture(scope="module")
def uninterrupted(data, tmp_path_factory):
    """Run every mode in one go; give its hash, its rows and the seconds it took."""
    results = {}
    for mode in MODES:
        out = tmp_path_factory.mktemp("whole") / "run"
        started = time.monotonic()
        assert finish(*arguments(data, mode, out)) == (0, "")
        results[mode] = *hash_and_rows(out), time.monotonic() - started
    return results


# ---- kill -9


def kill_one(data, mode, out, seconds, chance):
    """Kill a run at a random moment; give whether it was alive, and whether it had a checkpoint."""
    process = start(*arguments(data, mode, out))
    # The first half second or so goes by before there is anything to lose.
    time.sleep(seconds * chance.uniform(0.3, 1.0))
    process.kill()
    _, err = process.communicate(timeout=60)
    killed = process.returncode == -signal.SIGKILL
    assert killed or process.returncode == 0, err
    return killed, bool(list(out.glob("checkpoint/epoch-*")))


def kill_and_resume(data, uninterrupted, folder, number):
    """Kill `number` runs; every one must end as if nothing had happened."""
    chance = random.Random(20_260_101 + number)
    killed = after_a_checkpoint = tries = twice = 0
    while killed < number:
        tries += 1
        assert tries <= 3 * number + 20, "runs end before they can be killed"
        mode = list(MODES)[tries % len(MODES)]
        sha256, rows, seconds = uninterrupted[mode]
        out = folder / "run"
        was_alive, had_checkpoint = kill_one(data, mode, out, seconds, chance)
        if was_alive and (out / "config.json").exists():
            killed += 1
            after_a_checkpoint += had_checkpoint
            resume = ["--resume", out, "--quiet", "--no-report", "--threads", 1 + tries % 3]
            if chance.random() < 0.25:  # again, while it goes on
                process = start(*resume)
                time.sleep(seconds * chance.uniform(0.3, 0.8))
                process.kill()
                process.communicate(timeout=60)
                twice += 1
            status, err = finish(*resume)
            assert status == 0, (mode, err)
            assert hash_and_rows(out) == (sha256, rows), (mode, err)
        if out.exists():
            shutil.rmtree(out)
    print(
        f"\n{killed} of {killed} killed runs ended with the uninterrupted hash and rows; "
        f"{after_a_checkpoint} were killed after a checkpoint existed, {twice} a second time"
    )
    return after_a_checkpoint


def test_killed_runs_end_with_the_uninterrupted_hash(data, uninterrupted, tmp_path, pytestconfig):
    number = pytestconfig.getoption("--faults") or 5
    with_checkpoint = kill_and_resume(data, uninterrupted, tmp_path, number)
    assert with_checkpoint >= (0.75 * number if number >= 20 else 1)


@pytest.mark.slow
def test_many_killed_runs_end_with_the_uninterrupted_hash(
    data, uninterrupted, tmp_path, pytestconfig
):
    if pytestconfig.getoption("--faults"):
        pytest.skip("--faults has killed its runs in the other test")
    assert kill_and_resume(data, uninterrupted, tmp_path, 25) >= 18


# ---- exact resume, in one process


@pytest.mark.parametrize("at", [0, 1, 4])
@pytest.mark.parametrize("batch_size", [None, 64])
@pytest.mark.parametrize("early_stopping", [None, 20])
def test_a_state_goes_on_to_the_same_bits(tmp_path, make_dataset, batch_size, early_stopping, at):
    dataset = make_dataset()
    config = TrainingConfig(
        hidden=(12,),
        epochs=7,
        batch_size=batch_size,
        early_stopping=early_stopping,
        threads=2,
        shard_rows=32,
    )
    whole = train(dataset, config)

    def keep(state):
        if state.epoch == at:
            checkpoint.save(tmp_path, state, config, "", {})

    train(dataset, config, on_epoch=keep)
    for threads in (1, 3):
        found = checkpoint.load(tmp_path).state
        other = TrainingConfig(**{**vars(config), "threads": threads})
        resumed = train(dataset, other, state=found)
        assert parameters_sha256(resumed.parameters) == parameters_sha256(whole.parameters)
        assert parameters_sha256(resumed.velocity) == parameters_sha256(whole.velocity)
        assert parameters_sha256(resumed.result_parameters) == parameters_sha256(
            whole.result_parameters
        )
        assert bits_of(resumed.history) == bits_of(whole.history)


@pytest.mark.parametrize(("batch_size", "hidden"), [(None, (6,)), (32, (6,)), (32, (6, 6))])
def test_a_stop_between_any_two_steps_gives_the_last_boundary(make_dataset, batch_size, hidden):
    dataset = make_dataset()
    config = TrainingConfig(hidden=hidden, epochs=3, batch_size=batch_size, threads=1)
    whole = train(dataset, config)
    for asked in range(1, 40):
        calls = iter(range(asked))
        stopped = train(dataset, config, stop=lambda: next(calls, None) is None)  # noqa: B023
        assert len(stopped.history) == stopped.epoch + 1
        resumed = train(dataset, config, state=stopped)
        assert parameters_sha256(resumed.parameters) == parameters_sha256(whole.parameters)
        assert bits_of(resumed.history) == bits_of(whole.history)
        if stopped.epoch == config.epochs:
            break
    assert stopped.epoch == config.epochs
    assert asked >= 3


# ---- signals


def wait_for_rows(out, number):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        path = out / "metrics.csv"
        if path.exists() and path.read_text().count("\n") > number:
            return
        time.sleep(0.02)
    pytest.fail(f"no {number} rows within a minute")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("mode", ["full batch", "mini-batches"])
def test_a_signal_stops_with_a_checkpoint(data, uninterrupted, tmp_path, mode, number):
    out = tmp_path / "run"
    options = arguments(data, mode, out)
    without = options.index("--checkpoint-every")
    del options[without : without + 2]
    process = start(*options)
    wait_for_rows(out, 3)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert err.count("\n") == 1
    assert f"go on with --resume {out}" in err
    epoch = checkpoint.load(out).state.epoch
    assert f"interrupted after epoch {epoch};" in err
    with (out / "metrics.csv").open(newline="") as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == [str(e) for e in range(epoch + 1)]
    status, err = finish("--resume", out, "--quiet", "--no-report")
    assert status == 0, err
    assert hash_and_rows(out) == uninterrupted[mode][:2]
    assert not (out / "checkpoint").exists()  # it was only needed for this


def test_a_second_signal_stops_at_once_and_the_earlier_checkpoint_is_good(data, tmp_path):
    out = tmp_path / "run"
    options = arguments(data, "mini-batches", out)
    # A step that takes long: one with many hidden units.
    options[options.index("--hidden") + 1] = "3000"
    options[options.index("--batch-size") + 1] = "450"
    process = start(*options)
    wait_for_rows(out, 2)
    process.send_signal(signal.SIGTERM)
    time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    # Whichever came first was noted; the other one found the usual handlers, or a process at its
    # end, where Python's answer to SIGINT is to die of it.
    assert process.returncode in (130, 143, -signal.SIGTERM, -signal.SIGINT), err
    assert "Traceback" not in err
    assert checkpoint.load(out).state.epoch >= 1
    assert checkpoint.load(out).warnings == ()


# ---- one line for everything that goes wrong; these run in this process


def run(*options):
    return main([*map(str, options), "--quiet", "--no-report"])


@pytest.fixture(scope="module")
def finished(data, tmp_path_factory):
    """Make a finished run that has checkpoints."""
    out = tmp_path_factory.mktemp("finished") / "run"
    assert main([*arguments(data, "mini-batches", out), "--epochs", "4"]) == 0
    return out


@pytest.fixture
def unfinished(finished, tmp_path):
    """Make a run as it is after a power failure at its end."""
    out = tmp_path / "run"
    shutil.copytree(finished, out)
    (out / "run.json").unlink()
    return out


def one_line(capsys):
    err = capsys.readouterr().err
    assert err.count("\n") == 1, err
    return err


def test_a_finished_run_says_so(finished, capsys):
    assert run("--resume", finished) == 0
    assert "finished after 4 epochs; more --epochs extend it" in one_line(capsys)


def test_a_finished_run_of_keras_says_so_and_an_unfinished_one_cannot_go_on(
    unfinished, finished, tmp_path, capsys
):
    for source, status in ((finished, 0), (unfinished, 2)):
        out = tmp_path / source.parent.name
        shutil.copytree(source, out)
        config = json.loads((out / "config.json").read_text()) | {"reference": "keras"}
        (out / "config.json").write_text(json.dumps(config))
        assert run("--resume", out) == status
    err = capsys.readouterr().err
    assert "finished after 4 epochs" in err
    assert "a run of --reference keras cannot go on; start anew" in err


def test_a_checkpoint_of_another_configuration_is_refused(unfinished, capsys):
    config = json.loads((unfinished / "config.json").read_text()) | {"learning_rate": 0.5}
    (unfinished / "config.json").write_text(json.dumps(config))
    assert run("--resume", unfinished) == 2
    assert "its config.json and its checkpoint differ in --learning-rate" in one_line(capsys)


def test_checkpoints_of_another_run_in_a_new_runs_place_are_removed(data, finished, tmp_path):
    out = tmp_path / "run"
    shutil.copytree(finished / "checkpoint", out / "checkpoint")
    options = [*arguments(data, "full batch", out), "--epochs", "2"]
    assert main(options) == 0
    names = sorted(path.name for path in (out / "checkpoint").iterdir())
    assert names == ["epoch-000000002.safetensors"]


def test_a_failure_after_the_last_epoch_costs_only_what_came_after_it(
    data, tmp_path, monkeypatch, capsys
):
    """Without --checkpoint-every too: the state is safe before its files are written."""
    out = tmp_path / "run"
    options = [*arguments(data, "full batch", out), "--epochs", "3"]
    without = options.index("--checkpoint-every")
    del options[without : without + 2]

    def fail(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("mlp.run.run.plot_history", fail)
        assert main(options) == 2
    assert "No space left on device" in one_line(capsys)
    assert checkpoint.load(out).state.epoch == 3
    assert run("--resume", out) == 0
    assert "going on after epoch 3" in capsys.readouterr().err
    assert not (out / "checkpoint").exists()


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
    assert run("--resume", out) == 2
    assert message in one_line(capsys)


def test_what_lies_in_the_place_of_the_checkpoints_is_one_line(data, tmp_path, capsys):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "checkpoint").write_text("")
    assert main(arguments(data, "full batch", tmp_path / "run")) == 2
    one_line(capsys)


def test_too_little_memory_is_one_line(data, tmp_path, monkeypatch, capsys):
    """Simulated: some systems grant any amount and end the process later."""

    def fail(*_, **__):
        raise MemoryError("Unable to allocate 480. GiB")

    monkeypatch.setattr("mlp.run.run.train", fail)
    assert main(arguments(data, "full batch", tmp_path / "run")) == 2
    assert "not enough memory; lower --hidden or --shard-rows (Unable" in one_line(capsys)


@pytest.mark.parametrize("mode", ["mini-batches", "full batch"])
def test_more_epochs_extend_a_run_to_the_bits_of_one_run(data, tmp_path, capsys, mode):
    """The full batch's last row is evaluated in the one run and trained on in the other."""
    out, whole = tmp_path / "run", tmp_path / "whole"
    options = ["--dtype", "float64", "--epochs"]
    assert main([*arguments(data, mode, out), *options, "4"]) == 0
    assert run("--resume", out, "--epochs", 9) == 0
    assert "warning" not in capsys.readouterr().err
    assert main([*arguments(data, mode, whole), *options, "9"]) == 0
    assert hash_and_rows(out) == hash_and_rows(whole)


def test_a_schedule_that_depends_on_the_epochs_is_warned_of(data, tmp_path, capsys):
    out = tmp_path / "run"
    assert main([*arguments(data, "cosine in float64", out), "--epochs", "5"]) == 0
    assert run("--resume", out, "--epochs", 7) == 0
    assert "the weights will not be those of 7 epochs in one run" in capsys.readouterr().err


def test_without_a_checkpoint_a_run_starts_again(data, finished, unfinished, capsys):
    checkpoint.remove(unfinished)
    assert run("--resume", unfinished) == 0
    assert "no checkpoint yet, starting again from epoch 0" in capsys.readouterr().err
    assert hash_and_rows(unfinished) == hash_and_rows(finished)


def test_another_cpu_is_warned_of(unfinished, capsys, monkeypatch):
    genuine = checkpoint.environment
    monkeypatch.setattr(checkpoint, "environment", lambda device: genuine(device) | {"CPU": "Z80"})
    assert run("--resume", unfinished) == 0
    assert "is Z80: the last bits may differ" in capsys.readouterr().err


def test_every_file_cut_short_is_recovered_or_refused_in_one_line(finished, tmp_path, capsys):
    """Cut every file of a run at random points; --resume gives the same bits or one line."""
    chance = random.Random(7)
    names = [
        "config.json",
        "metrics.csv",
        "run.json",
        "model.safetensors",
        *(f"checkpoint/{path.name}" for path in (finished / "checkpoint").iterdir()),
    ]
    outcomes = []
    for name in names:
        for _ in range(4):
            out = tmp_path / "run"
            shutil.copytree(finished, out)
            if name != "run.json":
                (out / "run.json").unlink()
            content = (out / name).read_bytes()
            (out / name).write_bytes(content[: chance.randrange(len(content))])
            status = run("--resume", out)
            err = capsys.readouterr().err
            assert "Traceback" not in err
            if status == 0:
                assert hash_and_rows(out) == hash_and_rows(finished), name
            else:
                assert status == 2
                assert err.startswith(f"mlp train: error: {out / name}: "), err
                assert err.count("\n") == 1, err
            outcomes.append((name, status))
            shutil.rmtree(out)
    refused = {name for name, status in outcomes if status}
    assert refused == {"config.json", "run.json"}


def test_a_run_directory_in_use_is_refused(data, tmp_path, capsys):
    out = tmp_path / "run"
    process = start(*arguments(data, "full batch", out), "--epochs", 100_000)
    try:
        wait_for_rows(out, 1)
        assert run("--resume", out) == 2
        assert "in use by another process; wait for it" in one_line(capsys)
        assert main(arguments(data, "full batch", out)) == 2
        assert "in use by another process" in one_line(capsys)
    finally:
        process.kill()
        process.communicate(timeout=60)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--learning-rate", "0.3"], "--learning-rate cannot change in a run"),
        (["--hidden", "7"], "--hidden cannot change in a run"),
        (["--dtype", "float64"], "--dtype cannot change in a run"),
        (["--seed", "1"], "--seed cannot change in a run"),
        (["--epochs", "3"], "--epochs must be at least the 4 that are done"),
        (["--config", "x.json"], "--resume has a config.json of its own; leave out --config"),
    ],
)
def test_what_cannot_change_is_refused(unfinished, capsys, options, message):
    assert run("--resume", unfinished, *options) == 2
    assert message in one_line(capsys)


def test_other_data_are_refused(data, unfinished, tmp_path, capsys):
    other = tmp_path / "rows.npz"
    with np.load(data) as file:
        np.savez(other, features=file["features"] + 1, labels=file["labels"])
    assert run("--resume", unfinished, "--data", other) == 2
    assert "the checkpoint is of data with SHA-256" in one_line(capsys)


def test_divergence_keeps_the_last_finite_checkpoint(data, tmp_path, capsys, recwarn):
    out = tmp_path / "run"
    options = [*arguments(data, "full batch", out), "--learning-rate", "1e10", "--epochs", "40"]
    options[options.index("--checkpoint-every") + 1] = "1"
    assert main(options) == 4
    err = one_line(capsys)
    assert "training diverged: the loss is" in err
    assert "lower the learning rate or the momentum" in err
    assert len(recwarn) == 0
    found = checkpoint.load(out).state
    assert all(np.isfinite(array).all() for layer in found.parameters for array in layer)
    assert f"after {found.epoch + 1} epochs" in err
    assert not (out / "model.safetensors").exists()


def test_a_full_disk_is_one_line_and_leaves_nothing_half_written(data, tmp_path):
    """Allow files of 40 KB only: less than a checkpoint, more than the rows of some epochs."""
    out = tmp_path / "run"
    # Not by preexec_fn, which forks this process with whatever threads it has.
    program = (
        "import os, resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000)); "
        "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    )
    script = str(ROOT / "scripts" / "train.py")
    options = [*arguments(data, "full batch", out), "--hidden", "400"]
    command = [sys.executable, "-c", program, script, *options]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2, err
    assert err.count("\n") == 1, err
    assert "cannot be written (File too large)" in err
    assert list((out / "checkpoint").iterdir()) == []
    assert {path.name for path in out.iterdir()} == {"config.json", "metrics.csv", "checkpoint"}


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc")
def test_a_directory_that_cannot_be_made_is_one_line(data, capsys):
    out = Path("/proc/self/run")  # where not even root can make one
    assert main(arguments(data, "full batch", out)) == 2
    assert f"{out}: cannot be made (No such file or directory); choose another --out" in one_line(
        capsys
    )


def test_a_file_in_the_place_of_the_directory_is_one_line(data, tmp_path, capsys):
    (tmp_path / "run").write_text("")
    assert main(arguments(data, "full batch", tmp_path / "run")) == 2
    assert "cannot be made (File exists); choose another --out" in one_line(capsys)
    assert run("--resume", tmp_path / "nothing") == 2
    assert "cannot be read (No such file or directory)" in one_line(capsys)

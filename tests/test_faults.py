"""Runs that are killed or starved of disk, and what is left of them.

pytest tests/test_faults.py --faults 200 kills 200 runs.
"""

import random
import shutil
import signal
import time

import numpy as np
import pytest
from bits import bits_of
from small_runs import (
    MODES,
    TRAIN,
    arguments,
    finish,
    hash_and_rows,
    one_line,
    run,
    start,
    wait_for_rows,
)

from mlp import TrainingConfig, load_model, train
from mlp.commands.train import main
from mlp.model import parameters_sha256
from mlp.run import checkpoint

# ---- kill -9


def kill_one(feature_rows, mode, out, rows, chance, number):
    """Signal a run after one of so many rows; give whether it was alive and had a checkpoint."""
    process = start(*arguments(feature_rows, mode, out))
    wait_for_rows(out, chance.randrange(rows))
    time.sleep(chance.uniform(0, 0.05))
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    killed = process.returncode in (-number, 128 + number)
    assert killed or process.returncode == 0, err
    return killed, bool(list(out.glob("checkpoint/epoch-*")))


def kill_and_resume(feature_rows, uninterrupted, folder, number, how=signal.SIGKILL):
    """Kill `number` runs; every one must end as if nothing had happened."""
    chance = random.Random(20_260_101 + number)
    killed = after_a_checkpoint = tries = twice = 0
    while killed < number:
        tries += 1
        assert tries <= 3 * number + 20, "runs end before they can be killed"
        mode = list(MODES)[tries % len(MODES)]
        sha256, rows, seconds = uninterrupted[mode]
        out = folder / "run"
        was_alive, had_checkpoint = kill_one(feature_rows, mode, out, len(rows), chance, how)
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


def test_killed_runs_end_with_the_uninterrupted_hash(
    feature_rows, uninterrupted, tmp_path, pytestconfig
):
    number = pytestconfig.getoption("--faults") or 3
    with_checkpoint = kill_and_resume(feature_rows, uninterrupted, tmp_path, number)
    assert with_checkpoint >= (0.75 * number if number >= 20 else 1)


@pytest.mark.slow
def test_many_killed_runs_end_with_the_uninterrupted_hash(
    feature_rows, uninterrupted, tmp_path, pytestconfig
):
    if pytestconfig.getoption("--faults"):
        pytest.skip("--faults has killed its runs in the other test")
    assert kill_and_resume(feature_rows, uninterrupted, tmp_path, 25) >= 18


@pytest.mark.slow
def test_runs_whose_terminal_closes_end_with_the_uninterrupted_hash(
    feature_rows, uninterrupted, tmp_path
):
    found = kill_and_resume(feature_rows, uninterrupted, tmp_path, 25, signal.SIGHUP)
    assert found >= 18


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


# ---- one line for everything that goes wrong; these run in this process


def test_a_failure_after_the_last_epoch_costs_only_what_came_after_it(
    feature_rows, tmp_path, monkeypatch, capsys
):
    """Without --checkpoint-every too: model and state are safe before other files are written."""
    out = tmp_path / "run"
    options = [*arguments(feature_rows, "full batch", out), "--epochs", "3"]
    without = options.index("--checkpoint-every")
    del options[without : without + 2]

    def fail(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("mlp.run.run.write_json", fail)
        assert main(options) == 2
    assert "No space left on device" in one_line(capsys)
    assert checkpoint.load(out).state.epoch == 3
    assert load_model(out).parameters
    assert run("--resume", out) == 0
    assert "going on after epoch 3" in capsys.readouterr().err
    assert not (out / "checkpoint").exists()


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), ValueError("a\nb")])
def test_pictures_and_a_report_that_fail_are_warned_of_and_cost_nothing_else(
    feature_rows, tmp_path, monkeypatch, capsys, error
):
    def fail(*_, **__):
        raise error

    out, options = tmp_path / "run", ["--epochs", "2", "--data", str(feature_rows)]
    options += ["--split", "900", "200", "--hidden", "4", "--device", "cpu", "--quiet"]
    for name in ("plot_history", "write_report"):
        monkeypatch.setattr(f"mlp.run.run.{name}", fail)
    assert main([*options, "--out", str(out)]) == 0
    reason = " ".join(str(error).split())
    files = ["loss.png", "accuracy.png", "report.html"]
    expected = [f"warning: {file} is missing: {reason}" for file in files]
    assert capsys.readouterr().err.splitlines() == expected
    files = {"config.json", "metrics.csv", "model.safetensors", "run.json"}
    assert {path.name for path in out.iterdir()} == files
    assert load_model(out).parameters


def test_too_little_memory_is_one_line(feature_rows, tmp_path, monkeypatch, capsys):
    """Simulated: some systems grant any amount and end the process later."""

    def fail(*_, **__):
        raise MemoryError("Unable to allocate 480. GiB")

    monkeypatch.setattr("mlp.run.run.train", fail)
    assert main(arguments(feature_rows, "full batch", tmp_path / "run")) == 2
    assert "not enough memory; lower --hidden or --shard-rows (Unable" in one_line(capsys)


@pytest.mark.slow
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


def test_a_run_directory_in_use_is_refused(feature_rows, tmp_path, capsys):
    out = tmp_path / "run"
    process = start(*arguments(feature_rows, "full batch", out), "--epochs", 100_000)
    try:
        wait_for_rows(out, 1)
        assert run("--resume", out) == 2
        assert "in use by another process; wait for it" in one_line(capsys)
        assert main(arguments(feature_rows, "full batch", out)) == 2
        assert "in use by another process" in one_line(capsys)
    finally:
        process.kill()
        process.communicate(timeout=60)


def test_divergence_keeps_the_last_finite_checkpoint(feature_rows, tmp_path, capsys, recwarn):
    out = tmp_path / "run"
    options = [
        *arguments(feature_rows, "full batch", out),
        "--learning-rate",
        "1e10",
        "--epochs",
        "40",
    ]
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


def test_a_full_disk_is_one_line_and_leaves_nothing_half_written(feature_rows, tmp_path):
    """Allow files of 40 KB only: less than a checkpoint, more than the rows of some epochs."""
    out = tmp_path / "run"
    # Not by preexec_fn, which forks this process with whatever threads it has.
    program = (
        "import os, resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000)); "
        "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    )
    options = [*arguments(feature_rows, "full batch", out), "--hidden", "400"]
    process = start(TRAIN, *options, program=["-c", program])
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2, err
    assert err.count("\n") == 1, err
    assert "cannot be written (File too large)" in err
    assert list((out / "checkpoint").iterdir()) == []
    assert {path.name for path in out.iterdir()} == {"config.json", "metrics.csv", "checkpoint"}

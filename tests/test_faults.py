"""Runs that are killed, interrupted or starved of disk, and what is left of them.

pytest tests/test_faults.py --faults 200 kills 200 runs.
"""

import csv
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from bits import bits_of
from small_runs import MODES, arguments, hash_and_rows, one_line, run

from mlp import TrainingConfig, load_model, train
from mlp.commands.train import main
from mlp.model import parameters_sha256
from mlp.run import checkpoint
from mlp.run.signals import STOPPING

ROOT = Path(__file__).resolve().parents[1]
TRAIN = ROOT / "scripts" / "train.py"


def start(*options, program=(TRAIN,)):
    command = [sys.executable, *map(str, [*program, *options])]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def finish(*options):
    process = start(*options)
    _, err = process.communicate(timeout=300)
    return process.returncode, err


def wait_for_rows(out, number):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        path = out / "metrics.csv"
        if path.exists() and path.read_text().count("\n") > number:
            return
        time.sleep(0.02)
    pytest.fail(f"no {number} rows within a minute")


@pytest.fixture(scope="module")
def uninterrupted(feature_rows, tmp_path_factory):
    """Run every mode in one go; give its hash, its rows and the seconds it took."""
    results = {}
    for mode in MODES:
        out = tmp_path_factory.mktemp("whole") / "run"
        started = time.monotonic()
        assert finish(*arguments(feature_rows, mode, out)) == (0, "")
        results[mode] = *hash_and_rows(out), time.monotonic() - started
    return results


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
    number = pytestconfig.getoption("--faults") or 5
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


# ---- signals


@pytest.mark.parametrize(
    ("mode", "number"),
    [
        ("full batch", signal.SIGINT),
        ("full batch", signal.SIGTERM),
        *(("mini-batches", number) for number in STOPPING),
    ],
)
def test_a_signal_stops_with_a_checkpoint(feature_rows, uninterrupted, tmp_path, mode, number):
    out = tmp_path / "run"
    options = arguments(feature_rows, mode, out)
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


# Trains in batches of 32 of 900 rows, and takes a minute for a step of the fourth epoch.
SLOW = """
import sys, time
import mlp.work
from mlp.commands import run
steps, step = iter(range(10**6)), mlp.work.loss_and_gradients
def slow(*given, **options):
    if next(steps) == 90:
        time.sleep(60)
    return step(*given, **options)
mlp.work.loss_and_gradients = slow
sys.exit(run("train", "train.py"))
"""


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_later_signal_stops_at_once_and_the_earlier_checkpoint_is_good(
    feature_rows, tmp_path, second
):
    out = tmp_path / "run"
    options = [*arguments(feature_rows, "mini-batches", out), "--threads", "1"]
    process = start(*options, program=["-c", SLOW])
    wait_for_rows(out, 4)  # up to that of epoch 3
    time.sleep(0.3)
    process.send_signal(signal.SIGTERM)
    time.sleep(1.2)
    assert process.poll() is None
    process.send_signal(second)
    _, err = process.communicate(timeout=10)
    if second == signal.SIGTERM:
        assert (process.returncode, err) == (-signal.SIGTERM, "")
    else:
        assert (process.returncode, err) == (130, "train.py: error: interrupted\n")
    assert checkpoint.load(out).state.epoch >= 1
    assert checkpoint.load(out).warnings == ()


def test_signals_that_come_together_are_one(feature_rows, tmp_path):
    """As from Slurm, mpiexec and docker, and from a terminal that closes."""
    out = tmp_path / "run"
    process = start(*arguments(feature_rows, "full batch", out), "--epochs", 100_000)
    wait_for_rows(out, 3)
    for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGHUP, signal.SIGCONT, signal.SIGTERM):
        with suppress(ProcessLookupError):
            process.send_signal(number)
        time.sleep(0.02)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err.count("\n")) == (143, 1), err
    assert checkpoint.load(out).warnings == ()


def test_what_the_shell_lets_a_run_ignore_does_not_stop_it(feature_rows, tmp_path):
    """nohup ignores SIGHUP, `command &` in a script SIGINT."""
    out = tmp_path / "run"
    options = [*arguments(feature_rows, "full batch", out), "--epochs", 100_000]
    script = ["sh", "-c", 'trap "" HUP INT; exec "$0" "$@"', sys.executable, TRAIN, *options]
    process = subprocess.Popen(list(map(str, script)), stderr=subprocess.PIPE, text=True)
    wait_for_rows(out, 3)
    for number in (signal.SIGHUP, signal.SIGINT):
        process.send_signal(number)
    rows = (out / "metrics.csv").read_text().count("\n")
    wait_for_rows(out, rows + 3)
    process.send_signal(signal.SIGUSR1)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGUSR1
    assert err.count("\n") == 1


# Runs a program on a terminal of its own, which closes once a file has four lines.
TERMINAL = """
import os, pty, sys, time
path, *words = sys.argv[1:]
child, terminal = pty.fork()
if child == 0:
    os.execv(words[0], words)
while not (os.path.exists(path) and open(path).read().count("\\n") > 3):
    os.set_blocking(terminal, False)
    try:
        os.read(terminal, 65536)
    except BlockingIOError:
        time.sleep(0.01)
os.close(terminal)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.parametrize("ignored", [False, True], ids=["SIGHUP heeded", "SIGHUP ignored"])
def test_a_terminal_that_closes_stops_a_run_or_only_its_words(
    feature_rows, uninterrupted, tmp_path, ignored
):
    out = tmp_path / "run"
    options = arguments(feature_rows, "mini-batches", out)
    options.remove("--quiet")  # so that there is a progress bar
    script = [sys.executable, TRAIN, *options]
    if ignored:
        script = ["/bin/sh", "-c", 'trap "" HUP; exec "$0" "$@"', *script]
    words = [sys.executable, "-c", TERMINAL, out / "metrics.csv", *script]
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, timeout=120)
    status = int(done.stdout)
    if ignored:
        assert status == 0
    else:
        assert status == 128 + signal.SIGHUP
        assert finish("--resume", out, "--quiet", "--no-report")[0] == 0
    assert hash_and_rows(out) == uninterrupted["mini-batches"][:2]


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

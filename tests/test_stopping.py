"""Runs that are asked to stop: by a keyboard, a scheduler, a terminal that closes."""

import csv
import signal
import subprocess
import sys
import time
from contextlib import suppress
from itertools import product

import pytest
from small_runs import TRAIN, arguments, finish, hash_and_rows, start, wait_for_rows

from mlp.run import checkpoint
from mlp.run.signals import STOPPING

# Of the many ways these run in the plain suite; that a terminal closes (SIGHUP) is tested below.
PLAIN = [
    ("full batch", signal.SIGINT),
    ("mini-batches", signal.SIGTERM),
    ("mini-batches", signal.SIGUSR1),
]
OTHERS = [way for way in product(("full batch", "mini-batches"), STOPPING) if way not in PLAIN]


@pytest.mark.parametrize(
    ("mode", "number"), [*PLAIN, *(pytest.param(*way, marks=pytest.mark.slow) for way in OTHERS)]
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
        print("slow", file=sys.stderr)
        time.sleep(60)
    return step(*given, **options)
mlp.work.loss_and_gradients = slow
sys.exit(run("train", "train.py"))
"""


@pytest.mark.parametrize(
    "second", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)]
)
def test_a_later_signal_stops_at_once_and_the_earlier_checkpoint_is_good(
    feature_rows, tmp_path, second
):
    out = tmp_path / "run"
    options = [
        *arguments(feature_rows, "mini-batches", out),
        "--threads",
        "1",
        "--hidden",
        "40",
        "20",
    ]
    process = start(*options, program=["-c", SLOW])
    assert process.stderr.readline() == "slow\n"
    process.send_signal(signal.SIGTERM)
    time.sleep(1.2)
    assert process.poll() is None
    process.send_signal(second)
    _, err = process.communicate(timeout=30)
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

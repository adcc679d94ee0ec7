"""Small runs of the command line, and what is left of them."""

import csv
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mlp.commands.train import main

TRAIN = Path(__file__).resolve().parents[1] / "scripts" / "train.py"
# Different ways through training; each is resumed with other threads than it began with.
MODES = {
    "full batch": ["--epochs", 150, "--checkpoint-every", 2],
    "mini-batches": [  # by units, in two pieces
        *("--epochs", 40, "--batch-size", 32, "--hidden", 210, 20, "--checkpoint-every", 1)
    ],
    "weighted": [
        "--epochs",
        40,
        "--batch-size",
        32,
        "--class-weight",
        "balanced",
        "--checkpoint-every",
        1,
    ],
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


def arguments(data, mode, out):
    fixed = ["--data", data, "--split", 900, 200, "--hidden", 40, 20, "--device", "cpu"]
    return [*map(str, [*fixed, *MODES[mode]]), "--out", str(out), "--quiet", "--no-report"]


def hash_and_rows(directory):
    with (directory / "metrics.csv").open(newline="") as file:
        rows = [row[:-1] for row in csv.reader(file)]  # without the seconds
    return json.loads((directory / "run.json").read_text())["parameters_sha256"], rows


def whole_record(epochs_trained=3, total_s=1.0):
    """Return as much of a ``run.json`` as is read again."""
    return {
        "device": dict.fromkeys(("used", "reason", "library", "version"), "x") | {"threads": 1},
        "data": {"path": "x", "sha256": "", "n_train": 1, "n_valid": 1, "n_test": 1},
        "result": {"epochs_trained": epochs_trained, "stopped_early": False},
        "timing": {"total_s": total_s},
        "versions": {"python": "3", "numpy": "2"},
    }


def run(*options):
    return main([*map(str, options), "--quiet", "--no-report"])


def one_line(capsys):
    err = capsys.readouterr().err
    assert err.count("\n") == 1, err
    return err


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

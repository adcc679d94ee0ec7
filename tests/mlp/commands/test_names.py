"""Names that are no UTF-8 and terminals that show ASCII only, in every command."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from data_files import images_and_labels

UTF_8 = {"LC_ALL": "C.UTF-8"}
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
SMALL = ["--split", "30", "20", "--hidden", "3", "--epochs", "2", "--device", "cpu"]


def mlp(folder, environment, *words):
    """Run a command in a folder; its options and file names are bytes."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    settings = inherited | {"PYTHONPATH": os.pathsep.join(sys.path)} | environment
    command = [sys.executable, "-m", "mlp", *words]
    done = subprocess.run(command, cwd=folder, env=settings, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert b"Traceback" not in done.stderr
    return done.stdout


pytestmark = pytest.mark.skipif(sys.platform == "darwin", reason="macOS has no such names")
IMAGES, LABELS = images_and_labels()
NAMES = [b"\xff\xe9", pytest.param("é漢".encode(), marks=pytest.mark.slow)]


def make_folder(tmp_path, name):
    """Make a folder of a name with data of that name, and return it."""
    folder = os.path.join(os.fsencode(tmp_path), name)
    os.mkdir(folder)
    with open(os.path.join(folder, name + b".npz"), "wb") as file:
        np.savez(file, images=IMAGES, labels=LABELS)
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_used_as_it_is_in_any_locale(tmp_path, name):
    folder, data, run = make_folder(tmp_path, name), name + b".npz", name + b".run"
    checkpoints = ["--checkpoint-every", "1", "--json"]
    record = mlp(folder, UTF_8, "train", "--data", data, "--out", run, *SMALL, *checkpoints)
    assert json.loads(record)["result"]["epochs"] == 2
    mlp(folder, ASCII, "train", "--resume", run, "--epochs", "3", "--no-report")
    lines = mlp(folder, ASCII, "predict", run, data).splitlines()
    assert len(lines) == json.loads(record)["data"]["n_test"]  # its own data
    assert all(line.isascii() for line in lines)
    mlp(folder, UTF_8 | {"PYTHONIOENCODING": "ascii:strict"}, "export", run, "--to", "npz")


@pytest.mark.slow
@pytest.mark.parametrize("name", [b"\xff\xe9", "é漢".encode(), b"$x_{y}$", b"a\n\x1b[31m"])
def test_a_sweep_over_data_of_any_name(tmp_path, name):
    folder, grid = make_folder(tmp_path, name), b"data=" + name + b".npz"
    for environment in (ASCII, UTF_8):  # the second finds it finished
        words = ["--grid", grid, *SMALL, "--out", name + b".sw", "--json"]
        assert json.loads(mlp(folder, environment, "sweep", *words))["best"]

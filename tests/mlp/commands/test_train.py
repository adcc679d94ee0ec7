"""The command line, run as a user runs it."""

import csv
import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tolerances import ROUNDING, TRAINING

from mlp import functional, load
from mlp.classifier import load_model
from mlp.commands.train import main, summary
from mlp.model import parameters_sha256

ROOT = Path(__file__).resolve().parents[3]
SMALL = ("--split", 400, 100, "--hidden", 20, "--epochs", 6)


def train(*arguments, cwd=ROOT, **environment):
    return subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "train.py"), *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=os.environ | environment,
        timeout=900,
    )


@pytest.fixture(scope="module")
def run(letters, tmp_path_factory):
    """Train for a few epochs on the CPU fallback, and give the process and its directory."""
    out = tmp_path_factory.mktemp("run") / "first"
    given = "--early-stopping 50 --device cuda --json".split()
    done = train("--data", letters, *SMALL, *given, "--out", out)
    assert done.returncode == 0, done.stderr
    return done, out


def metrics(out):
    with (out / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_run_directory_holds_every_file_and_nothing_else(run):
    _, out = run
    assert {path.name for path in out.iterdir()} == {
        "accuracy.png",
        "config.json",
        "loss.png",
        "metrics.csv",
        "model.safetensors",
        "report.html",
        "run.json",
    }


def test_metrics_has_a_row_for_every_epoch(run):
    rows = metrics(run[1])
    assert list(rows[0]) == [
        "epoch",
        "train_loss",
        "train_accuracy",
        "valid_loss",
        "valid_accuracy",
        "test_loss",
        "test_accuracy",
        "seconds",
    ]
    assert [int(row["epoch"]) for row in rows] == list(range(7))
    assert float(rows[-1]["train_loss"]) < float(rows[0]["train_loss"])


def test_the_result_is_an_independent_evaluation_of_the_saved_model(run, letters):
    _, out = run
    record = json.loads((out / "run.json").read_text())
    (w_h, b_h), (w_o, b_o) = (
        (layer.weight.astype(np.float64), layer.bias.astype(np.float64))
        for layer in load_model(out / "model.safetensors").parameters
    )
    dataset = load(letters, split=(400, 100))
    for split in ("train", "valid", "test"):
        rows = getattr(dataset, split)
        h = functional.relu(functional.linear(rows.features / 255, w_h, b_h))
        logits = functional.linear(h, w_o, b_o)
        targets = functional.one_hot(rows.labels, 3)
        loss = functional.average_cross_entropy(targets, functional.softmax(logits))
        result = record["result"]
        np.testing.assert_allclose(result[f"{split}_loss"], loss, **ROUNDING["float32"])
        assert result[f"{split}_accuracy"] == functional.accuracy(targets, logits)


def test_the_record_is_true(run, letters):
    done, out = run
    record = json.loads((out / "run.json").read_text())
    assert json.loads(done.stdout) == record
    classifier = load_model(out)
    assert record["parameters_sha256"] == parameters_sha256(classifier.parameters)
    assert classifier.preparation == load(letters, split=(400, 100)).preparation
    assert record["data"]["preparation"] == json.loads(json.dumps(asdict(classifier.preparation)))
    data = record["data"]
    assert (data["n_train"], data["n_valid"], data["n_test"], data["n_classes"]) == (
        400,
        100,
        100,
        3,
    )
    import hashlib

    assert data["sha256"] == hashlib.sha256(letters.read_bytes()).hexdigest()
    rows = metrics(out)
    result = record["result"]
    assert result["weights"] == "best"
    row = rows[result["epochs"]]
    for name in list(row)[1:-1]:
        assert float(row[name]) == result[name]
    best = min(rows, key=lambda row: float(row["valid_loss"]))
    assert result["best_valid_epoch"] == int(best["epoch"]) == result["epochs"]
    timing = record["timing"]
    assert sum(float(row["seconds"]) for row in rows) <= timing["total_s"]


def test_the_pictures_are_pictures(run):
    for name in ("loss.png", "accuracy.png"):
        with Image.open(run[1] / name) as image:
            assert image.size == (1050, 675)
            assert len(image.convert("RGB").getcolors(2**24)) > 50


@pytest.fixture
def no_gpu():
    """Know whether this machine has an NVIDIA device; the fallback needs one that has none."""
    from mlp.device import choose_device

    if choose_device("auto").kind == "cuda":
        pytest.skip("this machine has a usable GPU: there is nothing to fall back from")


@pytest.mark.usefixtures("no_gpu")
def test_the_fallback_is_said_in_one_line_and_recorded(run):
    done, out = run
    lines = [line for line in done.stderr.splitlines() if line.startswith("device:")]
    assert len(lines) == 1
    assert lines[0].startswith("device: cuda requested, cpu used: no NVIDIA driver is installed")
    device = json.loads((out / "run.json").read_text())["device"]
    assert (device["requested"], device["used"], device["library"]) == ("cuda", "cpu", "numpy")
    assert device["reason"] in lines[0]


@pytest.mark.usefixtures("no_gpu")
def test_a_strict_device_does_not_fall_back(letters, tmp_path):
    out = tmp_path / "out"
    done = train("--data", letters, "--device", "cuda", "--strict-device", "--out", out)
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1
    assert "device cuda cannot be used: no NVIDIA driver" in done.stderr
    assert not out.exists()


def test_the_same_run_again_gives_the_same_hash_with_other_threads(run, letters, tmp_path):
    given = "--threads 3 --device cpu --json --quiet".split()
    done = train("--data", letters, *SMALL, *given, "--out", tmp_path / "again")
    assert done.stderr == ""
    first = json.loads((run[1] / "run.json").read_text())
    again = json.loads(done.stdout)
    assert again["parameters_sha256"] == first["parameters_sha256"]
    assert again["device"]["threads"] == 3


def test_the_keras_reference_fills_the_same_run_directory_with_the_same_numbers(
    run, letters, tmp_path, need
):
    need("tensorflow")
    given = "--reference keras --device cuda".split()
    done = train("--data", letters, *SMALL, *given, "--out", tmp_path / "keras")
    assert done.returncode == 0, done.stderr
    files = {path.name for path in run[1].iterdir()}
    assert {path.name for path in (tmp_path / "keras").iterdir()} == files
    device = json.loads((tmp_path / "keras" / "run.json").read_text())["device"]
    assert (device["requested"], device["library"]) == ("cuda", "tensorflow")
    assert device["step"] == "keras"
    assert (device["used"] == "gpu") == ("device: cuda requested, cpu used" not in done.stderr)
    for ours, theirs in zip(metrics(run[1]), metrics(tmp_path / "keras"), strict=True):
        for name in ("train_loss", "valid_loss", "test_loss"):
            np.testing.assert_allclose(
                float(ours[name]), float(theirs[name]), **TRAINING["float32"]
            )


def test_a_diverging_run_exits_4_in_one_line(letters, tmp_path):
    given = "--learning-rate 1e30 --device cpu --quiet".split()
    done = train("--data", letters, *SMALL, *given, "--out", tmp_path / "out")
    assert done.returncode == 4
    assert done.stderr.count("\n") == 1
    assert "training diverged" in done.stderr


BAD_INPUT = {
    "missing file": (["--data", "{tmp}/none.npz"], "none.npz"),
    "truncated archive": (["--data", "{tmp}/truncated.npz"], "truncated.npz"),
    "not a data set": (["--data", "{tmp}/text.npz"], "text.npz"),
    "split too large": (["--split", "500", "200"], "letters.npz"),
    "empty test split": (["--split", "500", "100"], "letters.npz"),
    "option out of range": (["--momentum", "1.5"], "--momentum"),
    "option of another type": (["--epochs", "many"], "--epochs"),
    "unknown option": (["--epoch-count", "3"], "--epoch-count"),
    "unknown device": (["--device", "gpu"], "--device"),
    "run directory in use": (["--out", "{tmp}/used"], "used"),
    "run directory under a file": (["--out", "{tmp}/text.npz/run"], "text.npz"),
}


@pytest.mark.parametrize("name", BAD_INPUT)
def test_bad_input_is_one_line_with_status_2_and_writes_nothing(letters, tmp_path, capfd, name):
    (tmp_path / "truncated.npz").write_bytes(letters.read_bytes()[:-500])
    (tmp_path / "text.npz").write_text("letters")
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "config.json").write_text("{}")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    arguments, named = BAD_INPUT[name]
    arguments = [argument.format(tmp=tmp_path) for argument in arguments]
    defaults = {"--data": [letters], "--split": [400, 100], "--out": [tmp_path / "out"]}
    for option, values in defaults.items():
        if option not in arguments:
            arguments += [option, *values]
    if "--device" not in arguments:
        arguments += ["--device", "cpu"]
    if name == "missing file":  # as a user runs it; the others in this process
        done = train(*arguments)
        status, out, err = done.returncode, done.stdout, done.stderr
    else:
        try:
            status = main(list(map(str, arguments)))
        except SystemExit as stop:
            status = stop.code
        out, err = capfd.readouterr()
    assert (status, out, err.count("\n")) == (2, "", 1), err
    assert "error" in err
    assert named in err
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_help_shows_the_defaults_and_an_example():
    done = train("--help", COLUMNS="100")
    assert done.returncode == 0
    for text in (
        "(default: 0.1)",
        "10000 6000 for the embedded letters",
        "python scripts/train.py --device cuda",
        "129 SIGHUP, 130 SIGINT, 143 SIGTERM, 138 SIGUSR1, 140 SIGUSR2",
    ):
        assert text in done.stdout
    assert done.stdout.count("(default: full)") == 1  # of --batch-size


def test_what_a_path_holds_does_not_write_lines_of_its_own(letters, tmp_path, capsys):
    data = tmp_path / "a\nwarning: forged\r\x1b[31m\x85.npz"
    shutil.copy(letters, data)
    out = tmp_path / "b\nerror: forged"
    given = [*map(str, SMALL), "--device", "cpu", "--no-report", "--out", str(out)]
    assert main(["--data", str(data), *given]) == 0
    lines = capsys.readouterr().err.split("\n")
    assert sum("a\\nwarning: forged\\r\\x1b[31m\\x85.npz" in line for line in lines) == 1
    assert f"written to {tmp_path}/b\\nerror: forged" in lines
    assert all(line.isprintable() for line in lines)
    assert not [line for line in lines if line.startswith(("warning", "error"))]


@pytest.mark.slow
def test_the_tasks_own_run_reaches_its_accuracy_and_falls_smoothly(tmp_path):
    done = train("--out", tmp_path / "run", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["result"]["test_accuracy"] >= 0.93
    losses = np.array([float(row["train_loss"]) for row in metrics(tmp_path / "run")])
    assert len(losses) == 201
    assert (np.diff(losses[20:]) < 0).all()


def test_a_run_that_has_learned_nothing_is_told_so(tmp_path, capsys):
    features, labels = np.random.default_rng(0).normal(size=(200, 5)), np.arange(200) // 150
    np.savez(tmp_path / "a.npz", features=features, labels=labels)
    options = ["--data", tmp_path / "a.npz", "--hidden", 5, "--epochs", 1, "--no-report"]
    assert (
        main([*map(str, options), "--learning-rate", "1e-9", "--out", str(tmp_path / "run")]) == 0
    )
    said = "validation is no better than saying the commonest class always (0.7333)"
    assert said in capsys.readouterr().err
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    for accuracy, commonest in ((0.74, 0.7333), (1.0, 1.0), (0.1, None)):
        record["result"]["valid_accuracy"] = accuracy
        record["data"]["valid_commonest"] = commonest
        assert "no better" not in summary(record, tmp_path)


def test_classes_of_few_rows_are_found_where_classes_are_balanced(tmp_path, capsys):
    rng = np.random.default_rng(0)
    labels = (np.arange(800) % 16 == 0).astype(int)
    features = rng.normal(size=(800, 5)) + 0.7 * labels[:, None]
    np.savez(tmp_path / "a.npz", features=features, labels=labels)
    options = f"--data {tmp_path / 'a.npz'} --hidden 5 --epochs 20 --batch-size 50 --no-report"
    found = {}
    for name, given in (("plain", ""), ("balanced", "--class-weight balanced")):
        assert main([*options.split(), *given.split(), "--out", str(tmp_path / name)]) == 0
        record = json.loads((tmp_path / name / "run.json").read_text())
        classifier = load_model(tmp_path / name)
        found[name] = (classifier.predict(features[labels == 1]) == 1).mean()
        said = [note for note in record["data"]["notes"] if "--class-weight" in note]
        assert len(said) == (name == "balanced")
    assert found["balanced"] > 0.6 > 0.3 > found["plain"], found
    # 34 of 559 training rows are of class 1: each counts 559 / (2 * 34).
    expected = "a training row counts 0.532 (class 0) to 8.22 (class 1); validation and test losses"
    assert f"note: --class-weight balanced: {expected}" in capsys.readouterr().err


def test_pictures_of_any_size_and_a_table_train_with_their_options(tmp_path):
    for index in range(24):
        path = tmp_path / "pictures" / "AB"[index % 2] / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        side = 8 + index % 3
        Image.new("L", (side, side), 255 * (index % 2)).save(path)
    options = ["--hidden", "3", "--epochs", "1", "--quiet", "--device", "cpu"]
    out = tmp_path / "run"
    data = ["--data", str(tmp_path / "pictures"), "--image-size", "6", "5", "--standardize"]
    assert main([*data, *options, "--split", "0.5", "0.25", "--out", str(out)]) == 0
    config = json.loads((out / "config.json").read_text())
    assert (config["split"], config["image_size"]) == ([0.5, 0.25], [6, 5])
    record = json.loads((out / "run.json").read_text())["data"]
    assert (record["n_train"], record["n_valid"], record["n_test"]) == (12, 6, 6)
    assert len(record["preparation"]["mean"]) == 30
    assert any("24 pictures are resized to 6 x 5" in note for note in record["notes"])
    assert (out / "report.html").exists()

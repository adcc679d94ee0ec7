"""The hyperparameter study, run as a user runs it; its files: tests/mlp/run/test_sweep.py."""

import csv
import json
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from data_files import deep_folder
from html_pages import Page
from PIL import Image

from mlp.commands.sweep import is_finished, main
from mlp.datasets.loading import KNOWN_SETS
from mlp.datasets.split import TASK_SPLIT
from mlp.run.directory import create, locked, read_config
from mlp.run.sweep import Trial

ROOT = Path(__file__).resolve().parents[3]


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def command(letters):
    return [
        sys.executable,
        str(ROOT / "scripts" / "sweep.py"),
        "--data",
        str(letters),
        "--split",
        "400",
        "100",
        "--device",
        "cpu",
        "--epochs",
        "8",
    ]


def sweep(command, *arguments):
    return subprocess.run(
        [*command, *map(str, arguments)], capture_output=True, text=True, timeout=300
    )


@pytest.fixture(scope="module")
def swept(command, tmp_path_factory):
    out = tmp_path_factory.mktemp("sweep") / "out"
    done = sweep(command, "--grid", "hidden=5,20", "--out", out, "--json")
    assert done.returncode == 0, done.stderr
    return done, out


def test_every_combination_is_a_run_of_train_py(swept):
    _, out = swept
    assert {path.name for path in out.iterdir()} == {
        "hidden-5",
        "hidden-20",
        "sweep.csv",
        "sweep.html",
        "sweep.png",
    }
    for units in (5, 20):
        config = json.loads((out / f"hidden-{units}" / "config.json").read_text())
        assert (config["hidden"], config["epochs"], config["split"]) == ([units], 8, [400, 100])
        assert json.loads((out / f"hidden-{units}" / "run.json").read_text())["device"]


def test_table_and_json_are_the_rows_of_the_lowest_validation_loss(swept):
    done, out = swept
    result = json.loads(done.stdout)
    rows = rows_of(out / "sweep.csv")
    assert [row["hidden"] for row in rows] == ["5", "20"]
    for row, told in zip(rows, result["runs"], strict=True):
        metrics = rows_of(out / row["directory"] / "metrics.csv")
        stop = min(metrics, key=lambda m: float(m["valid_loss"]))
        assert row["early_stopping_epoch"] == stop["epoch"] == str(told["early_stopping_epoch"])
        for name in ("train_loss", "valid_loss", "valid_accuracy", "test_accuracy"):
            assert row[name] == stop[name] == repr(told[name])
        assert (row["status"], row["epochs_trained"]) == ("finished", "8")
        assert f"{float(stop['test_accuracy']):.4f}" in done.stderr
    best = min(rows, key=lambda row: float(row["valid_loss"]))["directory"]
    assert result["best"] == best
    starred = [line for line in done.stderr.splitlines() if line.startswith("* ")]
    assert starred[0].split()[1] == best.removeprefix("hidden-")
    assert "differences are not tested; --repeats 5 tells noise from effect" in done.stderr


def test_the_page_needs_nothing_but_itself(swept):
    _, out = swept
    page = Page((out / "sweep.html").read_text())
    assert not [tag for tag, _ in page.elements if tag in ("script", "img", "iframe")]
    assert [a["href"] for tag, a in page.elements if tag == "link"] == ["data:,"]
    assert "http:" not in "".join(page.words)
    text = (out / "sweep.html").read_text()
    assert not re.search(r"https?://|@import|url\((?!#)", text)
    figures = [a for tag, a in page.elements if tag == "figure"]
    assert [a["role"] for a in figures] == ["img"] * 3
    assert all(len(a["aria-label"]) > 40 for a in figures)
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert len(ids) == len(set(ids))
    words = " ".join(page.words)
    assert "--grid=hidden=5,20 --data" in words
    assert "hidden 20" in words


def test_the_command_on_the_page_repeats_the_sweep(swept):
    """All runs are there already, so this trains nothing and writes the same again."""
    _, out = swept
    page = out / "sweep.html"
    before = page.read_text(), (out / "sweep.csv").read_bytes()
    told = re.search(r"mlp sweep ([^<]*)</pre>", page.read_text()).group(1)
    assert main([*told.split(), "--out", str(out), "--quiet"]) == 0
    assert (page.read_text(), (out / "sweep.csv").read_bytes()) == before


def test_the_picture_is_a_picture(swept):
    with Image.open(swept[1] / "sweep.png") as image:
        assert image.size == (1833, 507)
        assert len(image.convert("RGB").getcolors(2**24)) > 50


def test_again_it_trains_only_what_is_missing_or_unfinished(swept, command, tmp_path):
    out = tmp_path / "again"
    shutil.copytree(swept[1], out)
    (out / "hidden-5" / "run.json").unlink()
    (out / "hidden-5" / "metrics.csv").write_text("cut o")
    finished = {p: p.stat().st_mtime_ns for p in (out / "hidden-20").iterdir()}
    done = sweep(command, "--grid", "hidden=20,5", "--out", out, "--threads", 1)
    assert done.returncode == 0, done.stderr
    assert "[1/2] hidden 20: finished before\n[2/2] hidden 5\n" in done.stderr
    assert {p: p.stat().st_mtime_ns for p in (out / "hidden-20").iterdir()} == finished
    first, again = (rows_of(path / "sweep.csv") for path in (swept[1], out))
    for row, other in zip(first, reversed(again), strict=True):
        assert row | {"seconds": ""} == other | {"seconds": ""}


def test_a_run_of_the_version_before_is_finished_where_the_task_split_its_data(swept, tmp_path):
    """It pinned the pieces and the split that were left open."""
    out = tmp_path / "run"
    shutil.copytree(swept[1] / "hidden-5", out)
    now = read_config(out / "config.json")
    assert (now.shard_rows, now.split) == (None, (400, 100))
    trial = Trial({}, replace(now, split=None), out)
    with pytest.raises(ValueError, match=r"was trained with --split \(400, 100\), not None"):
        is_finished(trial)
    (out / "config.json").write_text(replace(now, shard_rows=400, split=TASK_SPLIT).to_json())
    with pytest.raises(ValueError, match=r"was trained with --split \(10000, 6000\), not None"):
        is_finished(trial)
    record = json.loads((out / "run.json").read_text())
    record["data"]["sha256"] = next(iter(KNOWN_SETS))
    (out / "run.json").write_text(json.dumps(record))
    assert is_finished(trial)


def test_a_combination_that_diverges_is_a_row_and_not_the_end(command, tmp_path):
    out = tmp_path / "out"
    done = sweep(command, "--grid", "learning-rate=1e30,0.1", "--hidden", 5, "--out", out, "--json")
    assert done.returncode == 0, done.stderr
    diverged, finished = json.loads(done.stdout)["runs"]
    assert (diverged["status"], finished["status"]) == ("diverged", "finished")
    assert "training diverged: the loss is" in diverged["reason"]
    assert [row["status"] for row in rows_of(out / "sweep.csv")] == ["diverged", "finished"]
    assert diverged["reason"] in " ".join(Page((out / "sweep.html").read_text()).words)
    assert done.stderr.count("training diverged") == 1
    assert re.search(r"^ +1e30 +diverged$", done.stderr, re.MULTILINE)


def test_two_sweeps_do_not_share_a_directory(swept, command, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    with locked(out):
        done = sweep(command, "--grid", "hidden=5", "--out", out)
    assert (done.returncode, done.stdout) == (2, "")
    assert "error: " + f"{out}: in use by another process; wait for it or choose" in done.stderr


@pytest.mark.slow
def test_an_interrupt_ends_it_and_the_same_command_goes_on(command, tmp_path):
    out = tmp_path / "out"
    longer = [*command[:-1], "2000"]  # epochs, of which the first are interrupted
    words = [*longer, "--grid", "hidden=500,5", "--out", str(out)]
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    metrics = out / "hidden-500" / "metrics.csv"
    while not (metrics.exists() and metrics.stat().st_size > 300):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"sweep.py: error: interrupted; the same command with --out {out} goes on" in errors
    assert not (out / "hidden-500" / "run.json").exists()
    done = sweep(longer, "--grid", "hidden=500,5", "--out", out)
    assert done.returncode == 0, done.stderr
    assert {row["status"] for row in rows_of(out / "sweep.csv")} == {"finished"}


def test_a_run_of_other_options_is_left_alone(swept, letters, capsys):
    _, out = swept
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    fixed = ["--data", str(letters), "--split", "400", "100", "--device", "cpu"]
    assert main([*fixed, "--epochs", "9", "--grid", "hidden=5,7", "--out", str(out)]) == 2
    message = f"{out}/hidden-5: was trained with --epochs 8, not 9; choose another --out"
    assert capsys.readouterr().err == f"mlp sweep: error: {message}\n"
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before


@pytest.mark.slow
def test_an_interrupted_run_is_begun_anew_and_what_else_lies_there_stays(swept, command, tmp_path):
    out = tmp_path / "again"
    shutil.copytree(swept[1], out)
    run = out / "hidden-5"
    (run / "run.json").unlink()
    (run / "notes.txt").write_text("precious")
    with deep_folder(run, create):
        done = sweep(command, "--grid", "hidden=5,20", "--out", out)
        assert done.returncode == 0, done.stderr
    assert (run / "run.json").exists()
    assert (run / "notes.txt").read_text() == "precious"


def test_an_interrupted_run_of_other_options_keeps_its_checkpoints(
    swept, letters, tmp_path, capsys
):
    out = tmp_path / "again"
    shutil.copytree(swept[1], out)
    run = out / "hidden-5"
    (run / "run.json").unlink()
    (run / "checkpoint").mkdir(exist_ok=True)
    (run / "checkpoint" / "epoch-000000003.safetensors").write_text("precious")
    options = ["--data", str(letters), "--split", "400", "100", "--device", "cpu", "--epochs", "9"]
    assert main([*options, "--grid", "hidden=5", "--out", str(out), "--quiet"]) == 2
    assert "was trained with --epochs 8, not 9; choose another --out" in capsys.readouterr().err
    assert (run / "checkpoint" / "epoch-000000003.safetensors").read_text() == "precious"
    assert (run / "config.json").exists()


def test_runs_of_other_data_in_one_sweep_are_warned_of(swept, letters, tmp_path, capsys):
    out = tmp_path / "again"
    shutil.copytree(swept[1], out)
    record = json.loads((out / "hidden-5" / "run.json").read_text())
    record["data"]["sha256"] = "0" * 64
    (out / "hidden-5" / "run.json").write_text(json.dumps(record))
    options = ["--data", str(letters), "--split", "400", "100", "--device", "cpu", "--epochs", "8"]
    assert main([*options, "--grid", "hidden=5,20", "--out", str(out), "--quiet"]) == 0
    assert "the data have changed between the runs of" in capsys.readouterr().err


def test_a_finished_run_that_is_damaged_is_named_before_another_is_trained(
    swept, letters, tmp_path, capsys
):
    out = tmp_path / "again"
    shutil.copytree(swept[1], out)
    (out / "hidden-5" / "run.json").unlink()
    record = json.loads((out / "hidden-20" / "run.json").read_text())
    del record["timing"]
    (out / "hidden-20" / "run.json").write_text(json.dumps(record))
    options = ["--data", str(letters), "--split", "400", "100", "--device", "cpu", "--epochs", "8"]
    assert main([*options, "--grid", "hidden=5,20", "--out", str(out), "--quiet"]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "hidden-20: is no whole run (" in err
    assert not (out / "hidden-5" / "run.json").exists()


def test_a_picture_and_a_page_that_fail_are_warned_of(swept, letters, monkeypatch, capsys):
    def fail(*_):
        raise ValueError("no ink")

    for name in ("write_picture", "write_page"):
        monkeypatch.setattr(f"mlp.commands.sweep.{name}", fail)
    options = ["--data", str(letters), "--split", "400", "100", "--device", "cpu", "--epochs", "8"]
    options += ["--grid", "hidden=5,20", "--out", str(swept[1]), "--quiet", "--json"]
    assert main(options) == 0
    out, err = capsys.readouterr()
    expected = [f"warning: sweep.{kind} is missing: no ink" for kind in ("png", "html")]
    assert err.splitlines() == expected
    assert len(json.loads(out)["runs"]) == 2


def test_no_process_for_a_run_is_one_line(command, letters, tmp_path, monkeypatch, capsys):
    def refuse(*_, **__):
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    options = ["--data", str(letters), "--split", "400", "100", "--epochs", "1", "--quiet"]
    assert main([*options, "--grid", "hidden=5", "--out", str(tmp_path / "out")]) == 3
    expected = "mlp sweep: error: no process can be started; raise the limit on processes"
    assert capsys.readouterr().err == f"{expected} (ulimit -u)\n"


def test_a_damaged_run_is_named(swept, letters, tmp_path, capsys):
    out = tmp_path / "out"
    shutil.copytree(swept[1], out)
    (out / "hidden-5" / "metrics.csv").write_text("epoch\nnonsense\n")
    fixed = ["--data", str(letters), "--split", "400", "100", "--device", "cpu", "--epochs", "8"]
    assert main([*fixed, "--grid", "hidden=5,20", "--out", str(out), "--quiet"]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"mlp sweep: error: {out}/hidden-5: is no whole run (")
    assert error.count("\n") == 1


BAD = {
    "no values": ["--grid", "hidden"],
    "an empty value": ["--grid", "hidden=5,,7"],
    "no option of training": ["--grid", "units=5"],
    "an option twice": ["--grid", "hidden=5", "--grid", "hidden=7"],
    "a value twice": ["--grid", "hidden=5,5"],
    "a fixed option in the grid": ["--hidden", "5"],
    "a value out of range": ["--grid", "momentum=0.5,1.5"],
    "a value of another type": ["--grid", "epochs=many"],
    "a switch with a value": ["--grid", "nesterov=1"],
    "repeats and seeds": ["--grid", "seed=1,2", "--repeats", "3"],
    "no repeats": ["--repeats", "0"],
    "an unknown option": ["--girds", "hidden=5"],
    "data that is not there": ["--grid", "hidden=5", "--data", "nothing.npz"],
    "a file in the way": ["--grid", "hidden=5", "--out", "file/out"],
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_usage_is_one_line_with_status_2_and_writes_nothing(kind, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    try:
        status = main(BAD[kind])
    except SystemExit as end:
        status = end.code
    out, error = capfd.readouterr()
    lines = [line for line in error.splitlines() if not line.startswith("[1/1]")]
    assert status == 2
    assert out == ""
    assert len(lines) == 1
    assert lines[0].startswith("mlp sweep: error: ")
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def test_help_shows_the_grids_default_and_an_example(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capsys.readouterr().out
    for part in ("mlp sweep --grid", "hidden=100,500,1000,2000", "(default: 0.1)"):
        assert part in text


@pytest.fixture(scope="module")
def repeated(command, tmp_path_factory):
    out = tmp_path_factory.mktemp("repeated") / "out"
    grid = ["--grid", "learning-rate=0.1,1e-6", "--repeats", 3, "--hidden", 5]
    done = sweep(command, *grid, "--seed", 7, "--out", out, "--json")
    assert done.returncode == 0, done.stderr
    return done, out


@pytest.mark.slow
def test_repeats_are_seeds_and_told_apart_or_not(repeated):
    done, out = repeated
    result = json.loads(done.stdout)
    seeds = [run["options"]["seed"] for run in result["runs"]]
    assert seeds == ["7", "8", "9"] * 2
    assert {path.name for path in out.iterdir() if path.is_dir()} == {
        f"learning-rate-{rate}_seed-{seed}" for rate in ("0.1", "1e-6") for seed in (7, 8, 9)
    }
    assert result["best"] == {"learning-rate": "0.1"}
    best, other = result["averages"]
    assert best["beside_the_best"] is None
    beside = other["beside_the_best"]
    assert beside["pairs"] == 3
    assert beside["verdict"] == ("told apart" if beside["probability"] < 0.05 else "not told apart")
    losses, others = (
        [run["valid_loss"] for run in runs] for runs in (result["runs"][:3], result["runs"][3:])
    )
    assert best["valid_loss"]["mean"] == pytest.approx(sum(losses) / 3)
    assert beside["mean"] == pytest.approx((sum(others) - sum(losses)) / 3)
    assert beside["verdict"] in done.stderr
    assert re.search(r"0\.\d{4} ± 0\.\d{4}", done.stderr)
    assert "Report of learning-rate 0.1, seed 8" in (out / "sweep.html").read_text()


@pytest.mark.slow
def test_it_says_first_how_long_it_will_take(swept, repeated):
    for (done, _), runs in ((swept, 2), (repeated, 6)):
        first = done.stderr.splitlines()[0]
        assert re.fullmatch(rf"{runs} runs to train, about \d+ (s|min)", first)


@pytest.mark.slow
def test_the_command_of_repeated_runs_repeats_them(repeated):
    _, out = repeated
    before = (out / "sweep.html").read_text()
    told = re.search(r"mlp sweep ([^<]*)</pre>", before).group(1)
    assert main([*told.split(), "--out", str(out), "--quiet"]) == 0
    assert (out / "sweep.html").read_text() == before

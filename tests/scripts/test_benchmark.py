"""The command line at tiny sizes; no assertion on how long anything takes."""

import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import benchmark
import pytest
from benchmarks import rounds, speed
from benchmarks.process import Entry
from benchmarks.sameness import TOLERANCE
from PIL import Image

from mlp import TrainingConfig
from mlp.driver import Driver

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def quiet_machine(monkeypatch):
    monkeypatch.setattr(rounds, "PAUSE_SECONDS", 0)
    monkeypatch.setattr(os, "getloadavg", lambda: (0.0, 0.0, 0.0))


@pytest.fixture
def small(letters, monkeypatch):
    """Return the arguments of a tiny benchmark; the split is that of the small data set."""

    def split(**values):
        return TrainingConfig(split=(400, 100), **values)

    monkeypatch.setattr(benchmark, "TrainingConfig", split)
    split.learning_rate, split.seed = TrainingConfig.learning_rate, TrainingConfig.seed
    return ["--data", str(letters), "--hidden", "8", "--rounds", "2", "--epochs", "1",
            "--threads", "1", "--quiet"]  # fmt: skip


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "page.md"
    path.write_text("above\n<!-- benchmark:begin -->\nold\n<!-- benchmark:end -->\nbelow\n")
    return path


def test_the_command_line_leaves_record_table_and_chart(small, page, tmp_path, capsys):
    out = tmp_path / "out"
    arguments = [*small, "--against", "floor", "notebook", "--starts", "1", "--json"]
    arguments += ["--hidden", "9", "4", "--batch-size", "64"]
    assert benchmark.main([*arguments, "--out", str(out), "--write-table", str(page)]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record == json.loads((out / "benchmark.json").read_text())
    titles = ["8, batches of 64", "9-4, batches of 64"]
    for kind in ("results", "configurations", "figures", "ratios_to_ours", "largest_loss_gaps"):
        assert list(record[kind]) == titles
    for title in titles:
        assert set(record["results"][title]) == {"ours", "floor", "notebook"}
        assert record["largest_loss_gaps"][title]["notebook"] < TOLERANCE
        one = record["figures"][title]["best peer / ours"]
        seen = record["results"][title]
        best = min(seen["notebook"]["seconds"]) / min(seen["ours"]["seconds"])
        assert one["best"] == pytest.approx(best)
        assert set(one) == {"best", "median", "low", "high", "noise", "told_from_1"}
    assert record["configurations"]["9-4, batches of 64"]["hidden"] == [9, 4]
    assert set(record["machine"]) == {"gpu", "cpu", "threads", "system", "python", "load_average"}
    assert record["results"][titles[0]]["ours"]["blas"][0]["architecture"]
    with Image.open(out / "benchmark.png") as image:
        assert len(image.convert("RGB").getcolors(2**24)) > 50
    text = page.read_text()
    assert text.startswith("above\n<!-- benchmark:begin -->\n8, batches of 64:\n\n| contestant |")
    assert text.count("| contestant | ms an epoch |") == 2
    assert "\n\n9-4, batches of 64:\n\n| contestant |" in text
    assert text.endswith("\n<!-- benchmark:end -->\nbelow\n")
    assert "\nold\n" not in text
    assert "Hidden units 8 and 9-4, learning rate 0.1, 400 training rows" in text
    assert "did the same training in float64" in text
    assert (out / "benchmark.md").read_text().strip() in text


@pytest.mark.parametrize("text", ["nothing", "<!-- benchmark:end --><!-- benchmark:begin -->"])
def test_a_page_without_markers_is_told_before_anything_is_timed(small, tmp_path, capsys, text):
    page = tmp_path / "page.md"
    page.write_text(text)
    arguments = ["--out", str(tmp_path / "out"), "--write-table", str(page)]
    assert benchmark.main([*small, "--against", "notebook", *arguments]) == 2
    assert "must stand in it once each" in capsys.readouterr().err
    assert page.read_text() == text
    assert not (tmp_path / "out").exists()


def test_an_absent_peer_exits_3_and_says_how_to_install_it(small, tmp_path, capsys, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "torch" else find(name)
    )
    out = tmp_path / "out"
    assert benchmark.main([*small, "--against", "notebook", "torch", "--out", str(out)]) == 3
    message = capsys.readouterr().err
    assert message.startswith("benchmark.py: error: torch is not installed")
    assert "pip install" in message
    assert message.count("\n") == 1
    assert not out.exists()


def test_another_training_exits_1_before_anything_is_timed(small, tmp_path, capsys, monkeypatch):
    def other(name, config, rows):
        return Entry(name, replace(config, momentum=0.8) if name == "notebook" else config, rows)

    monkeypatch.setattr(speed, "Entry", other)
    monkeypatch.setattr(speed, "interleave", None)
    assert benchmark.main([*small, "--against", "notebook", "--out", str(tmp_path)]) == 1
    *_, line = capsys.readouterr().err.splitlines()  # after warnings of this machine
    assert line.startswith("benchmark.py: error: notebook: training loss ")
    assert line.endswith("not the same training")


def test_a_divergence_exits_4_in_one_line(small, tmp_path, capsys):
    arguments = ["--against", "--learning-rate", "1e308", "--epochs", "3", "--out", str(tmp_path)]
    assert benchmark.main([*small, *arguments]) == 4
    *_, line = capsys.readouterr().err.splitlines()
    assert line.startswith("benchmark.py: error: ours: training diverged: the loss is ")


@pytest.mark.parametrize("mode", ["growth", "to-accuracy", "choose-recipe"])
@pytest.mark.parametrize("more", [["--hidden", "9"], ["--batch-size", "full", "64"]])
def test_modes_of_one_configuration_refuse_more(small, tmp_path, capsys, mode, more):
    out = tmp_path / "out"
    assert benchmark.main([*small, f"--{mode}", *more, "--out", str(out)]) == 2
    assert capsys.readouterr().err == (
        f"benchmark.py: error: --{mode} takes one --hidden and one --batch-size at most\n"
    )
    assert not out.exists()


def test_who_is_not_idle_is_warned_of_and_noted(small, tmp_path, capsys, monkeypatch):
    def seen(entries, *arguments):
        found = {name: rounds.Measured([1.0], peak_bytes=1, idle_share=0.5) for name in entries}
        found["ours"].idle_share = 0.01
        return found

    monkeypatch.setattr(speed, "interleave", seen)
    monkeypatch.setattr(speed, "check_training", lambda *arguments: {})
    arguments = ["--against", "notebook", "--starts", "0", "--out", str(tmp_path)]
    assert benchmark.main([*small, *arguments]) == 0
    said = "full batch: notebook used 50% of a core while others were measured"
    assert f"warning: {said}: times of others are too long" in capsys.readouterr().err
    assert f"Not idle: {said}." in (tmp_path / "benchmark.md").read_text()


@pytest.mark.parametrize(("load", "count"), [(0.1, 1), (1.5, 2)])
def test_what_distorts_is_warned_of(small, tmp_path, capsys, monkeypatch, load, count):
    monkeypatch.setenv("OPENBLAS_CORETYPE", os.environ.get("OPENBLAS_CORETYPE", ""))
    monkeypatch.delenv("OPENBLAS_L2_SIZE", raising=False)
    monkeypatch.setattr(os, "getloadavg", lambda: (load, 9.0, 9.0))
    monkeypatch.setattr(speed, "report", lambda *a: ({}, ""))
    assert benchmark.main([*small, "--against", "--out", str(tmp_path)]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == count
    assert lines[0].startswith("warning: OPENBLAS_CORETYPE is set")
    assert "load average 1.5" in lines[-1] or load < 1


@pytest.fixture
def gpus(monkeypatch, machine):
    """Have two GPUs: the contestants' processes find the stand-in for CuPy and its driver."""
    environment = machine(ROOT / "tests" / "stand_in", ROOT / "tests" / "kernels", devices=2)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(benchmark, "read_driver", lambda: Driver((12, 8), 2, 0))
    monkeypatch.setattr(
        benchmark, "describe_devices", lambda count: [f"cuda:{i} Card {i}" for i in range(count)]
    )


@pytest.mark.slow
def test_on_a_gpu_contestants_compute_there_and_its_memory_is_compared(gpus, small, tmp_path):
    arguments = ["--device", "cuda:1", "--against", "floor", "--batch-size", "full", "100"]
    status = benchmark.main([*small, *arguments, "--starts", "1", "--out", str(tmp_path)])
    assert status == 0
    record = json.loads((tmp_path / "benchmark.json").read_text())
    assert record["machine"]["gpu"] == "Card 1; "
    for batch in ("full batch", "batches of 100"):
        ours, floor = (record["results"][batch][name] for name in ("ours", "floor"))
        assert ours["versions"] == floor["versions"] == {"cupy": "0 (stand-in)"}
        # What the stand-in has allocated, and not what a process of NumPy takes.
        assert 600 * 30 < ours["peak_bytes"] < 30e6 < ours["ready_bytes"]
    text = (tmp_path / "benchmark.md").read_text()
    assert "peak memory of the GPU, MB" in text
    assert "Card 1; " in text


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--device", "auto"], 2, "--device must be cpu, cuda or cuda:N here, got auto"),
        (["--device", "cuda", "--growth"], 2, "--growth measures on a CPU"),
        (["--device", "cuda", "--to-accuracy"], 2, "--to-accuracy measures on a CPU"),
        (["--device", "cuda", "--against", "sklearn"], 2, "--against sklearn cannot use --device"),
        (["--against", "torch-graph"], 2, "--against torch-graph cannot use --device cpu"),
        (["--device", "cuda:2"], 3, "device cuda:2: the NVIDIA driver finds no such GPU"),
    ],
)
def test_what_a_device_cannot_do_is_one_line(gpus, small, capsys, arguments, status, message):
    assert benchmark.main([*small, *arguments]) == status
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert message in said


def test_who_comes_by_default_can_use_the_device():
    assert "torch-graph" not in benchmark.USUAL["cpu"]
    assert set(benchmark.USUAL["cpu"]) >= {"floor", "numpy", "torch", "jax", "keras", "sklearn"}
    assert set(benchmark.USUAL["cuda"]) == {"floor", "torch", "torch-graph", "jax"}


def test_help_shows_an_example_and_the_defaults():
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "benchmark.py"), "--help"],
        capture_output=True, text=True, check=True, env=os.environ | {"COLUMNS": "100"},
    )  # fmt: skip
    for text in ("python scripts/benchmark.py --growth", "(default: 5)", "exit status"):
        assert text in done.stdout


def test_more_ranks_than_cores_are_refused(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(benchmark, "available_threads", lambda: 2)
    assert benchmark.main(["--ranks", "3", "--out", str(tmp_path / "out")]) == 2
    assert "error: --ranks must be at most the 2 cores this process may use, got 3" in (
        capsys.readouterr().err
    )

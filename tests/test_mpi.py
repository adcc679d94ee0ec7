"""Real ranks, started by mpiexec: the same bits for any number, and no rank left waiting."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
TRAIN, FAULTY = ROOT / "scripts" / "train.py", ROOT / "tests" / "faulty_rank.py"
# A rank that waits keeps its core busy, so more ranks than cores take their time.
TIMEOUT = 120

MODES = {
    "full batch": ["--epochs", 6, "--shard-rows", 64],
    "mini-batches": ["--epochs", 3, "--batch-size", 100, "--shard-rows", 50],
    "divided units": ["--epochs", 3, "--batch-size", 64, "--hidden", 1100, "--nesterov"],
    "more ranks than pieces": ["--epochs", 3],
    "weighted rows": [
        "--epochs", 3, "--batch-size", 100, "--shard-rows", 30, "--class-weight", "balanced",
    ],
    "early stopping, float64": [
        "--epochs", 12, "--batch-size", 300, "--shard-rows", 50, "--early-stopping", 2,
        "--learning-rate", 0.5, "--nesterov", "--dtype", "float64", "--schedule", "cosine",
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 1200).astype(np.uint8)
    images = rng.integers(0, 120, (1200, 6, 5)).astype(np.uint8)
    images[np.arange(1200), labels] += 100
    folder = tmp_path_factory.mktemp("data")
    np.savez(folder / "rows.npz", images=images, labels=labels)
    (folder / "rows").mkdir()
    np.save(folder / "rows" / "images.npy", images)
    np.save(folder / "rows" / "labels.npy", labels)
    return folder / "rows.npz"


@pytest.fixture
def start(mpiexec):
    """Start train.py on some ranks; whatever is left of it is killed at the end."""
    started = []

    def start(ranks, *options, script=TRAIN, how=()):
        command = [mpiexec, "-n", ranks, sys.executable, "-m", "mpi4py", script, *how, *options]
        process = subprocess.Popen(
            list(map(str, command)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def finish(process):
    out, err = process.communicate(timeout=TIMEOUT)
    return process.returncode, out, err


def options(data, mode, out, threads=1):
    fixed = ["--data", data, "--split", 900, 200, "--hidden", 20, "--device", "cpu"]
    fixed += ["--threads", threads, "--out", out, "--quiet", "--no-report"]
    return [*fixed, *MODES[mode]]


def results(directory):
    with (directory / "metrics.csv").open(newline="") as file:
        rows = [row[:-1] for row in csv.reader(file)]  # without the seconds
    record = json.loads((directory / "run.json").read_text())
    return record["parameters_sha256"], rows, record["result"]


def check_ranks(start, data, tmp_path, mode, ranks_and_threads):
    expected = None
    for ranks, threads in ranks_and_threads:
        out = tmp_path / f"{ranks}-{threads}"
        status, _, err = finish(start(ranks, *options(data, mode, out, threads)))
        assert status == 0, err
        assert err == ""
        device = json.loads((out / "run.json").read_text())["device"]
        assert (device["ranks"], device["threads"]) == (ranks, threads)
        expected = expected or results(out)
        assert results(out) == expected, (ranks, threads)


def test_two_ranks_give_the_bits_of_one(start, data, tmp_path):
    check_ranks(start, data, tmp_path, "full batch", [(1, 2), (2, 1)])


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_any_ranks_and_threads_give_the_same_bits(start, data, tmp_path, mode):
    pairs = [(ranks, threads) for ranks in (1, 2, 3, 4) for threads in (1, 2)]
    check_ranks(start, data, tmp_path, mode, pairs)


@pytest.mark.slow
def test_rows_on_disk_give_the_bits_of_rows_in_memory(start, data, tmp_path):
    found = []
    for number, path in enumerate((data, data.with_suffix(""))):
        out = tmp_path / str(number)
        status, _, err = finish(start(3, *options(path, "mini-batches", out)))
        assert status == 0, err
        found.append(results(out))
    assert found[0] == found[1]


# Long enough that the fault comes first, whatever the machine.
LONG = [
    "--epochs", 100_000, "--batch-size", 100, "--shard-rows", 20, "--checkpoint-every", 1,
]  # fmt: skip


def rank_processes(out):
    """Find the processes that train into a directory, by rank."""
    found = {}
    for entry in Path("/proc").iterdir():
        with suppress(OSError):  # it has ended meanwhile
            if entry.name.isdigit() and str(out).encode() in (entry / "cmdline").read_bytes():
                pairs = (entry / "environ").read_bytes().split(b"\0")
                ranks = [int(pair[9:]) for pair in pairs if pair.startswith(b"PMI_RANK=")]
                found.update(dict.fromkeys(ranks, int(entry.name)))
    return found


def wait_for(condition, process):
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.002)


def stopped_long_run(start, data, out, number, rank):
    """Signal a rank (or mpiexec: None) of a long run; give status, messages and seconds."""
    process = start(3, *options(data, "full batch", out)[:-4], *LONG)
    wait_for(lambda: len(list(out.glob("checkpoint/epoch-*"))) == 2, process)
    os.kill(process.pid if rank is None else rank_processes(out)[rank], number)
    since = time.monotonic()
    status, _, err = finish(process)
    return status, err, time.monotonic() - since


def resume(start, out, ranks):
    """Let a stopped run end a few epochs on; give the results and the epochs."""
    newest = max((out / "checkpoint").glob("epoch-*.safetensors"))
    epochs = int(newest.stem.removeprefix("epoch-")) + 2
    arguments = ["--resume", out, "--epochs", epochs, "--quiet", "--no-report"]
    status, _, err = finish(start(ranks, *arguments))
    assert status == 0, err
    return results(out), epochs


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds the ranks in /proc")
@pytest.mark.parametrize(
    ("number", "rank", "expected"),
    [
        (signal.SIGKILL, 0, None),
        (signal.SIGKILL, 2, None),
        (signal.SIGTERM, 1, 143),
        (signal.SIGINT, 2, 130),
        (signal.SIGINT, None, 130),
        (signal.SIGTERM, None, 143),
        (signal.SIGHUP, 1, 129),
        (signal.SIGUSR1, 2, 138),
        (signal.SIGUSR1, None, 138),
        (signal.SIGHUP, None, None),
    ],
)
def test_a_killed_or_stopped_rank_ends_the_job_which_resumes_on_other_ranks(
    start, data, tmp_path, number, rank, expected
):
    out = tmp_path / "run"
    status, err, seconds = stopped_long_run(start, data, out, number, rank)
    assert status != 0
    assert seconds < 10
    if expected is not None:
        assert status == expected, err
        assert f"go on with --resume {out}" in err
    found, epochs = resume(start, out, 2)
    whole = tmp_path / "whole"
    arguments = [*options(data, "full batch", whole)[:-4], *LONG, "--epochs", epochs]
    status, _, err = finish(start(1, *arguments))
    assert status == 0, err
    assert found == results(whole)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds the ranks in /proc")
@pytest.mark.parametrize("first", [0, 1])
def test_signals_that_reach_ranks_one_after_the_other_leave_a_checkpoint(
    start, data, tmp_path, first
):
    """The second comes while rank 0 writes; a wide network makes that take long."""
    out = tmp_path / "run"
    fixed = options(data, "full batch", out)[: -len(MODES["full batch"])]
    process = start(2, *fixed, "--hidden", 20_000, "--epochs", 100_000)
    metrics = out / "metrics.csv"
    wait_for(lambda: metrics.exists() and len(metrics.read_text().splitlines()) > 2, process)
    found = rank_processes(out)
    os.kill(found[first], signal.SIGTERM)
    wait_for(lambda: list(out.glob("checkpoint/.epoch-*.part")) or process.poll(), process)
    with suppress(ProcessLookupError):
        os.kill(found[1 - first], signal.SIGTERM)
    status, _, err = finish(process)
    assert status == 143, err
    assert len(list(out.glob("checkpoint/epoch-*.safetensors"))) == 1
    assert "go on with --resume" in err


@pytest.mark.slow
def test_a_signal_after_the_last_epoch_lets_rank_0_write_its_files(start, data, tmp_path):
    out = tmp_path / "run"
    arguments = [one for one in options(data, "mini-batches", out) if one != "--no-report"]
    process = start(2, *arguments)
    wait_for((out / "loss.png").exists, process)
    os.kill(process.pid, signal.SIGTERM)
    status, _, err = finish(process)
    assert status == 0, err
    assert (out / "run.json").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "status", "message"),
    [
        ("break_down", 1, "RuntimeError: rank 2 breaks down"),
        ("break_down_in_a_narrower_network", 1, "RuntimeError: rank 2 breaks down"),
        ("find_other_labels", 2, "train.py: rank 2: error: .* differs from rank 0's; expected 3 "),
        ("lose_the_data", 2, "train.py: rank 2: error: .*rows.npz.elsewhere: no such file"),
        ("find_a_gpu", 3, "train.py: rank 2: error: computes on cuda:0 .*, rank 0 on cpu"),
    ],
)
def test_a_rank_that_fails_ends_the_job_with_its_message(
    start, data, tmp_path, how, status, message
):
    since = time.monotonic()
    arguments = [*options(data, "full batch", tmp_path / "run")[:-4], *LONG]
    if how == "break_down_in_a_narrower_network":  # one for each rank, of batches that are a piece
        arguments += ["--hidden", 1100, "--shard-rows", 100]
    found, _, err = finish(start(3, *arguments, script=FAULTY, how=[how]))
    assert found == status, err
    assert time.monotonic() - since < 30
    assert re.search(message, err), err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--epochs", "-1"], 2, "--epochs must be at least 0"),
        (["--no-such-option"], 2, "unrecognized arguments"),
        (["--data", "nowhere.npz"], 2, "no such file"),
        (["--reference", "keras"], 2, "--reference keras trains on one rank"),
        (["--learning-rate", "1e30", "--epochs", "9"], 4, "training diverged"),
    ],
)
def test_what_is_wrong_on_every_rank_is_said_once(
    start, data, tmp_path, arguments, status, message
):
    given = [*options(data, "mini-batches", tmp_path / "run"), *arguments]
    found, _, err = finish(start(3, *given))
    assert found == status, err
    assert err.count("error: ") == 1, err
    assert message in err


@pytest.mark.slow
def test_help_and_a_finished_run_let_the_other_ranks_go(start, data, tmp_path):
    status, out, _ = finish(start(2, "--help"))
    assert (status, out.count("usage: ")) == (0, 1)
    run = tmp_path / "run"
    assert finish(start(2, *options(data, "mini-batches", run)))[0] == 0
    status, _, err = finish(start(2, "--resume", run))
    assert status == 0
    assert "finished after 3 epochs" in err


def test_ranks_started_without_mpi4py_are_refused(mpiexec):
    done = subprocess.run(
        [mpiexec, "-n", "2", sys.executable, TRAIN, "--epochs", "1"],
        capture_output=True, text=True, timeout=TIMEOUT, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 2
    assert "train.py: error: this is one of 2 ranks (PMI_SIZE); start them with `python -m " in (
        done.stderr
    )


@pytest.mark.slow
def test_the_slurm_script_trains_and_goes_on(mpiexec, data, tmp_path):
    """With an srun that starts two ranks here and ignores what only Slurm knows."""
    srun = tmp_path / "srun"
    srun.write_text(
        f"""#!/bin/bash
while [[ $1 == --* ]]; do shift; done
[[ $1 == python ]] && exec {mpiexec} -n 2 {sys.executable} "${{@:2}}"
"""
    )
    srun.chmod(0o755)
    run = tmp_path / "run"
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "RUN": str(run)}
    fixed = options(data, "mini-batches", run)
    fixed = fixed[: fixed.index("--out")] + fixed[fixed.index("--quiet") :]
    for epochs in (10, 12):
        given = map(str, [*fixed, "--epochs", epochs])
        done = subprocess.run(
            ["bash", "scripts/train.sbatch", *given], cwd=ROOT, env=environment, check=False,
            capture_output=True, text=True, timeout=TIMEOUT, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert results(run)[2]["epochs_trained"] == epochs
    assert "going on after epoch 10" in done.stderr


@pytest.mark.slow
def test_the_benchmark_of_ranks_leaves_record_and_tables(mpiexec, tmp_path):
    page = tmp_path / "page.md"
    page.write_text("<!-- ranks:begin -->\n<!-- ranks:end -->\n")
    letters = ROOT / "data" / "glyphs.npz"
    arguments = ["--ranks", 2, "--rounds", 1, "--epochs", 1, "--hidden", 8, "--data", letters]
    arguments += ["--batch-size", "full", 5000, "--out", tmp_path / "out", "--write-table", page]
    done = subprocess.run(
        [sys.executable, "scripts/benchmark.py", *map(str, arguments)], cwd=ROOT, check=False,
        capture_output=True, text=True, timeout=TIMEOUT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    record = json.loads((tmp_path / "out" / "benchmark.json").read_text())
    assert record["mode"] == "ranks"
    for title in ("full batch", "batches of 5000"):
        found = record["results"][title]
        ranks = [(one["ranks"], one["threads"], one["factor"]) for one in found["points"]]
        assert ranks == [(1, 1, 1), (2, 1, 1), (2, 1, 2), (1, 2, 1)]
        assert all(0 < one["communicating"][0] < one["seconds"][0] for one in found["points"][1:3])
        assert found["thread_model"]["threads"] == [1, 2, 4, 8]
        assert len(found["thread_model"]["seconds"]) == 4
        assert min(found["thread_costs"]["steps"]) > 0
    assert page.read_text().count("| on more threads | 1 | 2 | ") == 2
    assert page.read_text().count("| threads | measured, ms | model, ms | speed, model |") == 2

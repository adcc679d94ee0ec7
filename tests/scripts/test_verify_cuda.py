"""verify_cuda.py: its command line, its tools, and all of it on the stand-in for a GPU."""

import contextlib
import copy
import importlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import fake_tools
import pytest
from gpu_results import good_results
from verification import NotRunError

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "scripts"
STAND_IN = (ROOT / "tests" / "stand_in", ROOT / "tests" / "kernels")


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return importlib.import_module("verify_cuda")


def run(environment, *arguments):
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        env=environment,
        timeout=300,
        cwd=ROOT,
    )


def verify(environment, *arguments):
    return run(environment, SCRIPTS / "verify_cuda.py", *arguments)


# ---- the command line


@pytest.fixture
def outcome(script, monkeypatch, tmp_path, capsys, letters):
    """Run the command line over checks that give these results, or raise them."""

    def run_main(results):
        def check(result):
            def give(setup):
                if isinstance(result, Exception):
                    raise result
                return copy.deepcopy(result["found"])

            return give

        @contextlib.contextmanager
        def unwatched(bus):
            yield SimpleNamespace(seen={"throttled": []})

        handle = SimpleNamespace(id=0)
        device = SimpleNamespace(used="cuda:0", requested="cuda", handle=handle)
        monkeypatch.setattr(script, "choose_device", lambda requested, strict: device)
        monkeypatch.setattr(script, "l2_bytes", lambda number: 2**20)
        monkeypatch.setattr(script, "Watch", unwatched)
        monkeypatch.setattr(script, "bus_id", lambda number: "")
        monkeypatch.setattr(script, "CHECKS", {k: check(v) for k, v in results.items()})
        out = tmp_path / "verify_cuda.json"
        arguments = ["--data", str(letters), "--split", "200", "60", "--out", str(out)]
        status = script.main(arguments)
        printed = capsys.readouterr()
        assert printed.err == ""
        report = out.with_suffix(".md").read_text()
        return status, printed.out.splitlines(), json.loads(out.read_text()), report

    return run_main


def test_a_run_without_faults_passes_and_leaves_record_and_report(outcome):
    status, lines, record, report = outcome(good_results())
    assert (status, lines[-2:]) == (0, ["speed: AS EXPECTED", "correctness: PASSED"])
    names = list(good_results())
    assert [line.split()[:2] for line in lines[1 : len(names) + 1]] == [
        [n, "passed"] for n in names
    ]
    assert record["results"]["epochs"]["found"] == good_results()["epochs"]["found"]
    assert record["command"].startswith("python ")
    assert report.startswith("### GPU\n\n**PASSED**, speed **AS EXPECTED**\n")


def test_an_error_in_one_check_is_one_line_and_the_others_run(outcome):
    results = {**good_results(), "resume": RuntimeError("illegal\naddress")}
    status, lines, record, _ = outcome(results)
    assert (status, lines[-1]) == (1, "correctness: FAILED")
    assert sum(line.split()[1:2] == ["passed"] for line in lines) == len(results) - 1
    assert record["wrong"] == ["resume: RuntimeError: illegal address"]
    assert "- resume: RuntimeError: illegal address" in lines


@pytest.mark.parametrize("error", [MemoryError("out of\nmemory"), NotRunError("the time is over")])
def test_what_others_take_leaves_the_verdict_open(outcome, error):
    status, lines, record, _ = outcome({**good_results(), "float32": error})
    assert (status, lines[-1]) == (3, "correctness: INCOMPLETE")
    assert record["wrong"][0].startswith("float32: not run: the ")


def test_what_the_time_does_not_suffice_for_is_told(outcome, script, monkeypatch):
    monkeypatch.setattr(script, "MOST_SECONDS", -1)
    status, lines, record, _ = outcome(good_results())
    assert (status, lines[-1]) == (3, "correctness: INCOMPLETE")
    assert {result["not_run"] for result in record["results"].values()} == {"the time is over"}
    assert record["speed"] == "NOT JUDGED"


def test_correct_kernels_on_a_shared_card_pass(outcome):
    results = {**good_results(), "bandwidth": RuntimeError("out of memory")}
    results["card"]["found"]["others"] = "2 other process(es) compute on it"
    status, lines, _, _ = outcome(results)
    assert status == 0
    assert lines[-2] == "speed: NOT JUDGED (2 other process(es) compute on it)"
    assert lines[-1] == "correctness: PASSED"


# ---- on the stand-in


MEASUREMENTS = """
import sys
from types import SimpleNamespace
import cupy, fake_cupy, numpy as np
sys.path.insert(0, "scripts")
from verification import epochs, timing
from mlp import TrainingConfig, choose_device, load
from mlp.epochs import by_rows, fused

device = choose_device("cuda", strict=True)
dataset = load(sys.argv[1], split=(200, 60)).to(device)
config = TrainingConfig(hidden=(12,), batch_size=64)

def count(kind, function, *arguments):
    fake_cupy.recorded.clear()
    function(*arguments)
    return sum(one == kind for one, _ in fake_cupy.recorded)

full = epochs.full_batch_epoch(dataset, TrainingConfig(hidden=(12, 7)))
print(count("launch", full))
print(count("launch", epochs.without_kernels, full))
print(count("gemm", full), count("gemm", epochs._gemms(dataset, TrainingConfig(hidden=(12, 7)))))
for way in (fused, by_rows):
    call = epochs.mini_batch_epoch(dataset, config, way)
    print(count("gemm", call), count("synchronisation", call), count("transfer", call))

events = []
class Event:
    def record(self): events.append("record")
    def synchronize(self): pass
cupy.cuda.Event = Event
cupy.cuda.get_elapsed_time = lambda start, stop: 32.0  # milliseconds
cupy.copyto = lambda target, source: events.append("copy")
timer = timing.Timer(SimpleNamespace(rounds=3, array_bytes=2**20))
print(timer.copy.median)
timer._copy_seconds = 1e-9  # so short that the launches take longer
events.clear()
timer.device_seconds(lambda: events.append("call"), 16)
print(" ".join(map(str, (events.index("copy"), events.count("copy"), events.count("record")))))
after = events[len(events) - events[::-1].index("copy"):]
print(after == ["record", *["call"] * 16, "record"])
"""


def test_what_is_timed_is_what_is_said(machine, letters):
    done = run(machine(ROOT, *STAND_IN), "-c", MEASUREMENTS, letters)
    assert done.returncode == 0, done.stderr
    fused, plain, gemms, steps, by_rows, copy_seconds, order, behind = done.stdout.splitlines()
    assert int(fused) > 0
    assert int(plain) == 0
    # Three layers: forward over three splits, and backward 2 * 3 - 1.
    assert gemms == f"{3 * 3 + 5} {3 * 3 + 5}"
    # Nothing waits for the device, nor is anything sent to it. Four steps of five products each,
    # none in a fused one; and two held-out splits of two.
    assert steps == f"{2 * 2} 0 0"
    assert by_rows == f"{2 * 2 + 4 * 5} 0 0"
    assert float(copy_seconds) == 0.032 / 4
    # Two trains of 16 calls to warm up; then in each of 3 rounds 200 copies before the first event.
    assert order == "32 600 6"
    assert behind == "True"


@pytest.mark.slow
@pytest.mark.parametrize("quick", [True, False])
def test_a_plain_copy_on_the_stand_in_passes_but_for_tf32(machine, letters, tmp_path, quick):
    """Nothing of the project is installed there, and neither pytest nor a framework."""
    plain = tmp_path / "copy"
    for name in ("mlp", "kernels", "scripts", "tests", "data"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, plain / name, ignore=ignored)
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(NOTHING_INSTALLED)
    programs = tmp_path / "bin"
    fake_tools.nvidia_smi(programs, utilization__gpu="55")
    fake_tools.compute_sanitizer(programs)
    fake_tools.ncu(programs)
    environment = machine(
        tmp_path / "site", *(plain / place.relative_to(ROOT) for place in STAND_IN)
    )
    environment["PATH"] = f"{programs}:{environment['PATH']}"
    out = tmp_path / "verify_cuda.json"
    done = subprocess.run(
        [
            *(sys.executable, plain / "scripts" / "verify_cuda.py", "--data", letters),
            *("--split", "200", "60", "--hidden", "12", "--epochs", "4", "--rounds", "1"),
            *("--array-mib", "0.02", "--cases", "momentum_update-float32-False-0.0"),
            *("--batch-size", "64", "--out", out, *["--quick"] * quick),
        ],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.stderr == ""
    record = json.loads(out.read_text())
    assert record["wrong"] == ["tf32: asking for TF32 changes nothing"]
    assert record["speed"] == "NOT JUDGED"
    assert record["held back"] == "it is 55 % busy while nothing is asked of it"
    assert (done.returncode, done.stdout.splitlines()[-1]) == (1, "correctness: FAILED")
    results = {name: result.get("found") for name, result in record["results"].items()}
    left_out = ["racecheck", "initcheck", "dram"] if quick else []
    assert [name for name, found in results.items() if found is None] == ["rivals", *left_out]
    assert "torch is not installed" in record["results"]["rivals"]["not_run"]
    assert results["kernels"]["passed"] == results["kernels"]["known"] == 1
    assert results["train.py"]["used"] == "cuda:0"
    assert results["train.py"]["step"] == "fused"
    assert results["tf32"]["recorded"] == [False, True, False]
    assert results["card"]["peak_gb_s"] == 2 * 1e9 * 64 / 8 / 1e9
    assert results["memory"]["64"]["peak_bytes"] > 400 * 30  # the rows alone
    assert results["memcheck"]["reports"] == 0
    if not quick:
        assert results["dram"]["shares"]["bias_relu"] == 0.915
    assert record["results"]["bandwidth"]["clocks"]["clocks.sm"] == 1980
    assert results["bandwidth"]["peak_gb_s"] == 16
    rows, flat = int(0.02 * 2**20) // 4, int(0.02 * 2**20) // 4
    sizes = {name: one["bytes"] for name, one in results["bandwidth"]["operations"].items()}
    assert sizes == {
        "copy": 2 * int(0.02 * 2**20),
        "softmax_cross_entropy": rows // 10 * (2 * 40 + 1 + 4 + 4),
        "bias_relu": 2 * (rows // 1000) * 4000 + 4000,
        "relu_backward": 3 * (rows // 1000) * 4000 + 4000,
        "momentum_update": 5 * 4 * flat,
        "minibatch_step": 5 * (rows // 1024) * 4096 + 2 * 128 * (rows // 1024),
    }
    assert "| `bias_relu` |" in out.with_suffix(".md").read_text()


NOTHING_INSTALLED = """
import importlib.metadata, sys
sys.modules.update(torch=None, optax=None, pytest=None, hypothesis=None)
version = importlib.metadata.version
def hiding(name):
    if name == "array-api-mlp":
        raise importlib.metadata.PackageNotFoundError(name)
    return version(name)
importlib.metadata.version = hiding
"""


# ---- not run, and bad usage


def test_a_missing_package_is_one_line_with_the_command_that_brings_it(machine, tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['array_api_compat'] = None")
    done = verify(machine(tmp_path), "--quick")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == (
        "mlp: error: array-api-compat is not installed; python -m pip install array-api-compat\n"
    )


def test_without_a_gpu_it_says_not_run_and_why(machine, tmp_path):
    out = tmp_path / "verify_cuda.json"
    done = verify(machine(devices=0), "--out", out)
    assert done.returncode == 3
    assert done.stderr == ""
    assert done.stdout.startswith("NOT RUN: device cuda cannot be used: the NVIDIA driver finds no")
    assert done.stdout.count("\n") == 1
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--device", "cpu"], "--device"),
        (["--epochs", "2"], "--epochs"),
        (["--array-mib", "much"], "--array-mib"),
        (["--out", "{tmp}/none/verify_cuda.json"], "verify_cuda.json"),
        (["--data", "{tmp}/none.npz"], "none.npz"),
    ],
)
def test_bad_usage_is_one_line_with_status_2(
    script, monkeypatch, tmp_path, capsys, arguments, named
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(script, "choose_device", lambda requested, strict: SimpleNamespace())
    try:
        status = script.main([argument.format(tmp=tmp_path) for argument in arguments])
    except SystemExit as exit_:
        status = exit_.code
    printed = capsys.readouterr()
    assert status == 2
    assert printed.out == ""
    assert printed.err.startswith("verify_cuda.py: error: ")
    assert printed.err.count("\n") == 1
    assert named in printed.err
    assert not list(tmp_path.iterdir())


def test_help_shows_the_defaults_and_an_example(script, capsys):
    with pytest.raises(SystemExit):
        script.main(["--help"])
    text = capsys.readouterr().out
    for part in ("verify_cuda.py --quick --device cuda:1", "(default: 20, quick: 5)", "3 not run"):
        assert part in text

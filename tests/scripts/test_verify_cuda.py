"""The logic of verify_cuda.py: its verdicts, and all of it on the stand-in for a GPU."""

import copy
import importlib
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "scripts"
STAND_IN = (ROOT / "tests" / "stand_in", ROOT / "tests" / "kernels")


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return importlib.import_module("verify_cuda")


@pytest.fixture(scope="module")
def letters(tmp_path_factory):
    """Write a small data set of images: 400 rows, 3 classes, 6 x 5 pixels."""
    rng = np.random.default_rng(0)
    labels = (np.arange(400) % 3).astype(np.uint8)
    images = rng.integers(0, 120, (400, 6, 5)).astype(np.uint8)
    images[np.arange(400), labels * 2] += 100
    path = tmp_path_factory.mktemp("data") / "letters.npz"
    np.savez_compressed(path, images=images, labels=labels)
    return path


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


# ---- verdicts


def good_results():
    def kernel(name, gb_s):
        return {name: {"bytes": 1, "seconds": 1.0, "gb_s": gb_s}}

    return {
        "device": {
            "name": "GPU", "memory_bytes": 2**34, "compute_capability": [9, 0],
            "driver": 12080, "runtime": 12090, "nvrtc": [12, 9], "cupy": "14.2.0",
        },
        "kernels": {"passed": 390, "failed": [], "skipped": 0},
        "float64": {"epochs": 20, "loss": 1e-14, "parameters": 1e-13},
        "float32": {"epochs": 20, "loss": 1e-6, "parameters": 1e-5},
        "bandwidth": {
            "rows": 10_000, "columns": 1_000, "copy_gb_s": 1000.0,
            "operations": {
                **kernel("softmax_cross_entropy", 100.0), **kernel("bias_relu", 500.0),
                **kernel("relu_backward", 600.0), **kernel("momentum_update", 400.0),
            },
        },
        "epoch": {"fused_s": 0.004, "plain_s": 0.004, "gemms_s": 0.003},
        "memory": {"peak_bytes": 2**20},
        "tf32": {"float32_error": 3e-7, "tf32_error": 3e-4, "has_tf32": True},
        "resume": {"epochs": 6, "hashes": {"full": ["aa", "aa"], "128": ["bb", "bb"]}},
        "train.py": {"used": "cuda:0", "library": "cupy"},
    }  # fmt: skip


def test_good_results_pass_and_can_be_told(script):
    results = good_results()
    assert set(results) == set(script.VERDICTS) == set(script.CHECKS)
    assert script.judge(results) == []
    for name, values in results.items():
        assert script.VERDICTS[name].summary(values)


FAULTS = {
    "a kernel differs": (("kernels", "failed"), ["bias_relu: AssertionError"], "AssertionError"),
    "a case was skipped": (("kernels", "skipped"), 1, "1 were skipped"),
    "no case ran": (("kernels", "passed"), 0, "0 cases ran"),
    "float64 loss": (("float64", "loss"), 2e-11, "loss differs"),
    "float64 weights": (("float64", "parameters"), 2e-10, "parameters differs"),
    "float32 loss": (("float32", "loss"), 2e-4, "loss differs"),
    "float32 weights": (("float32", "parameters"), float("nan"), "parameters differs"),
    "bias_relu": (("bandwidth", "operations", "bias_relu", "gb_s"), 499.0, "bias_relu reaches"),
    "relu_backward": (
        ("bandwidth", "operations", "relu_backward", "gb_s"), 499.0, "relu_backward reaches"
    ),
    "slower than plain": (("epoch", "fused_s"), 0.0041, "times as long"),
    "no memory": (("memory", "peak_bytes"), 0, "no memory"),
    "TF32 without asking": (("tf32", "float32_error"), 2e-5, "without TF32 a product is wrong"),
    "TF32 in vain": (("tf32", "tf32_error"), 3e-7, "changes nothing"),
    "resumed otherwise": (("resume", "hashes", "128"), ["bb", "cc"], "batch size 128"),
    "on the CPU": (("train.py", "used"), "cpu", "used: cpu"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_fails_its_check_and_no_other(script, name):
    path, value, message = FAULTS[name]
    results = good_results()
    place = results
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    (failure,) = script.judge(results)
    assert failure.startswith(f"{path[0]}: ")
    assert message in failure


@pytest.mark.parametrize("name", good_results())
def test_a_check_that_did_not_run_or_raised_fails(script, name):
    results = good_results()
    results[name] = {"error": "RuntimeError: out of memory", "seconds": 1.0}
    assert script.judge(results) == [f"{name}: RuntimeError: out of memory"]
    del results[name]
    assert script.judge(results) == [f"{name}: did not run"]


def test_rules_that_do_not_apply_are_not_applied(script):
    results = good_results()
    results["bandwidth"]["rows"] = 9_999
    results["bandwidth"]["operations"]["bias_relu"]["gb_s"] = 1.0
    results["tf32"] = {"float32_error": 3e-7, "tf32_error": 3e-7, "has_tf32": False}
    assert script.judge(results) == []


# ---- the run


@pytest.fixture
def outcome(script, monkeypatch, tmp_path, capsys, letters):
    """Run the command line over checks that give these results, or raise them."""

    def run_main(results):
        def check(values):
            def give(setup):
                if isinstance(values, Exception):
                    raise values
                return copy.deepcopy(values)

            return give

        device = SimpleNamespace(used="cuda:0", requested="cuda")
        monkeypatch.setattr(script, "choose_device", lambda requested, strict: device)
        monkeypatch.setattr(script, "CHECKS", {k: check(v) for k, v in results.items()})
        out = tmp_path / "verify_cuda.json"
        arguments = ["--data", str(letters), "--split", "200", "60", "--out", str(out)]
        status = script.main(arguments)
        printed = capsys.readouterr()
        assert printed.err == ""
        return status, printed.out.splitlines(), json.loads(out.read_text())

    return run_main


def test_a_run_without_faults_ends_with_passed(outcome):
    status, lines, record = outcome(good_results())
    assert (status, lines[-1]) == (0, "PASSED")
    assert (record["passed"], record["failures"]) == (True, [])
    assert [line.split()[0] for line in lines[1:11]] == list(good_results())
    assert all(line.split()[1] == "passed" for line in lines[1:11])
    assert record["results"]["epoch"].items() >= good_results()["epoch"].items()


def test_an_error_in_one_check_is_one_line_and_the_others_run(outcome):
    results = {**good_results(), "device": RuntimeError("out of\nmemory")}
    status, lines, record = outcome(results)
    assert (status, lines[-1]) == (1, "FAILED")
    assert lines[1].startswith("device     FAILED")
    assert all(line.split()[1] == "passed" for line in lines[2:11])
    assert record["failures"] == ["device: RuntimeError: out of memory"]
    assert lines[-2] == "- device: RuntimeError: out of memory"


def test_on_the_stand_in_every_check_but_tf32_passes(machine, letters, tmp_path):
    out = tmp_path / "verify_cuda.json"
    done = verify(
        machine(*STAND_IN), "--data", letters, "--split", 200, 60, "--hidden", 12, "--epochs", 4,
        "--rounds", 1, "--copy-mib", 1, "--cases", "gpu and momentum_update-float32-False",
        "--out", out,
    )  # fmt: skip
    assert done.stderr == ""
    record = json.loads(out.read_text())
    results = record["results"]
    # The stand-in has no TF32, and its times are a CPU's.
    assert [f for f in record["failures"] if not f.startswith("epoch: the kernels")] == [
        "tf32: asking for TF32 changes nothing"
    ]
    assert (done.returncode, done.stdout.splitlines()[-1]) == (1, "FAILED")
    assert results["kernels"] == results["kernels"] | {"passed": 2, "failed": [], "skipped": 0}
    assert results["train.py"]["used"] == "cuda:0"
    assert results["train.py"]["requested"] == "cuda"
    assert results["memory"]["peak_bytes"] > 400 * 30  # the rows alone
    assert results["device"]["name"] == "Stand-in"
    assert len(set(results["resume"]["hashes"]["full"] + results["resume"]["hashes"]["128"])) == 2
    sizes = {name: one["bytes"] for name, one in results["bandwidth"]["operations"].items()}
    assert sizes == {
        "softmax_cross_entropy": 200 * (3 * 4 + 1 + 4 + 3 * 4 + 4),
        "bias_relu": 2 * 200 * 12 * 4 + 12 * 4,
        "relu_backward": 3 * 200 * 12 * 4 + 12 * 4,
        "momentum_update": 5 * 30 * 12 * 4,
    }


MEASUREMENTS = """
import sys
from types import SimpleNamespace
import cupy, fake_cupy, numpy as np
sys.path.insert(0, "scripts")
from verification import timing
from mlp import TrainingConfig, choose_device, load

device = choose_device("cuda", strict=True)
dataset = load(sys.argv[1], split=(200, 60)).to(device)
config = TrainingConfig(hidden=(12, 7), epochs=2)

def count(kind, function, *arguments, **options):
    fake_cupy.recorded.clear()
    function(*arguments, **options)
    return sum(one == kind for one, _ in fake_cupy.recorded)

for kernel in (True, False):
    print(count("launch", timing._train_with, dataset, config, kernel=kernel))
print(count("gemm", timing._gemms(dataset, config)))

events = []
class Event:
    def record(self): events.append("record")
    def synchronize(self): pass
cupy.cuda.Event = Event
cupy.cuda.get_elapsed_time = lambda start, stop: 32.0  # milliseconds
copy = cupy.copyto
cupy.copyto = lambda target, source: events.append("copy")
timer = timing.Timer(SimpleNamespace(rounds=3, copy_bytes=2**20))
print(timer.copy_seconds)
timer.copy_seconds = 1e-9  # so short that the launches take longer
events.clear()
timer.seconds([lambda: events.append("call")])
print(" ".join(map(str, (events.index("copy"), events.count("copy"), events.count("record")))))
after = events[len(events) - events[::-1].index("copy"):]
print(after == ["record", *["call"] * 16, "record"])
"""


def test_what_is_timed_is_what_is_said(machine, letters):
    done = run(machine(*STAND_IN), "-c", MEASUREMENTS, letters)
    assert done.returncode == 0, done.stderr
    fused, plain, gemms, copy_seconds, order, behind = done.stdout.splitlines()
    assert int(fused) > 0
    assert int(plain) == 0
    # Three layers: forward over three splits, and backward 2 * 3 - 1.
    assert int(gemms) == 3 * 3 + 5
    assert float(copy_seconds) == 0.032 / 16
    # Two trains of 16 calls to warm up; then in each of 3 rounds 200 copies before the first event.
    assert order == "32 600 6"
    assert behind == "True"


def test_the_kernel_cases_do_not_pass_where_no_gpu_is(script, machine, monkeypatch):
    """Here the suite skips them: a run in which nothing ran is no proof."""
    for name, value in machine(devices=0).items():
        monkeypatch.setenv(name, value)
    setup = SimpleNamespace(
        device=SimpleNamespace(handle=SimpleNamespace(id=0)), cases="gpu and bias_relu"
    )
    values = script.CHECKS["kernels"](setup)
    assert (values["passed"], values["failed"]) == (0, [])
    assert values["skipped"] >= 14
    assert script.failures("kernels", values)


# ---- not run, and bad usage


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
        (["--copy-mib", "much"], "--copy-mib"),
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
    for part in ("python scripts/verify_cuda.py --device cuda:1", "(default: 20)", "3 not run"):
        assert part in text

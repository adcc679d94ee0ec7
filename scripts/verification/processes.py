"""Checks that need a process of their own, and how such a process is run."""

import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.process import only_gpu

from mlp.datasets.split import counts
from verification.setup import NotRunError, Setup, Values

ROOT = Path(__file__).resolve().parents[2]
# A plain copy of the repository will do: nothing of it need be installed.
_PATHS = (ROOT, ROOT / "scripts", ROOT / "tests", ROOT / "tests" / "kernels")
MOST_SECONDS = 240
CASES_SECONDS, CASES_QUICK_SECONDS = 90, 30
_TO_START = 60  # seconds that a process may take besides what it is given


def run_kernel_cases(setup: Setup) -> Values:
    """Run every kernel against the float64 reference: the cases of the test suite, on this GPU.

    In a process of its own, because a kernel that reads a wrong address leaves its process unable
    to use the device, and the other checks are to run on.
    """
    seconds = setup.seconds_left(CASES_QUICK_SECONDS if setup.quick else CASES_SECONDS)
    words = ["-m", "verification.cases", f"--seconds={seconds}", f"--only={setup.cases}"]
    return dict(answer(run(setup, *words, most=seconds + _TO_START)))


def run_train_py(setup: Setup) -> Values:
    """Train from the command line, and read what the run says of its device."""
    config = setup.config
    with TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        done = run(
            setup,
            *("scripts/train.py", "--device", "cuda", "--strict-device", "--epochs", "2"),
            *("--data", config.data, "--split", *map(str, counts(config.split))),
            *("--hidden", *map(str, config.hidden), "--batch-size", str(config.batch_size)),
            *("--quiet", "--no-report", "--out", str(out)),
        )
        if done.returncode != 0:
            raise RuntimeError(f"exit status {done.returncode}: {last_line(done)}")
        return dict(json.loads((out / "run.json").read_text())["device"])


def run(
    setup: Setup, *arguments: str, before: tuple[str, ...] = (), most: float = MOST_SECONDS
) -> subprocess.CompletedProcess[str]:
    """Run Python, behind another program where one is given, with the GPU as its only one.

    Raises
    ------
    NotRunError
        Nothing is left of the time, or it ran out while the process went on as it should.
    RuntimeError
        It did not end in the time that it had.
    """
    limit = setup.seconds_left(most)
    paths = [*map(str, _PATHS), os.environ.get("PYTHONPATH")]
    try:
        return subprocess.run(
            [*before, sys.executable, *arguments],
            cwd=ROOT,
            env=os.environ
            | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
            | only_gpu(setup.device.used),
            capture_output=True,
            text=True,
            timeout=limit,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        if limit < most:
            raise NotRunError("the time was over before it was done") from error
        raise RuntimeError(f"{' '.join(arguments[:2])} did not end in {limit:.0f} s") from error


def answer(done: subprocess.CompletedProcess[str]) -> Any:
    """Return the JSON in the last line that a process has printed.

    Raises
    ------
    RuntimeError
        It failed.
    """
    if done.returncode != 0:
        raise RuntimeError(last_line(done))
    return json.loads(done.stdout.strip().splitlines()[-1])


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    """Return what a process said last."""
    lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
    return lines[-1] if lines else f"no output, exit status {done.returncode}"

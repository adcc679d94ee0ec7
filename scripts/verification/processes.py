"""Checks that need a process of their own."""

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from tempfile import TemporaryDirectory

from verification.setup import Setup, Values

ROOT = Path(__file__).resolve().parents[2]
CASES = "tests/kernels/test_cuda_execution.py"
LIMIT_S = 300


def run_kernel_cases(setup: Setup) -> Values:
    """Run every kernel against the float64 reference: the cases of the test suite, on this GPU.

    In a process of its own, because a kernel that reads a wrong address leaves its process unable
    to use the device, and the other checks are to run on.
    """
    number = setup.device.handle.id
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    only = visible.split(",")[number] if visible else str(number)
    with TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        done = _run(
            *("-m", "pytest", CASES, "-q", "-k", setup.cases, "-m", ""),
            *("-p", "no:cacheprovider", "-W", "default", f"--junitxml={report}"),
            CUDA_VISIBLE_DEVICES=only,
        )
        if not report.exists():
            raise RuntimeError(_last_line(done))
        cases = list(ET.parse(report).iter("testcase"))
    wrong = [(case, part) for case in cases for part in case if part.tag in ("failure", "error")]
    skipped = sum(case.find("skipped") is not None for case in cases)
    return {
        "passed": len(cases) - len(wrong) - skipped,
        "failed": [f"{case.get('name')}: {_reason(part.text or '')}" for case, part in wrong],
        "skipped": skipped,
    }


def _reason(traceback: str) -> str:
    """Find the exception in pytest's account of it, where lines of it begin with E."""
    lines = [line[1:].strip() for line in traceback.splitlines() if line.startswith("E ")]
    return lines[0] if lines else "no exception is named"


_PRODUCT = """
import sys
import numpy as np
from mlp.device import choose_device, to_numpy

device = choose_device(sys.argv[1], strict=True, tf32=sys.argv[2] == "tf32")
a, b = np.random.default_rng(0).standard_normal((2, 512, 512), dtype=np.float32)
exact = a.astype(np.float64) @ b.astype(np.float64)
product = to_numpy(device.put(a) @ device.put(b))
print(np.linalg.norm(product - exact) / np.linalg.norm(exact))
"""


def compare_tf32(setup: Setup) -> Values:
    """Multiply with and without TF32; CuPy asks once in a process which it is to be."""
    import cupy

    errors = {}
    for precision in ("float32", "tf32"):
        done = _run("-c", _PRODUCT, setup.device.used, precision)
        if done.returncode != 0:
            raise RuntimeError(_last_line(done))
        errors[f"{precision}_error"] = float(done.stdout)
    properties = cupy.cuda.runtime.getDeviceProperties(setup.device.handle.id)
    return {**errors, "has_tf32": properties["major"] >= 8}


def run_train_py(setup: Setup) -> Values:
    """Train from the command line, and read what the run says of its device."""
    with TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        done = _run(
            *("scripts/train.py", "--device", setup.device.requested, "--strict-device"),
            *("--data", setup.config.data, "--split", *map(str, setup.config.split)),
            *("--hidden", *map(str, setup.config.hidden), "--epochs", "2"),
            *("--quiet", "--out", str(out)),
        )
        if done.returncode != 0:
            raise RuntimeError(f"exit status {done.returncode}: {_last_line(done)}")
        return dict(json.loads((out / "run.json").read_text())["device"])


def _run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


def _last_line(done: subprocess.CompletedProcess[str]) -> str:
    lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
    return lines[-1] if lines else f"no output, exit status {done.returncode}"

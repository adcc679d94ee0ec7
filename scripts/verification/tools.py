"""NVIDIA's own tools over the kernels, where they are installed: compute-sanitizer and ncu."""

import csv
import re
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from verification.processes import last_line, run
from verification.setup import NotRunError, Setup, Values

SANITIZED_SECONDS = 25
SANITIZED_CASES = 2  # of each kind: under these tools a kernel takes up to a hundred times as long
# The functions of the .cu files.
KERNELS = (
    *("softmax_cross_entropy_row", "softmax_cross_entropy_warp", "bias_relu", "relu_backward"),
    *("sum_partials", "momentum_update"),
    *("minibatch_forward", "minibatch_loss", "minibatch_backward", "minibatch_update"),
)
_METRIC = "dram__throughput.avg.pct_of_peak_sustained_elapsed"
_PROFILED = "from verification import bandwidth; bandwidth.call_once()"
_LOCKED = "ERR_NVGPUCTRPERM"


def sanitize(setup: Setup, tool: str) -> Values:
    """Run some of the kernels' cases under one of compute-sanitizer's tools, without a pool."""
    if setup.quick and tool != "memcheck":
        raise NotRunError("left out by --quick")
    program = _found("compute-sanitizer")
    with TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        done = run(
            setup,
            *("-m", "verification.cases", "--no-pool", f"--seconds={SANITIZED_SECONDS}"),
            *(f"--only={setup.cases}", f"--most={SANITIZED_CASES}"),
            before=(program, "--tool", tool, "--log-file", str(log)),
        )
        text = log.read_text(errors="replace") if log.exists() else ""
    reports = re.findall(r"(?:ERROR|RACECHECK) SUMMARY: (\d+)", text)
    if not reports:
        raise NotRunError(f"compute-sanitizer gives no summary: {last_line(done)[:200]}")
    named = re.findall(rf"^=+ .*?\b({'|'.join(KERNELS)})\b", text, flags=re.MULTILINE)
    return {
        "tool": tool,
        "reports": max(map(int, reports)),
        "kernels": sorted(set(named)),
        "first": next((line for line in text.splitlines() if re.match(_REPORT, line)), ""),
    }


# What tells of a fault, beside what tells where it is.
_REPORT = r"=+ (?:Invalid|Uninitialized|Error|Warning|Program hit|Misaligned|Race)"


def measure_dram(setup: Setup) -> Values:
    """Ask ncu which share of the memory's peak every kernel reaches, on the arrays of bandwidth."""
    if setup.quick:
        raise NotRunError("left out by --quick")
    program = _found("ncu")
    with TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        done = run(
            setup,
            *("-c", _PROFILED, str(setup.array_bytes)),
            before=(
                *(program, "--csv", "--metrics", _METRIC, "--log-file", str(log)),
                *("--kernel-name", f"regex:^({'|'.join(KERNELS)})"),
            ),
        )
        text = log.read_text(errors="replace") if log.exists() else ""
    if _LOCKED in text + done.stdout + done.stderr:
        raise NotRunError("needs an administrator: the driver keeps its counters to root")
    lines = [line for line in text.splitlines() if line.startswith('"')]
    shares: dict[str, float] = {}
    for row in csv.DictReader(lines):
        name = re.search("|".join(KERNELS), row["Kernel Name"])
        if name and row.get("Metric Name") == _METRIC:
            shares[name[0]] = float(row["Metric Value"].replace(",", "")) / 100
    if not shares:
        raise NotRunError(f"ncu shows nothing: {last_line(done)[:200]}")
    return {"shares": shares}


def _found(program: str) -> str:
    """Find a program on the path, or where CUDA's toolkit puts it."""
    path = shutil.which(program) or shutil.which(program, path="/usr/local/cuda/bin")
    if path is None:
        raise NotRunError(f"{program} is not installed")
    return path

"""The checks of verify_cuda.py, by name: each measures on a GPU and judges nothing.

setup       what they work on;  verdicts: what their numbers must keep, judge: all of them together
report      Markdown
card        what the card is, who shares it, its clocks while something is measured
training    bits, agreement with NumPy, TF32, resuming, memory;  bits: those that are known before
processes   the kernels' cases (cases) and train.py, in processes of their own
tools       compute-sanitizer and ncu
timing      the device's time and the host's;  bandwidth, epochs, rivals: of what
"""

import functools
from collections.abc import Callable

from verification.bandwidth import measure_bandwidth
from verification.card import describe_card
from verification.epochs import time_epochs
from verification.processes import run_kernel_cases, run_train_py
from verification.rivals import race
from verification.setup import NotRunError, Setup, Values
from verification.tools import measure_dram, sanitize
from verification.training import (
    compare_bits,
    compare_tf32,
    compare_with_numpy,
    measure_memory,
    resume,
)

__all__ = ["CHECKS", "NotRunError", "Setup", "Values"]

CHECKS: dict[str, Callable[[Setup], Values]] = {
    "card": describe_card,
    "bits": compare_bits,
    "kernels": run_kernel_cases,
    "float64": functools.partial(compare_with_numpy, dtype="float64"),
    "float32": functools.partial(compare_with_numpy, dtype="float32"),
    "tf32": compare_tf32,
    "resume": resume,
    "train.py": run_train_py,
    "bandwidth": measure_bandwidth,
    "epochs": time_epochs,
    "memory": measure_memory,
    "rivals": race,
    "memcheck": functools.partial(sanitize, tool="memcheck"),
    "racecheck": functools.partial(sanitize, tool="racecheck"),
    "initcheck": functools.partial(sanitize, tool="initcheck"),
    "dram": measure_dram,
}

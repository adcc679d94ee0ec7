"""The checks of verify_cuda.py, by name: each measures on a GPU and judges nothing.

`verdicts` judges.
"""

import functools
from collections.abc import Callable

from verification.processes import compare_tf32, run_kernel_cases, run_train_py
from verification.setup import Setup, Values
from verification.timing import measure_bandwidth, time_epochs
from verification.training import compare_with_numpy, describe_device, measure_memory, resume

__all__ = ["CHECKS", "Setup", "Values"]

CHECKS: dict[str, Callable[[Setup], Values]] = {
    "device": describe_device,
    "kernels": run_kernel_cases,
    "float64": functools.partial(compare_with_numpy, dtype="float64"),
    "float32": functools.partial(compare_with_numpy, dtype="float32"),
    "bandwidth": measure_bandwidth,
    "epoch": time_epochs,
    "memory": measure_memory,
    "tf32": compare_tf32,
    "resume": resume,
    "train.py": run_train_py,
}

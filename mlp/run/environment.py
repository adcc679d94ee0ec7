"""What a run's last bits depend on besides its configuration and data."""

import hashlib
import platform
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from .. import blas
from ..device import Device
from ..installation import ARITHMETIC

NOT_HELD = "none that can be held to one thread"  # Apple's Accelerate


def describe_environment(device: Device) -> dict[str, str]:
    """Name what computes: processor, BLAS, libraries, and a few bits that come of it."""
    return {
        "CPU": cpu_model(),
        "CPU features": cpu_features(),
        "BLAS": blas_in_use(),
        "device": device.used,
        "library": f"{device.library} {device.version}",
        "NumPy": np.__version__,
        "arithmetic": str(ARITHMETIC[device.kind]),
        "sample of NumPy's bits": sample(),
    }


def doubts(was: dict[str, str], now: dict[str, str]) -> list[str]:
    """Say in a line each why a run that goes on elsewhere may end with other bits.

    Parameters
    ----------
    was, now : dict of str
        See `describe_environment`; an earlier version has recorded fewer of its names.
    """
    lines = [
        f"{name} was {was[name]} and is {value}"
        for name, value in now.items()
        if name in was and was[name] != value
    ]
    if unknown := [name for name in now if name not in was]:
        lines.append(f"an earlier version began it, which did not record: {', '.join(unknown)}")
    if now["BLAS"] == NOT_HELD:
        lines.append("NumPy's BLAS cannot be held to one thread")
    return [f"{line}: the last bits may differ from one run's" for line in lines]


def blas_in_use() -> str:
    """Name the BLAS, or say that it cannot be held to one thread."""
    return ", ".join(blas.libraries()) or NOT_HELD


def cpu_model() -> str:
    """Return the name of this machine's processor."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(": ", 1)[1]
    return platform.processor() or platform.machine()


def cpu_features() -> str:
    """Name the instruction sets for which NumPy has code, and uses it on this processor."""
    simd = np.show_config(mode="dicts")["SIMD Extensions"]
    return " ".join([*simd.get("baseline", []), *simd.get("found", [])])


def sample() -> str:
    """Return a hash of a small calculation with the operations of training.

    It takes a few milliseconds, and sees what no name tells: another build of the same version.
    """
    digest = hashlib.sha256()
    with blas.single_threaded(), blas.single_threaded_here():
        for dtype in (np.float32, np.float64):
            # Exact in both dtypes, and no two alike.
            x: Any = (np.arange(67 * 784) * 7919 % 1009 / 1024 - 0.5).astype(dtype).reshape(67, 784)
            weight: Any = (np.arange(784 * 41) * 6007 % 2003 / 16384).astype(dtype).reshape(784, 41)
            logits = x @ weight
            probabilities = np.exp(logits - logits.max(axis=1, keepdims=True))
            total = probabilities.sum(axis=1, dtype=dtype)
            for array in (logits, probabilities, np.log(total), x.T @ logits, logits.sum(axis=0)):
                digest.update(array.tobytes())
    return digest.hexdigest()[:16]

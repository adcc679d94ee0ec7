"""The child process: takes its limits, then answers one request after another."""

import os
import sys

# Before NumPy is loaded, whose BLAS reads it once.
os.environ.update(
    dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
)

import numpy as np

from . import guard, wire
from .namespace import Namespace
from .stubs import preload, restore_former_names


def main(seconds: float, cpu_seconds: int, memory_bytes: int) -> None:
    """Answer ``["load", module, chunk]`` and ``["call", name, arguments, names]`` to the last one.

    The first message tells which limits the system does not take.
    """
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(nothing, number)
    preload()
    restore_former_names()
    np.linalg.inv(np.eye(2))  # whatever the linear algebra loads at first use
    os.environ.clear()
    sys.dont_write_bytecode = True
    namespace = Namespace(seconds)
    missing = guard.limit(cpu_seconds, memory_bytes)
    guard.watch([path for path in sys.path if os.path.isdir(path)])
    wire.send(answers, missing)
    while True:
        try:
            verb, *words = wire.receive(requests)
        except EOFError:
            os._exit(0)
        wire.send(answers, namespace.load(*words) if verb == "load" else namespace.call(*words))

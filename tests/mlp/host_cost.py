"""Measure the project's own Python in a mini-batch step on a GPU, without a GPU.

python host_cost.py prints, as JSON, the CPU time a step of the fused path and of the path by rows,
and that of a loop of Python to compare them with, in microseconds. Arrays are real `cupy.ndarray`
objects over host memory; what CuPy would compute or launch is a no-op.
"""

import functools
import json
import math
import time
from types import SimpleNamespace

import cupy
import numpy as np

ROWS, BATCH, FEATURES, UNITS, CLASSES = 1280, 128, 784, 1000, 10
ROUNDS = 30


class Array(cupy.ndarray):
    """An array over host memory whose arithmetic does nothing."""

    def __matmul__(self, other):
        return blank((self.shape[0], other.shape[1]), self.dtype)

    def __iadd__(self, other):
        return self

    __imul__ = __iadd__

    def astype(self, dtype, *_, **__):
        return blank(self.shape, dtype)

    def __getitem__(self, key):
        return blank((key.stop - key.start, *self.shape[1:]), self.dtype)

    @property
    def T(self):  # noqa: N802 (CuPy's name)
        return blank(self.shape[::-1], self.dtype)

    @property
    def device(self):
        return DEVICE


class Device:
    """What an array says it lives on; it is current at no cost."""

    __enter__ = __exit__ = lambda self, *_: self

    def __str__(self):
        return "<CUDA Device 0>"


DEVICE = Device()


@functools.cache
def _blank(shape, dtype):
    memory = np.zeros(math.prod(shape), dtype)
    owned = cupy.cuda.UnownedMemory(memory.ctypes.data, memory.nbytes, memory, 0)
    return Array(shape, dtype, cupy.cuda.MemoryPointer(owned, 0))


def blank(shape, dtype=float, **_):
    """Return an array of a shape: always the same one, so that nothing is allocated."""
    return _blank((shape,) if isinstance(shape, int) else tuple(shape), np.dtype(dtype))


def put(host):
    """Return an array of a host array's shape and dtype."""
    return blank(host.shape, host.dtype)


def take(array, index, axis):
    return blank((index.shape[0], *array.shape[1:]), array.dtype)


def total(array, axis=None, dtype=None, **_):
    return blank(() if axis is None else array.shape[1:], dtype or array.dtype)


# What would need a device.
cupy.empty = blank
cupy.RawModule = lambda **_: SimpleNamespace(get_function=lambda name: lambda *launch: None)
cupy.cuda.runtime.getDevice = lambda: 0

import array_api_compat.cupy as xp  # noqa: E402 (only after the functions are replaced)

xp.sum, xp.take, xp.zeros = total, take, blank

import mlp.work  # noqa: E402
from mlp import Dataset, Preparation, Rows, TrainingConfig  # noqa: E402
from mlp.epochs import by_rows, fused  # noqa: E402
from mlp.model import init_parameters, map_arrays  # noqa: E402
from mlp.team import Team  # noqa: E402


def main():
    rows = Rows(blank((ROWS, FEATURES), np.uint8), blank((ROWS,), np.uint8))
    classes = tuple(map(str, range(CLASSES)))
    dataset = Dataset(rows, None, None, Preparation(classes, scale=1 / 255))
    config = TrainingConfig(hidden=(UNITS,), batch_size=BATCH, epochs=1)
    work = mlp.work.Work(dataset, config, Team(1))
    work.copies = lambda *networks: networks
    parameters = map_arrays(
        put, init_parameters((FEATURES, UNITS, CLASSES), seed=0, dtype="float32")
    )
    order = blank((ROWS,), np.int64)
    steps = [mlp.work.Step(slice(start, start + BATCH), 0.1) for start in range(0, ROWS, BATCH)]
    paths = {"by rows": by_rows, "fused": fused}

    def once(path):
        with work.team:
            started = time.thread_time()
            path(work, parameters, parameters, order, steps)
            return (time.thread_time() - started) / len(steps)

    def calibration():
        started = time.thread_time()
        count = 0
        for number in range(20_000):
            count += number % 7
        return time.thread_time() - started

    best = {}
    for _ in range(ROUNDS):
        for name, path in paths.items():
            best[name] = min(best.get(name, 1e9), once(path))
        best["loop"] = min(best.get("loop", 1e9), calibration())
    print(json.dumps({name: seconds * 1e6 for name, seconds in best.items()}))


main()

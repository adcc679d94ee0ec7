"""The bytes per second that every operation moves, of arrays that no cache can hold."""

import functools
import sys
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from kernels import Array
from verification.card import peak_gb_s
from verification.setup import Setup, Values
from verification.timing import Timer

COLUMNS, CLASSES, UNITS, BATCH = 1000, 10, 1024, 128
CALLS = 4  # timed together: each takes long


class Operation(NamedTuple):
    """One call, and the bytes that any implementation of it must read and write."""

    size: int
    call: Callable[[], object]


def operations(array_bytes: int) -> dict[str, Callable[[], Operation]]:
    """Return what makes every operation's arrays, each of at least so many bytes, of float32."""
    import cupy

    from kernels import cuda, minibatch_steps

    generator = np.random.default_rng(0)
    drawn = generator.standard_normal(2**20, dtype=np.float32)

    def normal(*shape: int) -> Array:
        return cupy.resize(cupy.asarray(drawn), shape)

    def softmax_cross_entropy() -> Operation:
        rows = array_bytes // (4 * CLASSES)
        logits = normal(rows, CLASSES)
        labels = cupy.asarray((np.arange(rows) % CLASSES).astype(np.uint8))
        size = 2 * logits.nbytes + rows * (1 + 4 + 4)
        return Operation(size, functools.partial(cuda.softmax_cross_entropy, logits, labels))

    def bias_relu() -> Operation:
        z, bias = normal(array_bytes // (4 * COLUMNS), COLUMNS), normal(COLUMNS)
        return Operation(2 * z.nbytes + bias.nbytes, functools.partial(cuda.bias_relu, z, bias))

    def relu_backward() -> Operation:
        dh, h = (normal(array_bytes // (4 * COLUMNS), COLUMNS) for _ in range(2))
        size = 3 * dh.nbytes + 4 * COLUMNS
        return Operation(size, functools.partial(cuda.relu_backward, dh, h))

    def momentum_update() -> Operation:
        parameter, velocity, gradient = (normal(array_bytes // 4) for _ in range(3))

        def call() -> object:
            return cuda.momentum_update(parameter, velocity, gradient, 0.1, 0.9)

        return Operation(5 * parameter.nbytes, call)

    def minibatch_step() -> Operation:
        inputs = array_bytes // (4 * UNITS)
        features = cupy.asarray(generator.integers(0, 256, (BATCH, inputs), dtype=np.uint8))
        labels = cupy.asarray((np.arange(BATCH) % CLASSES).astype(np.uint8))
        shapes = ((inputs, UNITS), (UNITS,), (UNITS, CLASSES), (CLASSES,))
        layers, velocity = (
            [tuple(cupy.zeros(s, np.float32) for s in pair) for pair in (shapes[:2], shapes[2:])]
            for _ in range(2)
        )
        # Forward reads the weights; the update reads and writes them and their velocities.
        size = 5 * layers[0][0].nbytes + 2 * features.nbytes
        step = [(slice(0, BATCH), 0.0)]
        order = cupy.asarray(np.arange(BATCH))
        arguments = (features, labels, order, step, layers, velocity)
        return Operation(size, lambda: list(minibatch_steps(*arguments, momentum=0.9)))

    made = (softmax_cross_entropy, bias_relu, relu_backward, momentum_update, minibatch_step)
    return {make.__name__: make for make in made}


def measure_bandwidth(setup: Setup) -> Values:
    """Measure the bytes per second that each operation moves, and a device copy's."""
    timer = Timer(setup)
    measured = {}
    for name, make in operations(setup.array_bytes).items():
        size, call = make()
        measured[name] = {
            "bytes": size,
            "seconds": timer.device_seconds(call, CALLS)._asdict(),
        }
        del call  # its arrays, before the next ones are made
    copied = {"bytes": 2 * setup.array_bytes, "seconds": timer.copy._asdict()}
    return {
        "array_bytes": setup.array_bytes,
        "peak_gb_s": peak_gb_s(setup.device.handle.id),
        "operations": {"copy": copied, **measured},
    }


def gb_s(one: Values) -> float:
    """Return the median rate of one measured operation."""
    return float(one["bytes"] / one["seconds"]["median"] / 1e9)


def call_once() -> None:
    """Do every operation once, on arrays of so many bytes as the first argument says."""
    for make in operations(int(sys.argv[1])).values():
        make().call()

"""Checks of speed: of each kernel against a device copy, of an epoch against plain CuPy."""

import functools
import itertools
import math
import statistics
import time
from collections.abc import Callable, Sequence
from types import ModuleType
from unittest import mock

import numpy as np

import kernels
from kernels import Array, reference
from mlp import Dataset, TrainingConfig, TrainingState, train
from mlp.training import network_sizes
from verification.setup import Setup, Values

ARGUMENT_SETS = 8  # a kernel's arrays in turn, so that none is still in the second-level cache
TIMED_CALLS = 16
MOST_COPIES_AHEAD = 200


def measure_bandwidth(setup: Setup) -> Values:
    """Measure the bytes per second that each kernel reads and writes, and a device copy's."""
    import cupy

    from kernels import cuda

    timer = Timer(setup)
    features = setup.dataset.n_features
    rows, columns = setup.dataset.train.labels.shape[0], setup.config.hidden[0]
    classes = setup.dataset.n_classes
    generator = np.random.default_rng(0)

    def normal(*shape: int) -> Array:
        return cupy.asarray(generator.standard_normal(shape, dtype=np.float32))

    logits, bias = normal(rows, classes), normal(columns)
    labels = cupy.asarray((np.arange(rows) % classes).astype(np.uint8))
    matrix, weight = normal(rows, columns), normal(features, columns)
    # What any implementation must read and write, and the arrays to do it with.
    operations: dict[str, tuple[int, Callable[..., object], tuple[Array, ...]]] = {
        "softmax_cross_entropy": (
            2 * logits.nbytes + rows * (1 + 4 + 4),
            cuda.softmax_cross_entropy,
            (logits, labels),
        ),
        "bias_relu": (2 * matrix.nbytes + bias.nbytes, cuda.bias_relu, (matrix, bias)),
        "relu_backward": (3 * matrix.nbytes + bias.nbytes, cuda.relu_backward, (matrix, matrix)),
        "momentum_update": (
            5 * weight.nbytes,
            functools.partial(cuda.momentum_update, learning_rate=0.1, momentum=0.9),
            (weight, weight, weight),
        ),
    }
    measured = {}
    for name, (size, function, arrays) in operations.items():
        calls = [
            functools.partial(function, *(array.copy() for array in arrays))
            for _ in range(ARGUMENT_SETS)
        ]
        seconds = timer.seconds(calls)
        measured[name] = {"bytes": size, "seconds": seconds, "gb_s": size / seconds / 1e9}
    return {
        "rows": rows,
        "columns": columns,
        "copy_gb_s": 2 * setup.copy_bytes / timer.copy_seconds / 1e9,
        "operations": measured,
    }


def time_epochs(setup: Setup) -> Values:
    """Time an epoch, the same epoch without the kernels, and its matrix products alone."""
    dataset = setup.dataset.to(setup.device)
    config = setup.config
    fused: list[float] = []
    plain: list[float] = []
    # By turns, so that a clock that rises or falls meets both; the first turn compiles.
    for turn in range(4):
        for seconds, kernel in ((fused, True), (plain, False)):
            # The last row has no gradients.
            rows = _train_with(dataset, config, kernel=kernel).history[1:-1]
            seconds += [row.seconds for row in rows] if turn else []
    return {
        "fused_s": statistics.median(fused),
        "plain_s": statistics.median(plain),
        "gemms_s": Timer(setup).seconds([_gemms(dataset, config)]),
    }


def _train_with(dataset: Dataset, config: TrainingConfig, *, kernel: bool) -> TrainingState:
    if kernel:
        return train(dataset, config)
    # Not a Mock, which would keep the arrays of every call.
    with mock.patch.object(kernels, "_implementation", _always_reference):
        return train(dataset, config)


def _always_reference(*arrays: Array) -> ModuleType:
    return reference


def _gemms(dataset: Dataset, config: TrainingConfig) -> Callable[[], None]:
    """Return a function that does the matrix products of a full-batch epoch alone."""
    import cupy

    pairs = list(itertools.pairwise(network_sizes(dataset, config)))
    weights = [cupy.ones(pair, config.dtype) for pair in pairs]
    splits = []
    for split in (dataset.train, dataset.valid, dataset.test):
        if split is not None:
            rows = split.labels.shape[0]
            sizes = [pairs[0][0], *(units for _, units in pairs)]
            splits.append([cupy.ones((rows, units), config.dtype) for units in sizes])

    def products() -> None:
        for layers in splits:
            for inputs, weight in zip(layers, weights, strict=False):
                inputs @ weight
        for index, (inputs, outputs) in enumerate(itertools.pairwise(splits[0])):
            inputs.T @ outputs
            if index > 0:
                outputs @ weights[index].T

    return products


class Timer:
    """Measures the device's time for calls, and a copy's to measure them by.

    A kernel may take less time than its launch from Python. So the launches wait in the stream
    behind a number of copies, until all of them are there; then the device runs them back to back.
    """

    def __init__(self, setup: Setup) -> None:
        import cupy

        self._cupy = cupy
        self._rounds = setup.rounds
        self._source = cupy.zeros(setup.copy_bytes, cupy.uint8)
        self._target = cupy.zeros(setup.copy_bytes, cupy.uint8)
        self.copy_seconds = math.inf  # no copies before the copies
        self.copy_seconds = self.seconds([self._copy])

    def _copy(self) -> None:
        self._cupy.copyto(self._target, self._source)

    def seconds(self, calls: Sequence[Callable[[], object]]) -> float:
        """Return the seconds of one of the calls, made in turn: the median over the rounds."""
        cuda = self._cupy.cuda
        turns = list(itertools.islice(itertools.cycle(calls), TIMED_CALLS))

        def launch() -> None:
            for call in turns:
                call()

        launch()  # compiles
        cuda.Device().synchronize()
        began = time.perf_counter()
        launch()
        ahead = 2 * (time.perf_counter() - began) / self.copy_seconds
        times: list[float] = []
        for _ in range(self._rounds):
            for _ in range(min(math.ceil(ahead), MOST_COPIES_AHEAD)):
                self._copy()
            start, stop = cuda.Event(), cuda.Event()
            start.record()
            launch()
            stop.record()
            stop.synchronize()
            times.append(cuda.get_elapsed_time(start, stop) / 1e3 / len(turns))
        return statistics.median(times)

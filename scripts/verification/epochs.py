"""An epoch with the kernels and without: the time of the device, of the host, and of both."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from types import ModuleType
from unittest import mock

import kernels
from kernels import Array, reference
from mlp import Dataset, TrainingConfig, initial_state
from mlp.epochs import by_rows, fused
from mlp.team import Team
from mlp.training import network_sizes
from mlp.work import Work, step_kind
from verification.setup import Setup, Values
from verification.timing import Timer

EPOCHS_AT_A_TIME = 3  # that wait in the stream together


def time_epochs(setup: Setup) -> Values:
    """Time an epoch of the full batch and of mini-batches, each in the ways there are."""
    dataset, config = setup.dataset.to(setup.device), setup.config
    timer = Timer(setup)
    full = full_batch_epoch(dataset, replace(config, batch_size=None))
    gemms = _gemms(dataset, config)
    ways: dict[str, Callable[[], object]] = {
        "full batch": full,
        "full batch, without the kernels": lambda: without_kernels(full),
        "full batch, the matrix products alone": gemms,
        f"batches of {config.batch_size}": mini_batch_epoch(dataset, config, fused),
        f"batches of {config.batch_size}, operation by operation": mini_batch_epoch(
            dataset, config, by_rows
        ),
    }
    measured = {}
    for name, call in ways.items():
        device = timer.device_seconds(call, EPOCHS_AT_A_TIME)
        host, whole = timer.host_and_whole_seconds(call)
        parts = {"device": device, "host": host, "whole": whole}
        measured[name] = {part: one._asdict() for part, one in parts.items()}
    return {"step": step_kind(config, dataset), "ways": measured}


def full_batch_epoch(dataset: Dataset, config: TrainingConfig) -> Callable[[], object]:
    """Return what measures all splits and does a step; its rate is 0, so that nothing grows."""
    work = Work(dataset, config, Team(1), keep=False)
    state = initial_state(dataset, config)

    def epoch() -> None:
        sums = work.measure(state.parameters, work.training_job(state.parameters))
        work.update(state.parameters, state.velocity, sums["train"][0], 0.0)

    return epoch


def mini_batch_epoch(
    dataset: Dataset, config: TrainingConfig, one_epoch: Callable[..., object]
) -> Callable[[], object]:
    """Return what measures the held-out rows and does an epoch's steps, with rate 0."""
    work = Work(dataset, config, Team(1), keep=False)
    state = initial_state(dataset, config)
    order, steps = work.steps(0)
    still = [step._replace(rate=0.0) for step in steps]

    def epoch() -> None:
        work.measure(state.parameters, None)
        one_epoch(work, state.parameters, state.velocity, order, still)

    return epoch


def without_kernels(call: Callable[[], object]) -> None:
    """Call with the array-API definitions in the kernels' place."""
    # Not a Mock, which would keep the arrays of every call.
    with mock.patch.object(kernels, "_implementation", _always_reference):
        call()


def _always_reference(*arrays: Array) -> ModuleType:
    return reference


def _gemms(dataset: Dataset, config: TrainingConfig) -> Callable[[], None]:
    """Return a function that does the matrix products of a full-batch epoch alone."""
    import cupy

    pairs = list(itertools.pairwise(network_sizes(dataset, config)))
    weights = [cupy.ones(pair, config.dtype) for pair in pairs]
    splits = []
    for rows in dataset.splits.values():
        sizes = [pairs[0][0], *(units for _, units in pairs)]
        splits.append([cupy.ones((len(rows.labels), units), config.dtype) for units in sizes])

    def products() -> None:
        for layers in splits:
            for inputs, weight in zip(layers, weights, strict=False):
                inputs @ weight
        for index, (inputs, outputs) in enumerate(itertools.pairwise(splits[0])):
            inputs.T @ outputs
            if index > 0:
                outputs @ weights[index].T

    return products

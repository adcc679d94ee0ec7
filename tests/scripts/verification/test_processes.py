"""Processes that end in time, the cases that they run, and the arrays of a training."""

import dataclasses
import time

import numpy as np
import pytest
from verification import NotRunError, processes
from verification.cases import in_turn
from verification.judge import failures
from verification.training import needed_bytes

from mlp import Dataset, Preparation, Rows, TrainingConfig


def test_a_process_ends_when_the_time_is_over(setup):
    sleep = ("-c", "import time; time.sleep(60)")
    with pytest.raises(RuntimeError, match="did not end in 0 s"):
        processes.run(setup, *sleep, most=0.2)
    soon = dataclasses.replace(setup, deadline=time.monotonic() + 0.3)
    with pytest.raises(NotRunError, match="over before it was done"):
        processes.run(soon, *sleep)
    with pytest.raises(NotRunError, match="the time is over"):
        processes.run(dataclasses.replace(setup, deadline=time.monotonic()), *sleep)


def test_cases_come_in_turn_so_that_every_kind_is_reached():
    names = ["b-1", "a-1", "a-2", "a-3", "c-1", "b-2"]
    assert in_turn(names, None) == ["a-1", "b-1", "c-1", "a-2", "b-2", "a-3"]
    assert in_turn(names, 1) == ["a-1", "b-1", "c-1"]


def test_the_arrays_that_must_be_there_are_counted():
    def rows(n):
        return Rows(np.zeros((n, 6), np.uint8), np.zeros(n, np.uint8))

    dataset = Dataset(rows(100), rows(50), None, Preparation(("a", "b", "c")))
    weights, given = 6 * 4 + 4 + 4 * 3 + 3, 150 * 7
    full = TrainingConfig(hidden=(4,), dtype="float64")
    assert needed_bytes(dataset, full) == given + 3 * 8 * weights + 8 * 100 * (6 + 2 * (4 + 3))
    small = TrainingConfig(hidden=(4,), batch_size=10)
    assert needed_bytes(dataset, small) == given + 2 * 4 * weights + 4 * 50 * (6 + 4 + 3)


def test_the_kernel_cases_do_not_pass_where_no_gpu_is(setup, machine, monkeypatch):
    for name, value in machine(devices=0).items():
        monkeypatch.setenv(name, value)
    values = processes.run_kernel_cases(dataclasses.replace(setup, cases="bias_relu"))
    assert values["passed"] == 0
    assert values["failed"]
    assert failures("kernels", {"found": values})

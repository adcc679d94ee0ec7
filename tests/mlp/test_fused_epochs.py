"""Epochs of fused steps, on NumPy, where a step is its definition in array-API terms."""

import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from bits import bits_of
from thread_ranks import MPI, on_ranks
from tolerances import TRAINING

from mlp import TrainingConfig, epochs, train
from mlp.model import named_arrays, parameters_sha256

CONFIG = TrainingConfig(hidden=(33,), epochs=3, batch_size=64, learning_rate=0.05, threads=1)


@pytest.fixture
def fused(monkeypatch):
    """Let every training take fused steps."""
    monkeypatch.setattr(epochs, "step_kind", lambda config, dataset: "fused")


def test_it_is_the_training_that_rows_give(make_dataset, monkeypatch, fused):
    dataset = make_dataset()
    config = replace(CONFIG, dtype="float64", nesterov=True, l2=1e-2, schedule="one-cycle")
    mine = train(dataset, config)
    monkeypatch.undo()
    theirs = train(dataset, replace(config, shard_rows=config.batch_size - 1))
    for one, other in zip(mine.history, theirs.history, strict=True):
        np.testing.assert_allclose(one[1:-1], other[1:-1], **TRAINING["float64"])
    for name, array in named_arrays(theirs.parameters).items():
        np.testing.assert_allclose(
            named_arrays(mine.parameters)[name], array, **TRAINING["float64"]
        )


def test_weights_and_rows_are_bitwise_the_same_for_any_number_of_ranks(
    make_dataset, monkeypatch, fused
):
    monkeypatch.setitem(sys.modules, "mpi4py", SimpleNamespace(MPI=MPI))
    dataset = make_dataset()

    def bits(communicator=None):
        state = train(dataset, CONFIG, communicator=communicator)
        hashes = [parameters_sha256(network) for network in (state.parameters, state.velocity)]
        return hashes, bits_of(state.history)

    expected = bits()
    for size in (2, 3):
        assert on_ranks(size, bits)[0] == [expected] * size


def test_stopped_within_an_epoch_it_returns_the_last_boundary_untouched(make_dataset, fused):
    dataset = make_dataset()
    expected = train(dataset, replace(CONFIG, epochs=1))
    asked = []

    def stop():
        asked.append(1)
        # Twice for row 0, five steps, twice for row 1, one step.
        return len(asked) > 2 + 5 + 2 + 1

    state = train(dataset, CONFIG, stop=stop)
    assert state.epoch == 1
    assert parameters_sha256(state.parameters) == parameters_sha256(expected.parameters)
    again, whole = train(dataset, CONFIG, state=state), train(dataset, CONFIG)
    assert parameters_sha256(again.parameters) == parameters_sha256(whole.parameters)

"""Mini-batches whose hidden units are divided: the sums, the bits, and who waits for whom."""

import sys
import threading
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from bits import assert_same_bits, bits_of
from hypothesis import given, settings
from hypothesis import strategies as st
from thread_ranks import MPI, on_ranks
from tolerances import ROUNDING, TRAINING

from mlp import Layer, TrainingConfig, init_parameters, train
from mlp.model import cut, forward, join, named_arrays, parameters_sha256
from mlp.sharding import unit_pieces
from mlp.training import initial_state
from mlp.work import Work, divides_units, training_piece_rows

# 250 units are two pieces; the last batch of 300 rows is shorter.
DIVIDED = TrainingConfig(hidden=(250,), epochs=3, batch_size=64, learning_rate=0.05, threads=2)


@given(units=st.integers(1, 5000))
def test_units_are_cut_into_few_nearly_equal_runs(units):
    runs = unit_pieces(units)
    assert [unit for run in runs for unit in range(run.start, run.stop)] == list(range(units))
    sizes = [run.stop - run.start for run in runs]
    assert max(sizes) <= 500
    assert max(sizes) - min(sizes) <= 1
    assert len(runs) == (1 if units < 200 else 2 if units <= 1000 else -(-units // 500))


@settings(max_examples=30, deadline=None)
@given(units=st.integers(1, 1200), rows=st.integers(1, 9), seed=st.integers(0, 99))
def test_a_network_is_the_sum_of_the_narrower_ones_it_is_cut_into(units, rows, seed):
    rng = np.random.default_rng(seed)
    parameters = tuple(
        Layer(weight, np.where(rng.random(bias.shape) < 0.5, -0.0, rng.normal(size=bias.shape)))
        for weight, bias in init_parameters((5, units, 3), seed=seed, dtype="float64")
    )
    networks = cut(parameters, unit_pieces(units))
    x = rng.normal(size=(rows, 5))
    total = sum(forward(network, x)[0] for network in networks)
    np.testing.assert_allclose(total, forward(parameters, x)[0], **ROUNDING["float64"])
    whole = join(networks)
    for name, array in named_arrays(parameters).items():
        assert_same_bits(named_arrays(whole)[name], array)
    for network in networks:
        for name, array in named_arrays(network).items():
            assert array.flags.c_contiguous
            assert not np.shares_memory(array, named_arrays(parameters)[name])


@pytest.mark.parametrize(
    ("changes", "kind", "divided"),
    [
        ({}, "cpu", True),
        ({"hidden": (16,)}, "cpu", True),
        ({"batch_size": 500}, "cpu", True),
        ({"batch_size": 501}, "cpu", False),
        ({"batch_size": 501, "shard_rows": 501}, "cpu", True),
        ({"shard_rows": 63}, "cpu", False),
        ({"batch_size": None}, "cpu", False),
        ({"hidden": (250, 250)}, "cpu", False),
        ({}, "cuda", False),
    ],
)
def test_which_trainings_divide_units_and_that_a_resumed_one_does_the_same(changes, kind, divided):
    config = replace(DIVIDED, **changes)
    assert divides_units(config, kind) == divided
    recorded = replace(config, shard_rows=training_piece_rows(config, 300, kind))
    assert divides_units(recorded, kind) == divided


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"nesterov": True, "l2": 1e-2},
        {"schedule": "one-cycle", "momentum": 0.5},
        {"hidden": (1100,), "batch_size": 7},
    ],
    ids=["plain", "nesterov-l2", "one-cycle", "three-pieces"],
)
def test_divided_units_give_the_training_that_divided_rows_give(make_dataset, changes):
    dataset = make_dataset()
    config = replace(DIVIDED, dtype="float64", **changes)
    by_units = train(dataset, config)
    by_rows = train(dataset, replace(config, shard_rows=config.batch_size - 1))
    for mine, theirs in zip(by_units.history, by_rows.history, strict=True):
        np.testing.assert_allclose(mine[1:-1], theirs[1:-1], **TRAINING["float64"])
    for one, other in (
        (by_units.parameters, by_rows.parameters),
        (by_units.velocity, by_rows.velocity),
    ):
        for name, array in named_arrays(one).items():
            np.testing.assert_allclose(array, named_arrays(other)[name], **TRAINING["float64"])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("hidden", [100, 250, 1100])
def test_weights_are_bitwise_the_same_for_any_number_of_threads(make_dataset, hidden, dtype):
    dataset = make_dataset(n_features=64)
    config = replace(DIVIDED, hidden=(hidden,), dtype=dtype, nesterov=True)
    hashes = {
        threads: parameters_sha256(train(dataset, replace(config, threads=threads)).parameters)
        for threads in (1, 2, 3, 4)
    }
    assert len(set(hashes.values())) == 1, hashes


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("hidden", [100, 1100])
def test_weights_and_rows_are_bitwise_the_same_for_any_number_of_ranks(
    make_dataset, monkeypatch, hidden, threads
):
    """Up to four ranks, more than some networks have pieces."""
    monkeypatch.setitem(sys.modules, "mpi4py", SimpleNamespace(MPI=MPI))
    dataset = make_dataset()
    config = replace(DIVIDED, hidden=(hidden,), threads=threads)

    def bits(communicator=None):
        state = train(dataset, config, communicator=communicator)
        arrays = [*named_arrays(state.parameters).values(), *named_arrays(state.velocity).values()]
        return [array.tobytes() for array in arrays], bits_of(state.history)

    expected = bits()
    for size in (2, 3, 4):
        assert on_ranks(size, bits)[0] == [expected] * size


def test_a_failing_thread_ends_the_training_with_its_own_error(make_dataset, monkeypatch):
    main = threading.get_ident()
    from mlp import model

    original = model.backward

    def failing(*arguments):
        if threading.get_ident() != main:
            raise ZeroDivisionError("in a helper")
        return original(*arguments)

    monkeypatch.setattr(model, "backward", failing)
    with pytest.raises(ZeroDivisionError, match="in a helper"):
        train(make_dataset(), DIVIDED)
    monkeypatch.setattr(model, "backward", original)
    monkeypatch.setattr(model, "softmax_cross_entropy", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):  # at the meeting, in whichever thread
        train(make_dataset(), DIVIDED)


def test_a_training_that_is_stopped_returns_the_last_boundary_untouched(make_dataset):
    dataset = make_dataset()
    expected = train(dataset, replace(DIVIDED, epochs=1))
    asked = []

    def stop():
        asked.append(1)
        return len(asked) > 5 + 1 + 2  # the first epoch's steps, its end, two steps of the second

    state = train(dataset, DIVIDED, stop=stop)
    assert len(asked) == 9
    assert state.epoch == 1
    assert parameters_sha256(state.parameters) == parameters_sha256(expected.parameters)
    again, whole = train(dataset, DIVIDED, state=state), train(dataset, DIVIDED)
    assert parameters_sha256(again.parameters) == parameters_sha256(whole.parameters)


def test_rows_are_read_once_a_step_however_many_threads(make_dataset, monkeypatch):
    read = []
    original = Work.input

    def counting(self, rows, index):
        if not isinstance(index, slice):
            read.append(len(index))
        return original(self, rows, index)

    monkeypatch.setattr(Work, "input", counting)
    dataset = make_dataset()
    state = initial_state(dataset, DIVIDED)
    train(dataset, replace(DIVIDED, epochs=1), state=state)
    assert read == [64, 64, 64, 64, 44]

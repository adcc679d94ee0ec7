"""Mini-batches whose hidden units are divided: the sums, the bits, and who waits for whom."""

import sys
import threading
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from bits import bits_of
from hypothesis import given
from hypothesis import strategies as st
from thread_ranks import MPI, on_ranks
from tolerances import TRAINING

from mlp import TrainingConfig, model, narrow, train
from mlp.model import named_arrays, parameters_sha256
from mlp.optimizer import Momentum
from mlp.sharding import share, unit_pieces
from mlp.training import initial_state
from mlp.work import Work, divides_units, training_piece_rows

# 250 units are two pieces, of 128 and 122; the last batch of 300 rows is shorter.
DIVIDED = TrainingConfig(hidden=(250,), epochs=3, batch_size=64, learning_rate=0.05, threads=2)


@given(count=st.integers(1, 5000))
def test_units_are_cut_into_pieces_alike_that_begin_at_multiples_of_16(count):
    pieces = unit_pieces(count)
    assert [unit for one in pieces for unit in range(one.start, one.stop)] == list(range(count))
    *widths, last = [one.stop - one.start for one in pieces]
    if count < 200:
        assert last == count
        return
    assert 2 <= len(pieces) <= -(-count // 64)
    assert all(width % 16 == 0 and width <= 128 for width in widths)
    assert last <= 135
    assert max(*widths, last) - min(*widths, last) <= 24


@pytest.mark.parametrize(("threads", "most"), [(2, 504), (4, 256), (8, 128)])
def test_a_thousand_units_are_shared_by_eight_threads_and_evenly_by_fewer(threads, most):
    pieces = unit_pieces(1000)
    widths = []
    for number in range(threads):
        mine = pieces[share(8, number, threads).start : share(8, number, threads).stop]
        widths.append(mine[-1].stop - mine[0].start)
    assert len(pieces) == 8
    assert sum(widths) == 1000
    assert max(widths) == most


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("alike", [False, True])
@pytest.mark.parametrize("width", [500, 512, 1024])
def test_pieces_side_by_side_have_the_bits_of_pieces_apart(
    make_dataset, monkeypatch, width, alike, dtype
):
    """Where BLAS does not give them these, the trial must find it; else both ways are taken.

    Beside 512 and 1024 units of a thread lie dead ones.
    """
    dataset, config = make_dataset(n_features=200), replace(DIVIDED, hidden=(width,), dtype=dtype)
    expected = parameters_sha256(train(dataset, replace(config, threads=8)).parameters)
    tried = []
    original = narrow._alike

    def trial(*shape):
        tried.append(original(*shape) and alike)
        return tried[-1]

    monkeypatch.setattr(narrow, "_alike", trial)
    for threads in (1, 2):
        found = parameters_sha256(train(dataset, replace(config, threads=threads)).parameters)
        assert found == expected
    assert tried


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("units", "batch_size", "n_features"), [(1025, 1, 20), (897, 2, 50), (201, 4, 1), (520, 8, 17)]
)
def test_few_numbers_agree_by_no_chance(make_dataset, units, batch_size, n_features, dtype):
    """Few rows, few features, a last piece wider than the others: kernels of their own."""
    dataset = make_dataset(n_train=24, n_features=n_features)
    config = replace(DIVIDED, hidden=(units,), batch_size=batch_size, dtype=dtype)
    hashes = {
        parameters_sha256(train(dataset, replace(config, threads=threads)).parameters)
        for threads in (1, 2, 4, 9)
    }
    assert len(hashes) == 1


@pytest.mark.parametrize(
    ("width", "rows", "dead"), [(512, 32, 8), (1024, 128, 8), (512, 256, 0), (500, 32, 0)]
)
def test_dead_units_lie_beside_a_multiple_of_512_and_stay_dead(monkeypatch, width, rows, dead):
    monkeypatch.setattr(narrow, "_alike", lambda *shape: True)
    rng, rule = np.random.default_rng(0), Momentum(l2=0.01, nesterov=True)
    lower, nu = (
        narrow.Narrow(*(rng.standard_normal(s) for s in ((20, width), width, (width, 5))))
        for _ in range(2)
    )
    pieces = unit_pieces(width)
    (run,) = narrow.runs_of(lower, nu, pieces, range(len(pieces)), rule, {rows, 7})
    for _ in range(3):
        x, dz = rng.standard_normal((rows, 20)), rng.standard_normal((rows, 5))
        h, _ = run.forward(x)
        run = run.step(rule, x, h, dz, 0.1)
    for one in (run.network, run.velocity):
        weight, bias, out = one.cut(slice(width, None))
        assert weight.shape[1] == bias.shape[0] == out.shape[0] == dead
        assert not any(array.any() for array in (weight, bias, out))
    assert run.network.weight.any(axis=0)[:width].all()


def test_a_blas_whose_columns_depend_on_their_place_is_found_out(monkeypatch):
    """A product whose last bits depend on the columns beside them, as some kernels' do."""
    shape = ((128, 128), 64, 200, 10, "float32", 0, Momentum())
    original = narrow.bias_relu

    def placed(z, bias):
        z[:, 200:] *= np.float32(1 + 2**-22)
        return original(z, bias)

    monkeypatch.setattr(narrow, "bias_relu", placed)
    assert not narrow._alike.__wrapped__(*shape)


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
        ({"hidden": (250, 250)}, "cpu", True),
        ({"hidden": (1000, 500)}, "cpu", True),
        ({"hidden": (150, 250)}, "cpu", False),
        ({"hidden": (400, 200, 50)}, "cpu", True),
        ({"hidden": (250, 250, 250)}, "cpu", False),
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
        {"hidden": (250, 40)},
        {"hidden": (300, 150, 20), "nesterov": True, "l2": 1e-2, "batch_size": 50},
    ],
    ids=["plain", "nesterov-l2", "one-cycle", "nine-pieces", "two-layers", "three-layers"],
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
@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("hidden", [(100,), (250,), (1100,), (500, 60), (300, 150, 20)])
def test_weights_are_bitwise_the_same_for_any_number_of_threads(
    make_dataset, hidden, nesterov, dtype
):
    dataset = make_dataset(n_features=200)
    config = replace(DIVIDED, hidden=hidden, dtype=dtype, nesterov=nesterov)
    hashes = {
        threads: parameters_sha256(train(dataset, replace(config, threads=threads)).parameters)
        for threads in (1, 2, 3, 4, 9)
    }
    assert len(set(hashes.values())) == 1, hashes


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("hidden", [(100,), (1100,), (300, 150, 20)])
def test_weights_and_rows_are_bitwise_the_same_for_any_number_of_ranks(
    make_dataset, monkeypatch, hidden, threads
):
    """Up to four ranks, more than some networks have pieces."""
    monkeypatch.setitem(sys.modules, "mpi4py", SimpleNamespace(MPI=MPI))
    dataset = make_dataset()
    config = replace(DIVIDED, hidden=hidden, threads=threads)

    def bits(communicator=None):
        state = train(dataset, config, communicator=communicator)
        arrays = [*named_arrays(state.parameters).values(), *named_arrays(state.velocity).values()]
        return [array.tobytes() for array in arrays], bits_of(state.history)

    expected = bits()
    for size in (2, 3, 4):
        assert on_ranks(size, bits)[0] == [expected] * size


def test_a_failing_thread_ends_the_training_with_its_own_error(make_dataset, monkeypatch):
    main = threading.get_ident()
    original = narrow.relu_backward

    def failing(*arguments):
        if threading.get_ident() != main:
            raise ZeroDivisionError("in a helper")
        return original(*arguments)

    monkeypatch.setattr(narrow, "relu_backward", failing)
    with pytest.raises(ZeroDivisionError, match="in a helper"):
        train(make_dataset(), DIVIDED)
    monkeypatch.setattr(narrow, "relu_backward", original)
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

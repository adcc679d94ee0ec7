import itertools
import math
import sys
import threading
from dataclasses import replace
from itertools import chain
from types import SimpleNamespace

import array_api_strict
import numpy as np
import pytest
from bits import assert_same_bits, bits_of
from blas import AT_FIRST, blas_threads, needs_blas_threads
from thread_ranks import MPI, on_ranks
from tolerances import ROUNDING, TRAINING

from mlp import (
    DataError,
    DivergedError,
    History,
    Preparation,
    Rows,
    TrainingConfig,
    functional,
    init_parameters,
    train,
)
from mlp.communicator import Communicator
from mlp.datasets.preparation import to_input
from mlp.device import to_numpy
from mlp.epochs import full_batch
from mlp.model import Layer, evaluate, loss_and_gradients, named_arrays, parameters_sha256
from mlp.optimizer import Momentum
from mlp.team import Team
from mlp.training import initial_state, states, thread_count
from mlp.work import Work

SMALL = TrainingConfig(hidden=(16,), epochs=5)


def textbook_training(dataset, config):
    """Train on the full batch from the definitions alone; return every row's training loss."""
    x = dataset.train.features.astype(config.dtype) * np.asarray(dataset.scale, config.dtype)
    targets = functional.one_hot(dataset.train.labels, dataset.n_classes, dtype=x.dtype)
    sizes = (dataset.n_features, *config.hidden, dataset.n_classes)
    (w_h, b_h), (w_o, b_o) = init_parameters(sizes, seed=config.seed, dtype=config.dtype)
    arrays = [w_h, b_h, w_o, b_o]
    velocities = [np.full_like(array, config.velocity_init) for array in arrays]
    losses = []
    for _ in range(config.epochs + 1):
        w_h, b_h, w_o, b_o = arrays
        h = functional.relu(functional.linear(x, w_h, b_h))
        logits = functional.linear(h, w_o, b_o)
        losses.append(functional.average_cross_entropy(targets, functional.softmax(logits)))
        do = functional.grad_cross_entropy(targets, logits)
        dz = (do @ w_o.T) * (h > 0)
        gradients = [x.T @ dz, dz.sum(axis=0), h.T @ do, do.sum(axis=0)]
        for index, gradient in enumerate(gradients):
            velocities[index] = (
                config.momentum * velocities[index] + config.learning_rate * gradient
            )
            arrays[index] = arrays[index] - velocities[index]
    return losses


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_full_batch_training_is_the_textbook_algorithm(make_dataset, dtype):
    config = replace(SMALL, epochs=20, dtype=dtype)
    dataset = make_dataset()
    state = train(dataset, config)
    losses = [row.train_loss for row in state.history]
    np.testing.assert_allclose(losses, textbook_training(dataset, config), **TRAINING[dtype])
    assert losses[-1] < losses[0] / 2


@pytest.mark.parametrize("batch_size", [None, 70])
def test_row_e_describes_the_weights_after_e_epochs(make_dataset, batch_size):
    config = replace(SMALL, batch_size=batch_size, dtype="float64", hidden=(8, 8))
    dataset = make_dataset()
    seen = {}

    def on_epoch(state):
        seen[state.epoch] = tuple(
            Layer(layer.weight.copy(), layer.bias.copy()) for layer in state.parameters
        )

    history = train(dataset, config, on_epoch=on_epoch).history
    assert [row.epoch for row in history] == list(range(6)) == list(seen)
    for row in history:
        for split in ("train", "valid", "test"):
            if split == "train" and batch_size and row.epoch:
                continue  # accumulated over the batches as they were seen
            rows = getattr(dataset, split)
            x = to_input(rows.features, np.float64, dataset.scale)
            sums = evaluate(seen[row.epoch], x, rows.labels)
            np.testing.assert_allclose(
                getattr(row, f"{split}_loss"), sums.loss / sums.rows, **ROUNDING["float64"]
            )
            assert getattr(row, f"{split}_accuracy") == sums.correct / sums.rows
    assert all(row.seconds >= 0 for row in history)


@pytest.mark.parametrize("hidden", [(16, 16), (16,)], ids=["rows", "units"])
def test_mini_batches_visit_every_row_once_an_epoch_in_a_new_order(make_dataset, hidden):
    """With one feature that numbers the row and no learning, the batches can be read back."""
    dataset = make_dataset(n_train=10)
    seen = []

    features = np.arange(10, dtype=np.float64)[:, None]
    labels = (np.arange(10) % 2).astype(np.uint8)
    dataset = replace(
        dataset,
        train=Rows(features, labels),
        valid=None,
        test=None,
        preparation=Preparation(("0", "1")),
    )
    original = Work.input

    def noting(self, rows, index):
        x, *rest = original(self, rows, index)
        if not isinstance(index, slice):
            seen.append(x[:, 0].astype(int).tolist())
        return x, *rest

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Work, "input", noting)
        config = replace(SMALL, hidden=hidden, batch_size=4, epochs=2, learning_rate=1e-9)
        train(dataset, replace(config, threads=1))
    assert [len(batch) for batch in seen] == [4, 4, 2, 4, 4, 2]
    first, second = (list(chain(*batches)) for batches in (seen[:3], seen[3:]))
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("batch_size", [None, 150])
def test_weights_are_bitwise_the_same_for_any_number_of_threads(make_dataset, batch_size, dtype):
    dataset = make_dataset(n_train=1000, n_features=64)
    config = replace(SMALL, hidden=(50,), batch_size=batch_size, dtype=dtype, shard_rows=64)
    hashes = {
        threads: parameters_sha256(train(dataset, replace(config, threads=threads)).parameters)
        for threads in (1, 2, 3, 4)
    }
    assert len(set(hashes.values())) == 1, hashes


def test_weights_are_the_same_while_another_training_runs(make_dataset):
    dataset = make_dataset(n_train=1000, n_features=64)
    config = replace(SMALL, hidden=(64,), shard_rows=100, epochs=30, threads=2)
    alone = parameters_sha256(train(dataset, config).parameters)
    hashes = []
    workers = [
        threading.Thread(
            target=lambda: hashes.append(parameters_sha256(train(dataset, config).parameters))
        )
        for _ in range(2)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert hashes == [alone, alone]


@pytest.mark.parametrize(("batch_size", "hidden"), [(None, (16,)), (70, (16,)), (70, (6, 6))])
def test_going_on_from_a_state_is_the_same_as_not_stopping(make_dataset, batch_size, hidden):
    dataset = make_dataset()
    config = replace(SMALL, batch_size=batch_size, hidden=hidden)
    whole = train(dataset, config)
    half = train(dataset, replace(config, epochs=2))
    kept = parameters_sha256(half.parameters)
    resumed = train(dataset, config, state=half)
    assert parameters_sha256(resumed.parameters) == parameters_sha256(whole.parameters)
    assert bits_of(resumed.history) == bits_of(whole.history)
    assert parameters_sha256(half.parameters) == kept, "the caller's state was written to"


@pytest.mark.parametrize("weighted", [False, True])
def test_the_callers_arrays_are_not_written_to(make_dataset, weighted):
    dataset = make_dataset(weighted=weighted)
    arrays = [array for rows in dataset.splits.values() for array in rows if array is not None]
    copies = [array.copy() for array in arrays]
    state = initial_state(dataset, SMALL)
    before = parameters_sha256(state.parameters), parameters_sha256(state.velocity)
    train(dataset, SMALL, state=state)
    train(dataset, replace(SMALL, batch_size=32), state=state)
    train(dataset, replace(SMALL, batch_size=32, shard_rows=16), state=state)
    assert (parameters_sha256(state.parameters), parameters_sha256(state.velocity)) == before
    for array, copy in zip(arrays, copies, strict=True):
        assert_same_bits(array, copy)


@pytest.mark.parametrize("batch_size", [None, 70])
def test_training_on_another_device_of_a_strict_library_gives_numpys_losses(
    make_dataset, batch_size
):
    """A creation function that forgot its device would mix two devices, which raises."""
    dataset = make_dataset()
    device = array_api_strict.Device("device1")

    def put(rows):
        return rows.map(lambda array: array_api_strict.asarray(array, device=device))

    moved = replace(
        dataset, train=put(dataset.train), valid=put(dataset.valid), test=put(dataset.test)
    )
    config = replace(
        SMALL,
        dtype="float64",
        batch_size=batch_size,
        nesterov=True,
        l2=1e-3,
        hidden=(16, 8),
        early_stopping=3,
    )
    expected, state = train(dataset, config), train(moved, config)
    for mine, theirs in zip(state.history, expected.history, strict=True):
        np.testing.assert_allclose(mine[1:-1], theirs[1:-1], **TRAINING["float64"])
    for name, array in named_arrays(state.parameters).items():
        assert array.device == device
        np.testing.assert_allclose(
            to_numpy(array), named_arrays(expected.parameters)[name], **TRAINING["float64"]
        )


def test_without_held_out_rows_their_columns_are_nan(make_dataset):
    dataset = replace(make_dataset(), valid=None, test=None)
    row = train(dataset, SMALL).history[-1]
    assert math.isfinite(row.train_loss)
    assert all(math.isnan(value) for value in row[3:-1])
    with pytest.raises(ValueError, match="early stopping needs validation rows"):
        train(dataset, replace(SMALL, early_stopping=3))


def test_early_stopping_keeps_the_weights_of_the_lowest_validation_loss(make_dataset):
    dataset = make_dataset(n_train=40, n_features=6)
    labels = dataset.valid.labels.copy()
    labels[::3] = (labels[::3] + 1) % 4  # noise that training cannot learn: validation turns up
    dataset = replace(dataset, valid=Rows(dataset.valid.features, labels))
    config = replace(SMALL, hidden=(64,), epochs=500, early_stopping=7, dtype="float64")
    seen = {}

    def on_epoch(state):
        seen[state.epoch] = parameters_sha256(state.parameters)

    state = train(dataset, config, on_epoch=on_epoch)
    losses = [row.valid_loss for row in state.history]
    best = int(np.argmin(losses))
    assert 0 < best < 493
    assert state.epoch == best + 7 == len(losses) - 1
    assert state.result_epoch == state.best.epoch == best
    assert parameters_sha256(state.result_parameters) == seen[best] != seen[state.epoch]


def test_a_loss_that_is_no_number_is_never_the_best(make_dataset):
    config = TrainingConfig(hidden=(5,), epochs=3, early_stopping=5)
    whole = train(make_dataset(), config)
    begun = train(make_dataset(), replace(config, epochs=1))
    nan = begun.best._replace(valid_loss=math.nan)
    state = train(make_dataset(), config, state=replace(begun, best=nan))
    assert state.best.epoch == whole.best.epoch == 3
    dataset = make_dataset()
    dataset = replace(dataset, preparation=replace(dataset.preparation, scale=1.0))
    dataset = dataset.map(lambda rows: rows._replace(features=(rows.features / 255).astype("f4")))
    dataset.valid.features[::2], dataset.valid.features[1::2] = 3e38, -3e38  # sums overflow
    state = train(dataset, replace(config, epochs=30))
    assert not any(math.isfinite(row.valid_loss) for row in state.history)
    assert (state.best, state.epoch, state.result_epoch) == (None, 5, 5)


@pytest.mark.parametrize("library", [np, array_api_strict])
def test_values_beyond_the_dtype_are_refused_before_they_are_cast(make_dataset, library):
    dataset = make_dataset()
    for split, value in (("valid", 1e39), ("test", -1e39), ("train", 1e300), ("valid", math.nan)):
        features = getattr(dataset, split).features.astype(np.float64)
        features[3, 2] = value
        rows = getattr(dataset, split)._replace(features=features)
        odd = replace(dataset, **{split: rows}).map(lambda rows: rows.map(library.asarray))
        what = " in float32, the largest is 1" if value == value else ", row 3 holds NaN or inf"
        with pytest.raises(DataError, match=f"rows: features must be finite{what}"):
            train(odd, TrainingConfig(hidden=(3,), epochs=1))
        if value == value:
            train(odd, TrainingConfig(hidden=(3,), epochs=0, dtype="float64"))


@pytest.mark.parametrize("batch_size", [None, 20])
@pytest.mark.parametrize("last_loss", [1e-9, 9.0], ids=["best at the start", "best later"])
def test_early_stopping_that_is_asked_for_later_begins_with_the_state_that_is_there(
    make_dataset, batch_size, last_loss
):
    """Of the epochs before it there are no weights any more, however low their losses were."""
    dataset = make_dataset(n_train=40, n_features=6)
    config = replace(SMALL, hidden=(32,), epochs=4, dtype="float64", batch_size=batch_size)
    begun = train(dataset, config)
    assert begun.best is None
    losses = [9.0, 0.0, 9.0, 9.0, last_loss]
    rows = [row._replace(valid_loss=loss) for row, loss in zip(begun.history, losses, strict=True)]
    seen = {4: parameters_sha256(begun.parameters)}

    def on_epoch(state):
        seen[state.epoch] = parameters_sha256(state.parameters)

    config = replace(config, epochs=30, early_stopping=3)
    begun = replace(begun, history=History(rows))
    state = train(dataset, config, state=begun, on_epoch=on_epoch)
    best = 4 + int(np.argmin([row.valid_loss for row in state.history[4:]]))
    assert (best == 4) == (last_loss < 1)
    assert state.best.epoch == state.result_epoch == best
    assert state.epoch == min(best + 3, 30)
    assert parameters_sha256(state.result_parameters) == seen[best]


def test_zero_epochs_measure_the_initial_weights(make_dataset):
    state = train(make_dataset(), replace(SMALL, epochs=0))
    assert [row.epoch for row in state.history] == [0]


@pytest.mark.parametrize(("batch_size", "hidden"), [(None, (16,)), (32, (16,)), (32, (6, 6))])
def test_divergence_is_one_error_that_names_the_epoch(make_dataset, batch_size, hidden):
    config = replace(SMALL, hidden=hidden, learning_rate=1e30, batch_size=batch_size)
    with pytest.raises(DivergedError, match=r"after \d+ epochs; lower the learning rate"):
        train(make_dataset(), config)


@pytest.mark.parametrize(
    ("batch_size", "hidden"),
    [(None, (16,)), (70, (16, 16)), (70, (16,)), (70, (200,)), (70, (200, 16))],
)
def test_a_schedule_sets_the_rate_of_every_step_over_the_whole_run(
    make_dataset, batch_size, hidden, monkeypatch
):
    rates = []

    def note(method, place):
        original = getattr(Momentum, method)

        def noting(self, *arguments):
            rates.append(arguments[place])
            return original(self, *arguments)

        monkeypatch.setattr(Momentum, method, noting)

    note("update", 3)
    note("step_weight", 4)
    config = replace(
        SMALL, hidden=hidden, batch_size=batch_size, schedule="cosine", learning_rate=0.2
    )
    train(make_dataset(), replace(config, threads=1))
    steps = 5 * (1 if batch_size is None else 5)
    expected = [0.1 * (1 + math.cos(math.pi * step / steps)) for step in range(steps)]
    # Several arrays a step; a rate of 1 is that of a trial of BLAS.
    different = [rate for rate, _ in itertools.groupby(rates) if rate != 1.0]
    np.testing.assert_allclose(different, expected, **ROUNDING["float64"])


def test_weights_in_another_memory_order_are_trained_too(make_dataset):
    dataset = make_dataset()
    start = initial_state(dataset, SMALL)
    turned = tuple(Layer(np.asfortranarray(w), b) for w, b in start.parameters)
    expected = train(dataset, SMALL, state=start)
    got = train(dataset, SMALL, state=replace(start, parameters=turned))
    assert parameters_sha256(got.parameters) == parameters_sha256(expected.parameters)


@pytest.mark.parametrize(
    ("asked", "cores", "sharing", "threads"),
    [
        (None, 8, 1, 8),
        (None, 8, 3, 2),
        (None, 2, 4, 1),
        (3, 2, 4, 3),
    ],
)
def test_ranks_divide_the_cores_they_share(
    make_dataset, monkeypatch, asked, cores, sharing, threads
):
    class Ranks(Communicator):
        cores_shared_by = sharing

    monkeypatch.setattr("mlp.training.available_threads", lambda: cores)
    assert thread_count(TrainingConfig(threads=asked), make_dataset(), Ranks()) == threads


@pytest.mark.parametrize("asked", [None, 3])
def test_other_libraries_and_an_mpi_for_the_main_thread_only_leave_one_thread(
    make_dataset, monkeypatch, asked
):
    class Funneled(Communicator):
        any_thread = False

    monkeypatch.setattr("mlp.training.available_threads", lambda: 8)
    config, dataset = TrainingConfig(threads=asked), make_dataset()
    assert thread_count(config, dataset, Funneled()) == 1
    moved = dataset.map(lambda rows: rows.map(array_api_strict.asarray))
    assert thread_count(config, moved, Communicator()) == 1


WAYS = [(None, (16,)), (70, (16,)), (70, (16, 16))]


@pytest.mark.parametrize(("batch_size", "hidden"), WAYS)
def test_states_that_are_kept_stay_as_they_were(make_dataset, batch_size, hidden):
    dataset = make_dataset()
    config = replace(SMALL, hidden=hidden, batch_size=batch_size, epochs=3, threads=2)
    kept: list = []
    train(dataset, config, on_epoch=kept.append)
    for seen in (kept, list(states(dataset, config))):
        assert [state.epoch for state in seen] == [0, 1, 2, 3]
        for state in seen:
            whole = train(dataset, replace(config, epochs=state.epoch))
            assert parameters_sha256(state.parameters) == parameters_sha256(whole.parameters)
            assert parameters_sha256(state.velocity) == parameters_sha256(whole.velocity)
            assert len(state.history) == state.epoch + 1


@pytest.mark.parametrize(("batch_size", "hidden"), WAYS)
@pytest.mark.parametrize("what", ["threads", pytest.param("BLAS", marks=needs_blas_threads)])
def test_between_two_states_neither_threads_nor_blas_are_held(
    make_dataset, what, batch_size, hidden
):
    def held():
        if what == "BLAS":
            return blas_threads()
        return {one for one in threading.enumerate() if one.name.startswith("team")}

    config = replace(SMALL, hidden=hidden, batch_size=batch_size, threads=3)
    free, seen = AT_FIRST if what == "BLAS" else set(), states(make_dataset(), config)
    for _ in range(3):
        next(seen)
        assert held() == free
    del seen  # abandoned
    assert held() == free


def test_a_state_to_start_from_is_yielded_first_and_is_no_new_row(make_dataset):
    dataset = make_dataset()
    half = train(dataset, replace(SMALL, epochs=2))
    rows: list = []
    whole = train(dataset, replace(SMALL, epochs=4), state=half, on_epoch=rows.append)
    assert [state.epoch for state in rows] == [3, 4]
    again = list(states(dataset, replace(SMALL, epochs=4), state=half))
    assert [state.epoch for state in again] == [2, 3, 4]
    assert parameters_sha256(again[-1].parameters) == parameters_sha256(whole.parameters)


@pytest.mark.parametrize(("batch_size", "hidden"), WAYS)
@pytest.mark.parametrize("leaving", [0, 2])
def test_where_one_rank_leaves_the_loop_it_ends_for_all(
    make_dataset, monkeypatch, batch_size, hidden, leaving
):
    monkeypatch.setitem(sys.modules, "mpi4py", SimpleNamespace(MPI=MPI))
    config = replace(SMALL, hidden=hidden, batch_size=batch_size, threads=1)
    dataset = make_dataset()

    def loop(communicator):
        for state in states(dataset, config, communicator=communicator):
            if communicator.rank == leaving and state.epoch == 2:
                break
        return state.epoch, parameters_sha256(state.parameters)

    found, _ = on_ranks(3, loop)
    assert len(set(found)) == 1
    assert found[0][0] == 2


def test_an_epochs_sums_are_the_true_gradients_of_its_step(make_dataset):
    dataset = make_dataset()
    config = replace(SMALL, threads=2, dtype="float64")
    state = initial_state(dataset, config)
    work = Work(dataset, config, Team(2))
    x = to_input(dataset.train.features, np.float64, dataset.scale)
    for epoch in full_batch(work, state.parameters, state.velocity, 0):
        (sums,) = epoch.sums["train"]
        assert sums.rows == len(x)
        if sums.gradients is None:
            break
        expected = loss_and_gradients(epoch.parameters, x, dataset.train.labels)
        for name, array in named_arrays(sums.gradients).items():
            theirs = named_arrays(expected.gradients)[name]
            np.testing.assert_allclose(array, theirs, **TRAINING["float64"])


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"hidden": 20}, r"got dict; write TrainingConfig\(\*\*{'hidden': 20}\)"),
        (None, r"got NoneType; write TrainingConfig\(\*\*dict\(hidden="),
    ],
)
def test_options_that_are_no_configuration_are_told_how_to_become_one(
    make_dataset, config, message
):
    with pytest.raises(TypeError, match=message):
        train(make_dataset(), config)


def test_a_path_is_no_data_set():
    with pytest.raises(TypeError, match=r"must be a Dataset, got str; see mlp\.load"):
        train("letters.npz", TrainingConfig())

"""Holding BLAS to one thread, whatever other threads of the process ask of it."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from blas import AT_FIRST, blas_threads, needs_blas_threads
from threadpoolctl import threadpool_limits

from mlp import TrainingConfig, blas, train
from mlp.model import parameters_sha256
from mlp.sharding import Job, row_pieces
from mlp.team import Team


def hold_a_limit(threads):
    """Return what ends a limit that another thread of the process holds meanwhile."""
    begun, ending = threading.Event(), threading.Event()

    def hold():
        with threadpool_limits(threads, user_api="blas"):
            begun.set()
            ending.wait(60)

    pool = ThreadPoolExecutor(1)
    done = pool.submit(hold)
    begun.wait(60)

    def end():
        ending.set()
        done.result()
        pool.shutdown()

    return end


@needs_blas_threads
def test_a_limit_that_another_thread_holds_is_no_hindrance_and_is_put_back():
    end = hold_a_limit(2)
    with blas.single_threaded():
        assert blas_threads() == {1}
    assert blas_threads() == {2}
    end()
    assert blas_threads() == AT_FIRST


@needs_blas_threads
def test_a_limit_that_ends_while_blas_is_held_changes_nothing_until_then():
    end = hold_a_limit(2)
    with blas.single_threaded():
        end()
        assert blas_threads() == {1}


@needs_blas_threads
def test_the_callers_own_limit_is_put_back_as_it_was():
    with threadpool_limits(2, user_api="blas"):
        with blas.single_threaded():
            assert blas_threads() == {1}
        assert blas_threads() == {2}
    assert blas_threads() == AT_FIRST


@needs_blas_threads
def test_training_has_its_bits_while_another_thread_holds_a_limit(make_dataset):
    dataset, config = make_dataset(n_train=400), TrainingConfig(hidden=(40,), epochs=2, threads=2)
    expected = parameters_sha256(train(dataset, config).parameters)
    end = hold_a_limit(2)
    try:
        assert parameters_sha256(train(dataset, config).parameters) == expected
    finally:
        end()


@needs_blas_threads
def test_after_trainings_in_a_pool_of_threads_blas_is_as_it_was(make_dataset):
    dataset, config = make_dataset(), TrainingConfig(hidden=(8,), epochs=2, threads=2)
    with ThreadPoolExecutor(4) as pool:
        hashes = {
            parameters_sha256(state.parameters)
            for state in pool.map(lambda _: train(dataset, config), range(12))
        }
    assert len(hashes) == 1
    assert blas_threads() == AT_FIRST


class EachThreadsOwn:
    """A library with a limit for every thread, as OpenBLAS with OpenMP has; 4 at first."""

    def __init__(self, obeys=True):
        self._own, self._obeys = threading.local(), obeys

    @property
    def num_threads(self):
        return getattr(self._own, "threads", 4)

    def set_num_threads(self, threads):
        if self._obeys:
            self._own.threads = threads


@pytest.mark.parametrize("threads", [1, 3])
def test_a_library_with_a_limit_for_every_thread_is_held_where_the_work_is_done(
    threads, monkeypatch
):
    library, seen = EachThreadsOwn(), []
    monkeypatch.setattr(blas, "_held", [library])
    job = Job(lambda rows: seen.append(library.num_threads) or 1, row_pieces(0, 9, 1))
    with Team(threads) as team:
        blas._held[:] = [library]  # in the place of NumPy's
        assert team.fold([job], int.__add__) == [9]
        assert seen == [1] * 9
        assert library.num_threads == 4
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(lambda: library.num_threads).result() == 4


def test_a_limit_that_does_not_hold_is_warned_of(monkeypatch):
    with Team(1) as team:
        monkeypatch.setattr(blas, "_held", [EachThreadsOwn(obeys=False)])
        with pytest.warns(RuntimeWarning, match="had to keep to 1 thread and has 4, which another"):
            team.fold([Job(lambda _: 1, row_pieces(0, 3, 1))], int.__add__)


def test_nothing_is_said_where_blas_cannot_be_asked(monkeypatch):
    monkeypatch.setattr(blas, "_held", [])
    with blas.single_threaded_here():
        pass

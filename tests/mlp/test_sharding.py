import threading
import time

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from mlp.executor import Executor
from mlp.sharding import Job, default_shard_rows, shards


@pytest.mark.parametrize(
    ("batch", "expected"),
    [(1, 64), (128, 64), (129, 65), (256, 128), (1999, 1000), (2000, 1000), (10_000, 1000)],
)
def test_shard_rows_on_a_cpu(batch, expected):
    assert default_shard_rows(batch, "cpu") == expected


def test_shard_rows_on_cuda():
    assert default_shard_rows(128, "cuda") == 65_536


def test_shards_cover_the_rows_once():
    assert shards(3, 11, 4) == [slice(3, 7), slice(7, 11)]
    assert shards(0, 5, 4) == [slice(0, 4), slice(4, 5)]


def written_tree(leaves):
    """Give the additions of the fixed tree as text, straight from its definition."""
    nodes = [str(leaf) for leaf in range(leaves)]
    while len(nodes) > 1:
        nodes = [
            f"({nodes[i]}+{nodes[i + 1]})" if i + 1 < len(nodes) else nodes[i]
            for i in range(0, len(nodes), 2)
        ]
    return nodes[0]


@pytest.mark.parametrize("threads", [1, 2, 3, 4])
@pytest.mark.parametrize("leaves", [1, 2, 3, 5, 8, 13])
def test_the_tree_is_the_same_for_any_number_of_threads(threads, leaves):
    rng = np.random.default_rng(leaves)
    delays = rng.uniform(0, 0.002, leaves)

    def leaf(rows):
        time.sleep(delays[rows.start])
        return str(rows.start)

    jobs = [Job(leaf, shards(0, leaves, 1)), Job(leaf, shards(0, max(1, leaves - 1), 1))]
    with Executor(threads) as executor:
        for _ in range(3):
            trees = executor.fold(jobs, lambda left, right: f"({left}+{right})")
            assert [tree.root for tree in trees] == [
                written_tree(leaves),
                written_tree(max(1, leaves - 1)),
            ]


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_few_sets_of_sums_are_alive_behind_a_slow_shard(threads):
    alive, most, lock = 0, 0, threading.Lock()

    def leaf(rows):
        nonlocal alive, most
        if rows.start == 0:
            time.sleep(0.1)
        with lock:
            alive += 1
            most = max(most, alive)
        return 1

    def add(left, right):
        nonlocal alive
        with lock:
            alive -= 1
        return left + right

    with Executor(threads) as executor:
        assert executor.fold([Job(leaf, shards(0, 256, 1))], add)[0].root == 256
    assert most <= 8 + 2 * threads


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_for_each_calls_once_for_every_item(threads):
    seen, lock = [], threading.Lock()

    def note(item):
        with lock:
            seen.append(item)

    with Executor(threads) as executor:
        executor.for_each(note, range(100))
    assert sorted(seen) == list(range(100))


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_an_error_in_a_shard_reaches_the_caller_and_the_pool_survives(threads):
    def leaf(rows):
        if rows.start == 5:
            raise ArithmeticError("shard five")
        return rows.start

    with Executor(threads) as executor:
        with pytest.raises(ArithmeticError, match="shard five"):
            executor.fold([Job(leaf, shards(0, 50, 1))], lambda left, right: left + right)
        after = executor.fold([Job(leaf, shards(0, 4, 1))], lambda left, right: left + right)
        assert after[0].root == 6


def blas_threads():
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_blas_is_held_to_one_thread_until_the_last_executor_closes():
    before = blas_threads()
    first, second = Executor(1), Executor(2)
    with first:
        assert blas_threads() == {1}
        with second:
            assert blas_threads() == {1}
        assert blas_threads() == {1}
    assert blas_threads() == before


def test_overflow_in_a_worker_is_silent():
    with Executor(2) as executor:
        executor.for_each(lambda _: np.float32(1e38) * np.float32(1e38), range(8))


def test_threads_must_be_positive():
    with pytest.raises(ValueError, match="at least 1, got 0"):
        Executor(0)

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from blas import AT_FIRST, blas_threads, needs_blas_threads

from mlp import TrainingConfig
from mlp import blas as held
from mlp.model import Layer
from mlp.sharding import Job, Node, Tree, row_pieces
from mlp.team import Team
from mlp.training import states


def written_tree(leaves):
    """Return the additions of the fixed tree as text, straight from its definition."""
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

    jobs = [Job(leaf, row_pieces(0, leaves, 1)), Job(leaf, row_pieces(0, max(1, leaves - 1), 1))]
    with Team(threads) as team:
        for _ in range(3):
            sums = team.fold(jobs, lambda left, right: f"({left}+{right})")
            assert sums == [
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

    with Team(threads) as team:
        assert team.fold([Job(leaf, row_pieces(0, 256, 1))], add) == [256]
    assert most <= 8 + 2 * threads


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_members_share_the_pieces_run_at_the_same_time_and_meet(threads):
    seen, sums = [], []
    team = Team(threads)
    trees = [Tree(5, int.__add__) for _ in range(3)]

    def member(mine):
        seen.extend(mine)
        for step, tree in enumerate(trees):
            for piece in mine:
                tree.put(Node(0, piece), 10**piece)
            sums.append(team.meet(tree, lambda total: (step, total)))  # noqa: B023 - called here

    team.together(member, range(5))
    assert sorted(seen) == list(range(5))
    assert sorted(sums) == sorted([(step, 11111) for step in range(3)] * min(threads, 5))


@pytest.mark.parametrize("threads", [2, 4])
def test_a_member_that_fails_ends_the_waiting_of_the_others(threads):
    team = Team(threads)

    def member(mine):
        if 0 in mine:
            raise ArithmeticError("the first one")
        team.meet(Tree(1, int.__add__), lambda total: total)

    with pytest.raises(ArithmeticError, match="the first one"):
        team.together(member, range(threads))


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("size", [1, 2, 7, 600_000])
def test_networks_are_changed_in_parts_that_cover_every_element_once(threads, size):
    network = (Layer(np.zeros((size, 2)), np.zeros(2)), Layer(np.zeros((2, 3)), np.zeros(3)))
    ones = tuple(Layer(np.ones_like(w), np.ones_like(b)) for w, b in network)

    def add(target, source):
        for layer, other in zip(target, source, strict=True):
            for array, more in zip(layer, other, strict=True):
                array += more

    Team(threads).in_parts(add, network, ones)
    assert all((array == 1).all() for layer in network for array in layer)


def test_a_copy_shares_nothing_and_has_the_same_bits():
    network = (Layer(np.random.default_rng(0).normal(size=(30, 7)), np.array([-0.0] * 7)),)
    copy = Team(3).copied(network)
    for array, other in zip(network[0], copy[0], strict=True):
        assert array.tobytes() == other.tobytes()
        assert not np.shares_memory(array, other)


def alive():
    return [thread for thread in threading.enumerate() if thread.name.startswith("team")]


def test_threads_are_held_while_a_team_is_open_and_no_longer():
    team = Team(3)
    job = Job(lambda rows: 1, row_pieces(0, 9, 1))
    assert team.fold([job], int.__add__) == [9]
    assert alive() == []
    with team:
        team.fold([job], int.__add__)
        assert 1 <= len(alive()) <= 2
    assert alive() == []


@needs_blas_threads
@pytest.mark.parametrize("threads", [1, 3])
def test_blas_is_held_to_one_thread_while_a_team_is_open_and_no_longer(threads):
    seen = []
    job = Job(lambda rows: seen.append(blas_threads()) or 1, row_pieces(0, 9, 1))
    assert Team(threads).fold([job], int.__add__) == [9]
    assert seen == [{1}] * 9
    assert blas_threads() == AT_FIRST
    with Team(threads):
        assert blas_threads() == {1}
    assert blas_threads() == AT_FIRST


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_an_error_in_a_piece_reaches_the_caller_and_the_pool_survives(threads):
    def leaf(rows):
        if rows.start == 5:
            raise ArithmeticError("piece five")
        return rows.start

    with Team(threads) as team:
        with pytest.raises(ArithmeticError, match="piece five"):
            team.fold([Job(leaf, row_pieces(0, 50, 1))], lambda left, right: left + right)
        after = team.fold([Job(leaf, row_pieces(0, 4, 1))], lambda left, right: left + right)
        assert after == [6]


@needs_blas_threads
def test_blas_is_held_to_one_thread_until_the_last_team_closes():
    first, second = Team(1), Team(2)
    with first:
        assert blas_threads() == {1}
        with second:
            assert blas_threads() == {1}
        assert blas_threads() == {1}
    assert blas_threads() == AT_FIRST


def test_overflow_in_a_worker_is_silent():
    job = Job(lambda _: np.float32(1e38) * np.float32(1e38), row_pieces(0, 8, 1))
    assert Team(2).fold([job], lambda left, right: left + right) == [np.inf]


def test_threads_must_be_positive():
    with pytest.raises(ValueError, match="at least 1, got 0"):
        Team(0)


@needs_blas_threads
@pytest.mark.parametrize("other_first", [True, False])
def test_blas_is_free_again_whichever_thread_opens_first_and_closes_last(other_first):
    """threadpoolctl lets only the thread that has set OpenBLAS' limit lift it."""
    here, there = Team(1), Team(1)
    with ThreadPoolExecutor(1) as other:  # which is alive all the time

        def elsewhere(call, *arguments):
            other.submit(call, *arguments).result()

        calls = [
            lambda: elsewhere(there.__enter__),
            here.__enter__,
            lambda: elsewhere(there.__exit__, None, None, None),
            lambda: here.__exit__(None, None, None),
        ]
        for number in (0, 1, 2, 3) if other_first else (1, 0, 3, 2):
            calls[number]()
            assert blas_threads() == ({1} if number != (3 if other_first else 2) else AT_FIRST)
        with Team(1):
            assert blas_threads() == {1}
        assert blas_threads() == AT_FIRST


@pytest.mark.parametrize("batch_size", [None, 64])
def test_an_epoch_opens_the_team_once(make_dataset, monkeypatch, batch_size):
    """Each opening looks up the process' BLAS; between two epochs the team is closed."""
    opened, original = [], held.single_threaded

    def counted():
        opened.append(len(opened))
        return original()

    monkeypatch.setattr("mlp.team.blas.single_threaded", counted)
    config = TrainingConfig(hidden=(16,), epochs=3, batch_size=batch_size, threads=2)
    seen = [len(opened) for _ in states(make_dataset(), config)]
    assert seen == [1, 2, 3, 4]

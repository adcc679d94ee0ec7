"""The exchange between ranks, each a thread here; tests/test_mpi.py runs real ones."""

import sys
from types import SimpleNamespace

import array_api_strict
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from thread_ranks import MPI, Comm, Host, on_ranks

from mlp import Layer
from mlp.communicator import Communicator, CommunicatorError, find, remaining_nodes
from mlp.device import to_numpy
from mlp.model import Sums, add_sums, donated_sum
from mlp.sharding import Job, Node, Tree, row_pieces, share
from mlp.team import Team

LIBRARIES = {"numpy": (np, "cpu"), "strict": (array_api_strict, array_api_strict.Device("device1"))}


@pytest.fixture(scope="module", autouse=True)
def fake_mpi4py():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "mpi4py", SimpleNamespace(MPI=MPI))
        yield


@given(pieces=st.integers(0, 60), size=st.integers(1, 9))
def test_ranks_own_contiguous_runs_of_nearly_equal_length(pieces, size):
    runs = [share(pieces, rank, size) for rank in range(size)]
    assert [piece for run in runs for piece in run] == list(range(pieces))
    assert max(map(len, runs)) - min(map(len, runs)) <= 1


@given(leaves=st.integers(1, 300), size=st.integers(1, 9))
def test_what_remains_of_a_run_are_few_nodes_that_cover_the_tree_once(leaves, size):
    nodes = [remaining_nodes(leaves, rank, size) for rank in range(size)]
    covered = [
        leaf
        for level, place in sorted(
            (node for some in nodes for node in some), key=lambda n: n.place << n.level
        )
        for leaf in range(place << level, min((place + 1) << level, leaves))
    ]
    assert covered == list(range(leaves))
    assert max(map(len, nodes)) <= 2 * max(1, leaves.bit_length())


def leaf_sums(library, rng, dtype, shapes):
    xp, device = LIBRARIES[library]

    def place(array):
        return array if library == "numpy" else xp.asarray(array, device=device)

    gradients = tuple(
        Layer(place(rng.normal(size=(a, b)).astype(dtype)), place(rng.normal(size=b).astype(dtype)))
        for a, b in shapes
    )
    loss, correct = (np.asarray(value) for value in (rng.normal() * 1e3, float(rng.integers(99))))
    return Sums(place(loss), place(correct), int(rng.integers(1, 99)), gradients or None)


def bits(sums):
    arrays = [array for layer in sums.gradients or () for array in layer]
    return [to_numpy(array).tobytes() for array in (sums.loss, sums.correct, *arrays)], sums.rows


@settings(max_examples=60, deadline=None)
@given(
    leaves=st.lists(st.tuples(st.integers(1, 20), st.booleans()), min_size=1, max_size=3),
    size=st.integers(2, 6),
    threads=st.integers(1, 2),
    dtype=st.sampled_from(["float32", "float64"]),
    library=st.sampled_from(list(LIBRARIES)),
    seed=st.integers(0, 99),
)
def test_every_rank_gets_the_bits_of_one_rank(leaves, size, threads, dtype, library, seed):
    def job(number, count, with_gradients):
        # An odd number of float32 values, after which the next rank's float64 must be aligned.
        shapes = ((3, 2), (2, 3)) if with_gradients else ()

        def compute(rows):
            return leaf_sums(
                library, np.random.default_rng([seed, number, rows.start]), dtype, shapes
            )

        return Job(compute, row_pieces(0, count, 1), compute(slice(0, 1)))

    def run(communicator):
        asked, totals, flags = [], [], []
        with Team(threads, communicator, lambda: bool(asked) and communicator.rank == 1) as team:
            for _ in range(2):  # the second one uses the buffer of the first again
                queue = [job(number, *one) for number, one in enumerate(leaves)]
                sums = team.fold(queue, add_sums)
                flags.append(team.stopping)
                team.agree()  # flags alone leave the sums as they are
                totals.append([bits(one) for one in sums])
                asked.append(True)
        return totals, flags

    expected, _ = run(Communicator())
    found, host = on_ranks(size, run)
    assert [totals for totals, _ in found] == [expected] * size
    assert [flags for _, flags in found] == [[False, True]] * size
    assert host.collectives == 4


def test_ranks_divide_the_cores_they_share_and_number_themselves_on_their_host():
    found, _ = on_ranks(3, lambda one: (one.rank, one.size, one.rank_on_host, one.cores_shared_by))
    assert found == [(0, 3, 0, 3), (1, 3, 1, 3), (2, 3, 2, 3)]


@pytest.mark.parametrize("root", [0, 2])
def test_every_rank_gets_the_value_of_the_root(root):
    found, _ = on_ranks(3, lambda one: one.broadcast(f"from {one.rank}", root))
    assert found == [f"from {root}"] * 3


@pytest.mark.parametrize(("level", "any_thread"), [("FUNNELED", False), ("SERIALIZED", True)])
def test_ranks_know_whether_mpi_serves_any_thread(monkeypatch, level, any_thread):
    monkeypatch.setattr(MPI, "Query_thread", lambda: getattr(MPI, f"THREAD_{level}"))
    assert on_ranks(2, lambda one: one.any_thread)[0] == [any_thread] * 2


def test_time_in_the_collective_is_counted():
    def run(communicator):
        before = communicator.seconds
        communicator.combine([], 0)
        between = communicator.seconds
        communicator.broadcast("value", 1)
        return before, between, communicator.seconds

    for before, between, after in on_ranks(2, run)[0]:
        assert before == 0.0 < between < after


def test_a_process_alone_is_serial(monkeypatch):
    monkeypatch.delitem(sys.modules, "mpi4py")
    assert isinstance(find(), Communicator)


@pytest.mark.parametrize("name", ["PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "SLURM_STEP_NUM_TASKS"])
def test_ranks_that_would_wait_for_ever_for_a_failed_one_are_refused(monkeypatch, name):
    monkeypatch.delitem(sys.modules, "mpi4py")
    monkeypatch.setenv(name, "4")
    with pytest.raises(CommunicatorError, match=f"one of 4 ranks .{name}.; .*python -m mpi4py"):
        find()
    monkeypatch.setenv(name, "1")
    assert isinstance(find(), Communicator)


def test_an_mpi_that_was_only_asked_for_its_name_is_not_started(monkeypatch):
    asked = SimpleNamespace(rc=SimpleNamespace(initialize=False))
    monkeypatch.setitem(sys.modules, "mpi4py", asked)
    assert type(find()) is Communicator


def test_an_mpi_that_does_not_know_its_launcher_is_refused(monkeypatch):
    monkeypatch.setattr(sys.modules["mpi4py"].MPI, "COMM_WORLD", Comm(Host(1), 0), raising=False)
    assert isinstance(find(), Communicator)
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "2")
    with pytest.raises(CommunicatorError, match="mpi4py's MPI finds itself alone: build"):
        find()


def test_an_overflow_on_the_way_up_the_tree_is_no_warning():
    def run(communicator):
        weight, bias = np.full((2, 2), 3e38, np.float32), np.zeros(2, np.float32)
        sums = Sums(np.zeros(()), np.zeros(()), 1, (Layer(weight, bias),))
        job = Job(lambda rows: sums, row_pieces(0, 2, 1), sums)
        return Team(1, communicator).fold([job], add_sums)[0].gradients[0].weight

    for weight in on_ranks(2, run)[0]:
        assert np.isinf(weight).all()


def test_a_tree_adds_what_comes_in_any_order():
    rng = np.random.default_rng(0)
    for leaves in (1, 2, 5, 6, 13):
        tree = Tree(leaves, lambda left, right: f"({left}+{right})")
        for place in rng.permutation(leaves).tolist():
            tree.put(Node(0, place), str(place))
        expected = [str(place) for place in range(leaves)]
        while len(expected) > 1:
            pairs = [expected[i : i + 2] for i in range(0, len(expected), 2)]
            expected = [f"({pair[0]}+{pair[1]})" if pair[1:] else pair[0] for pair in pairs]
        assert [tree.root] == expected
        assert len(tree.nodes) == 1


def test_the_buffer_grows_and_is_used_again_by_smaller_messages():
    sizes = (1, 1000, 7, 5000, 1)

    def run(communicator):
        found, held = [], []
        for size in sizes:
            job = Job(lambda rows, n=size: np.full(n, 10.0**rows.start), row_pieces(0, 3, 1))
            job = job._replace(like=np.empty(size))
            (total,) = Team(1, communicator).fold([job], donated_sum)
            found.append(total.tolist())  # at once: it is valid until the next call
            held.append(total)
        return found, np.shares_memory(held[-2], held[-1])

    found, _ = on_ranks(2, run)
    assert [totals for totals, _ in found] == [[[111.0] * size for size in sizes]] * 2
    assert found[1][1]  # rank 0's sum, which rank 1 adds to, lies in the buffer


def test_ranks_divide_cores_only_with_those_of_the_same_cores(monkeypatch):
    cores = [{0, 1}, {0, 1}, {2, 3}, {0, 1, 2, 3}]

    class SameHost:
        def __init__(self, rank):
            self.rank = rank

        def Get_rank(self):  # noqa: N802 - MPI's own names
            return self.rank

        def Free(self):  # noqa: N802
            pass

        def allgather(self, mine):
            return cores

    monkeypatch.setattr(Comm, "Split_type", lambda self, kind: SameHost(self.rank))
    assert on_ranks(4, lambda one: one.cores_shared_by)[0] == [2, 2, 1, 1]

"""A job of `benchmarks.scaling`: an epoch on some ranks and threads, or what its parts take.

``mpiexec -n RANKS python -m mpi4py -m benchmarks.job JSON``
"""

import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.link import read
from benchmarks.model import THREADS, Costs
from benchmarks.rounds import WARM_UP
from kernels import array_namespace
from mlp import initial_state, train
from mlp.communicator import Communicator, find
from mlp.model import Sums, add_sums, loss_and_gradients
from mlp.sharding import Job, Node, Tree, default_piece_rows, row_pieces
from mlp.team import Team
from mlp.units import by_units
from mlp.work import Work, step_kind

REPEATS = 50


def train_and_time(communicator: Communicator, job: dict[str, Any]) -> dict[str, Any]:
    """Train as a rank; return every epoch's seconds and those of them spent communicating."""
    dataset, config = read(job)
    clock: list[float] = []
    state = train(
        dataset,
        config,
        communicator=communicator,
        on_epoch=lambda state: clock.append(communicator.seconds),
    )
    timed = range(WARM_UP + 1, config.epochs)  # after the last one a full batch only evaluates
    seconds = [state.history[epoch].seconds for epoch in timed]
    return {"epochs": [seconds, [clock[epoch] - clock[epoch - 1] for epoch in timed]]}


def median_seconds(
    prepare: Callable[[], Any], call: Callable[[Any], object], repeats: int = REPEATS
) -> float:
    """Time calls, each with something prepared for it."""
    seconds = []
    for _ in range(repeats):
        prepared = prepare()
        started = time.perf_counter()
        call(prepared)
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def rank_costs(communicator: Communicator, job: dict[str, Any]) -> dict[str, Any]:
    """Time an exchange of nothing, one of a node a rank, and the update: see `model.Costs`.

    The last two follow a piece's gradients, as in training: what they touch is not in the cache.
    """
    dataset, config = read(job)
    state, team = initial_state(dataset, config), Team(1, communicator)
    work, parameters = Work(dataset, config, team), state.parameters
    batch = config.batch_size or len(dataset.train.labels)
    rows = row_pieces(0, batch, default_piece_rows(batch, "cpu"))[0]
    x, labels, _ = work.input(dataset.train, rows)

    def gradients() -> Sums:
        sums = loss_and_gradients(parameters, x, labels)
        communicator.barrier()
        return sums

    def exchange(sums: Sums) -> None:
        team.fold([Job(lambda piece: sums, [rows] * communicator.size, sums)], add_sums)

    with team:
        nothing = median_seconds(communicator.barrier, lambda _: team.agree())
        nodes = median_seconds(gradients, exchange)
        update = median_seconds(
            gradients, lambda sums: work.update(parameters, state.velocity, sums, 0.0)
        )
    size = communicator.size * sum(array.nbytes for layer in parameters for array in layer)
    return {"costs": Costs(nothing, size / max(nodes - nothing, 1e-9), update)}


class Part(Team):
    """One thread with the pieces that it would have as one of several, who take no time.

    It stops after some steps.

    Attributes
    ----------
    met : list of float
        When it came to every meeting.
    above : list of float
        Seconds of what was done there.
    """

    def __init__(self, threads: int, steps: int) -> None:
        super().__init__(1)
        self.met: list[float] = []
        self.above: list[float] = []
        self._of, self._steps = threads, steps

    def own(self, pieces: int) -> range:
        """See `Team`."""
        return range(-(-pieces // self._of))

    def meet(self, tree: Tree[Any], finish: Callable[[Any], Any]) -> Any:
        """See `Team`; what the others would bring is 0."""
        started = time.perf_counter()
        self.met.append(started)
        self.stopping = len(self.met) == self._steps
        for piece in range(len(self.own(tree.leaves)), tree.leaves):
            tree.put(Node(0, piece), array_namespace(tree.like).zeros_like(tree.like))
        outcome = finish(tree.root)
        self.above.append(time.perf_counter() - started)
        return outcome


def unit_costs(work: Work, parameters: Any, velocity: Any) -> tuple[Sequence[float], float]:
    """Time a step of divided units on one of each of `THREADS`; and what is above z."""
    order, steps = work.steps(0)
    steps = [steps[step % len(steps)] for step in range(REPEATS)]
    seconds, above = [], 0.0
    for threads in THREADS:
        team = Part(threads, REPEATS)
        part = Work(work.dataset, work.config, team)
        by_units(part, parameters, velocity, order, steps)
        between = [after - before for before, after in zip(team.met, team.met[1:], strict=False)]
        seconds.append(statistics.median(between))
        above = above or statistics.median(team.above)
    return seconds, above


def thread_costs(communicator: Communicator, job: dict[str, Any]) -> dict[str, Any]:
    """Time what an epoch on threads is made of: see `model.ThreadCosts`."""
    dataset, config = read(job)
    state, team, pair = initial_state(dataset, config), Team(1), Team(2)
    work, parameters, velocity = Work(dataset, config, team), state.parameters, state.velocity
    held_out = [rows for name, rows in dataset.splits.items() if name != "train"]
    evaluations = [work.evaluation_job(parameters, rows) for rows in held_out]
    pieces = sum(len(one.pieces) for one in evaluations)
    with team, pair:
        evaluation = median_seconds(
            lambda: None, lambda _: team.fold(evaluations, add_sums), repeats=5
        )
        if step_kind(config, dataset) == "by units":
            seconds, above = unit_costs(work, parameters, velocity)
            costs = [*seconds, above, evaluation / pieces, 0.0, meeting_seconds(pair)]
        else:
            order, steps = (None, [(None, 0.0)]) if config.batch_size is None else work.steps(0)
            training = work.training_job(parameters, order, steps[0][0])

            def step() -> Sums:
                return team.fold([training], add_sums)[0]

            def update(sums: Sums) -> None:
                # Mini-batches copy once an epoch, which is nothing beside their steps.
                mine, nu = parameters, velocity
                if config.batch_size is None:
                    mine, nu = work.copies(mine, nu)
                work.update(mine, nu, sums, 0.0)

            whole = median_seconds(lambda: None, lambda _: step(), repeats=5)
            count = len(training.pieces)
            seconds = [whole * -(-count // threads) / count for threads in THREADS]
            changed = median_seconds(step, update, repeats=5)
            nothing = Job(lambda piece: 0, [slice(0, 1)] * 2)
            fold = median_seconds(
                lambda: None, lambda _: pair.fold([nothing], lambda left, right: left)
            )
            costs = [*seconds, 0.0, evaluation / pieces, changed, fold]
    return {"costs": costs}


def meeting_seconds(pair: Team) -> float:
    """Time a meeting of two threads that have nothing else to do."""
    times: list[float] = []

    def member(mine: Sequence[int]) -> None:
        for _ in range(4 * REPEATS):
            tree: Tree[int] = Tree(1, lambda left, right: left)
            tree.put(Node(0, 0), 0)
            started = time.perf_counter()
            pair.meet(tree, lambda root: root)
            if mine[0] == 0:
                times.append(time.perf_counter() - started)

    pair.together(member, range(2))
    return statistics.median(times)


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    ranks = find()
    probes = {"ranks": rank_costs, "threads": thread_costs}
    answer = probes.get(given.get("probe"), train_and_time)(ranks, given)
    if ranks.rank == 0:
        print(json.dumps(answer))

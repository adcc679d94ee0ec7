"""Ours and the peers in step, from the same weights on the same rows, compared at every epoch."""

import dataclasses
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from mlp import (
    Dataset,
    Parameters,
    Rows,
    TrainingConfig,
    choose_device,
    init_parameters,
    initial_state,
)
from mlp.communicator import Communicator
from mlp.device import to_numpy
from mlp.epochs import full_batch
from mlp.keras_reference import host_input
from mlp.model import forward, map_arrays
from mlp.team import Team
from mlp.training import network_sizes, thread_count
from mlp.work import Work
from peers import Peer, PeerError, Score, Task, taken
from peers import load as load_peer

# Differences are relative to the peer: of a split's loss; of the largest logit; of the norm of
# each array of gradients and of parameters. Accuracy is an absolute difference.
# The loss' and the accuracy's bounds are the project's promise. The others are ten times or more
# what was seen over 200 epochs in float64 and over 50 epochs of three seeds in float32. There,
# rounding decides on which side of 0 a rectifier's input falls; a row that changes sides counts
# whole, and the gradient it is measured against becomes ever shorter. So float32 is compared for
# where training goes, float64 for whether every gradient is right.
BOUNDS = {
    "float64": {
        "loss": 1e-12,
        "accuracy": 0.0,
        "logits": 1e-11,
        "gradients": 1e-10,
        "parameters": 1e-11,
    },
    "float32": {
        "loss": 1e-4,
        "accuracy": 2e-3,
        "logits": 5e-3,
        "gradients": 0.25,
        "parameters": 2e-2,
    },
}
# In float32 the bounds hold for the first epochs, and for the accuracy after the last one.
FLOAT32_EPOCHS = 50
LOGIT_ROWS = 1000
# Threads that spin while they wait would take the cores from the one whose turn it is.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
SPAWN = multiprocessing.get_context("spawn")


@dataclass(frozen=True)
class Comparison:
    """One peer, precision and seed: the differences at every epoch, by quantity.

    Row e is of the weights after e epochs. Logits and gradients are a step's: there is one less.
    """

    peer: str
    versions: dict[str, str]
    dtype: str
    seed: int
    epochs: int
    momentum: float
    seconds: float  # in the peer and the comparison
    accuracies: dict[str, list[float]]  # ours and the peer's after the last epoch
    series: dict[str, list[float]] = field(default_factory=dict)

    def largest(self, quantity: str) -> float:
        """Return the largest difference among the epochs that the bound holds for."""
        values = self.series[quantity]
        if self.dtype == "float32":
            values = values[-1:] if quantity == "accuracy" else values[: FLOAT32_EPOCHS + 1]
        return float(np.max(values)) if values else 0.0  # NaN stays NaN

    def passed(self, quantity: str) -> bool:
        """Return whether a quantity keeps its bound; NaN does not."""
        return self.largest(quantity) <= BOUNDS[self.dtype][quantity]

    def summary(self) -> dict[str, Any]:
        """Collect what ``--json`` prints."""
        bounds = BOUNDS[self.dtype]
        whole = dataclasses.asdict(self)
        del whole["series"]
        quantities = {
            name: {"largest": self.largest(name), "bound": bound, "passed": self.passed(name)}
            for name, bound in bounds.items()
        }
        return whole | {"passed": all(map(self.passed, bounds)), "differences": quantities}


class Row(NamedTuple):
    """What ours has at an epoch, on the host."""

    parameters: Parameters
    scores: list[Score]
    logits: np.ndarray
    gradients: Parameters | None  # sums over the rows; None after the last step
    rows: int


class Comparer:
    """A peer that keeps step with ours, and the differences so far; in the peer's process."""

    def __init__(self, name: str, peer: Peer) -> None:
        self._name = name
        self._peer = peer
        self._seconds = 0.0
        self._accuracies: dict[str, list[float]] = {}
        self._series: dict[str, list[float]] = {quantity: [] for quantity in BOUNDS["float64"]}

    def compare(self, ours: Row) -> None:
        """Compare a row; where another follows, the peer does the step that ours is about to do."""
        started = time.perf_counter()
        series, peer = self._series, self._peer
        series["parameters"].append(difference(ours.parameters, peer.parameters()))
        if ours.gradients is None:
            scores = peer.evaluate()
        else:
            scores = peer.epoch()
            seen = peer.observe()
            logits = seen.logits[: len(ours.logits)]
            largest = np.abs(logits).max()
            series["logits"].append(float(np.abs(ours.logits - logits).max() / largest))
            series["gradients"].append(difference(ours.gradients, seen.gradients, ours.rows))
        pairs = list(zip(ours.scores, scores, strict=True))
        series["loss"].append(max(abs(a.loss / b.loss - 1) for a, b in pairs))
        series["accuracy"].append(max(abs(a.accuracy - b.accuracy) for a, b in pairs))
        for who, values in (("ours", ours.scores), ("peer", scores)):
            self._accuracies[who] = [score.accuracy for score in values]
        self._seconds += time.perf_counter() - started

    def result(self, config: TrainingConfig) -> Comparison:
        """Return what came of it."""
        return Comparison(
            self._name,
            self._peer.versions(),
            config.dtype,
            config.seed,
            config.epochs,
            config.momentum,
            self._seconds,
            self._accuracies,
            self._series,
        )


def serve(name: str, task: Task, ours: Connection) -> None:
    """Run a peer's process: every row of ours is answered, and None with the comparison."""
    try:
        comparer = Comparer(name, load_peer(name)(task))
        ours.send(None)
        # One thread, as in `mlp.train`: NumPy's idle BLAS threads spin and would slow the others.
        with threadpool_limits(1, user_api="blas"):
            for row in iter(ours.recv, None):
                comparer.compare(row)
                ours.send(None)
        ours.send(comparer.result(task.config))
    except (KeyboardInterrupt, EOFError, BrokenPipeError):  # the parent says why
        pass
    except Exception as error:
        # Whatever a framework raises is told in one line, by the parent.
        detail = " ".join(str(error).split())[:300]
        text = detail if isinstance(error, PeerError) else f"{type(error).__name__}: {detail}"
        ours.send(PeerError(f"{name}: {text}"))


class PeerProcess:
    """A peer in a process of its own."""

    def __init__(self, name: str, task: Task) -> None:
        self._name = name
        self._connection, theirs = SPAWN.Pipe()
        self._process = SPAWN.Process(target=serve, args=(name, task, theirs), daemon=True)
        self._process.start()
        theirs.close()  # so that a dead process shows itself as the end of the pipe

    def answer(self) -> Any:
        """Wait until the peer is ready for the next row, or done."""
        try:
            answer = self._connection.recv()
        except (EOFError, ConnectionResetError) as error:
            raise PeerError(f"{self._name}: its process died; is there memory enough?") from error
        if isinstance(answer, PeerError):
            raise answer
        return answer

    def ask(self, row: Row | None) -> Any:
        """Hand over a row and wait: two that compute at once on the same cores are slower."""
        self._connection.send(row)
        return self.answer()

    def close(self) -> None:
        """End the process."""
        self._connection.close()
        self._process.join(timeout=5)
        self._process.terminate()


def compare(
    names: list[str], config: TrainingConfig, dataset: Dataset, peer_device: str, *, quiet: bool
) -> list[Comparison]:
    """Train ours once, and in step with it the peers, which take `config` as it is.

    Parameters
    ----------
    names : list of str
        Peers for which `taken` leaves `config` unchanged.
    config : TrainingConfig
        ``config.device`` is ours.
    dataset : Dataset
        NumPy arrays.
    peer_device : {"cpu", "cuda"}
    quiet : bool
        No progress bar.
    """
    start = init_parameters(network_sizes(dataset, config), seed=config.seed, dtype=config.dtype)
    train_rows, *held_out = (
        Rows(host_input(rows, config.dtype, dataset.preparation), rows.labels)
        for rows in dataset.splits.values()
    )
    task = Task(start, train_rows, tuple(held_out), config, peer_device)
    peers = [PeerProcess(name, task) for name in names]
    label = f"{', '.join(names)}: {config.dtype}, seed {config.seed}"
    hidden = quiet or not sys.stderr.isatty()
    try:
        for peer in peers:
            peer.answer()
        with tqdm(total=config.epochs + 1, desc=label, disable=hidden) as bar:
            for row in rows_of(dataset.to(choose_device(config.device)), config):
                for peer in peers:
                    peer.ask(row)
                bar.update()
        return [peer.ask(None) for peer in peers]
    finally:
        for peer in peers:
            peer.close()


def rows_of(dataset: Dataset, config: TrainingConfig) -> Iterator[Row]:
    """Train ours with the full batch, and yield what it has at every epoch."""
    state = initial_state(dataset, config)
    work = Work(dataset, config, Team(thread_count(config, dataset, Communicator())), keep=False)
    first = slice(0, LOGIT_ROWS)
    for parameters, _, sums in full_batch(work, state.parameters, state.velocity, 0):
        logits, _ = forward(parameters, work.input(dataset.train, first)[0])
        train = sums["train"][0]
        scores = [
            Score(float(one.loss) / one.rows, float(one.correct) / one.rows)
            for split in sums.values()
            for one in split
        ]
        host = map_arrays(to_numpy, parameters)
        gradients = train.gradients and map_arrays(to_numpy, train.gradients)
        yield Row(host, scores, to_numpy(logits), gradients, train.rows)


def difference(ours: Parameters, theirs: Parameters, divisor: int = 1) -> float:
    """Return the largest ``norm(ours / divisor - theirs) / norm(theirs)`` of any array."""
    ratios = [0.0]
    for mine, other in zip(ours, theirs, strict=True):
        for a, b in zip(mine, other, strict=True):
            distance = np.linalg.norm(a / divisor - b)
            # Biases start at 0, where equal is the only way to be near.
            ratios.append(float(distance / np.linalg.norm(b)) if distance else 0.0)
    return float(np.max(ratios))


def run(
    names: list[str],
    configs: list[TrainingConfig],
    dataset: Dataset,
    peer_device: str,
    *,
    quiet: bool,
) -> Iterator[Comparison]:
    """Compare under every configuration, as each peer takes it; ours is trained once for each."""
    for config in configs:
        groups: dict[TrainingConfig, list[str]] = {}
        for name in names:
            groups.setdefault(taken(name, config), []).append(name)
        for mine, group in groups.items():
            yield from compare(group, mine, dataset, peer_device, quiet=quiet)

"""Other implementations of the same training job, behind one interface.

`parity.py` compares their numbers with ours and `benchmark.py` their speed, through the same
methods, so what is timed is what was compared. A peer lives in a process of its own: frameworks
share neither threads nor settings well. Nothing is imported before `load`.
"""

import importlib
import importlib.util
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from mlp import Parameters, Rows, TrainingConfig

# Name: the module in this folder, the package it needs, and how to install that.
PEERS = {
    "keras": ("keras_peer", "tensorflow", 'pip install -e ".[tools]"'),
    "torch": ("torch_peer", "torch", 'pip install -e ".[peers]"'),
    "torch-graph": ("torch_graph_peer", "torch", 'pip install -e ".[peers]"'),
    "jax": ("jax_peer", "optax", 'pip install -e ".[peers]"'),
    "notebook": ("notebook_peer", "numpy", "pip install -e ."),
    "sklearn": ("sklearn_peer", "sklearn", 'pip install -e ".[tools]"'),
}
# Which of them can compute on a GPU, and which only there.
ON_GPU, ONLY_ON_GPU = ("keras", "torch", "torch-graph", "jax"), ("torch-graph",)


class PeerError(RuntimeError):
    """A peer is not installed or cannot use the device; the message says what to do."""


@dataclass(frozen=True)
class Task:
    """What a peer is to train.

    Attributes
    ----------
    parameters : Parameters
        Initial weights, NumPy arrays of ``config.dtype``.
    train : Rows
        Inputs (N, D) of ``config.dtype``, cast and scaled already, and labels; NumPy arrays.
    held_out : tuple of Rows
        What is evaluated every epoch: validation and test rows.
    config : TrainingConfig
        Learning rate, momentum, nesterov, l2, velocity, batch size and dtype are read.
    device : {"cpu", "cuda"}
    """

    parameters: Parameters
    train: Rows
    held_out: tuple[Rows, ...]
    config: TrainingConfig
    device: str = "cpu"


class Score(NamedTuple):
    """Average loss and share of correct predictions over a split's rows."""

    loss: float
    accuracy: float


class Observation(NamedTuple):
    """What a step saw on its way, as NumPy arrays."""

    logits: np.ndarray  # (N, K)
    gradients: Parameters  # of the average loss


Sums: TypeAlias = tuple[Any, Any]  # sum of losses, correct predictions: maybe not computed yet


class Peer(ABC):
    """One implementation, with the weights it holds.

    A subclass says how rows are placed on its device and what a step and an evaluation are;
    `epoch` is the same loop for all, and reads results from the device once, at its end.
    """

    def __init__(self, task: Task) -> None:
        self.task = task
        self.train = self.place(task.train)
        self.held_out = [self.place(rows) for rows in task.held_out]

    @staticmethod
    @abstractmethod
    def versions() -> dict[str, str]:
        """Name the packages that compute, and their versions."""

    @abstractmethod
    def place(self, rows: Rows) -> Any:
        """Copy inputs and labels to the device."""

    @abstractmethod
    def select(self, rows: Any, order: np.ndarray) -> Any:
        """Pick a mini-batch of placed rows."""

    @abstractmethod
    def step(self, rows: Any) -> Sums:
        """Do one step over placed rows; return the sums of the weights before it."""

    @abstractmethod
    def score(self, rows: Any) -> Sums:
        """Evaluate placed rows."""

    @abstractmethod
    def parameters(self) -> Parameters:
        """Copy the weights to NumPy arrays, (n_in, n_out) as ours."""

    def device_bytes(self) -> int:
        """Return the most memory of a GPU that was taken so far."""
        raise NotImplementedError(f"{type(self).__name__} does not compute on a GPU")

    def observe(self) -> Observation:
        """Copy what the last step computed from the weights before it."""
        raise NotImplementedError(f"{type(self).__name__} does not show its gradients")

    def evaluate(self) -> list[Score]:
        """Score training and held-out rows, without a step."""
        return self._scores([self.score(self.train), *map(self.score, self.held_out)])

    def epoch(self, order: np.ndarray | None = None) -> list[Score]:
        """Train for one epoch as the framework's documentation recommends.

        Parameters
        ----------
        order : (N,) integers, optional
            Order of the training rows, cut into mini-batches of ``config.batch_size``. Without
            it one step over all of them.

        Returns
        -------
        list of Score
            Training rows, then the held-out ones. As in `mlp.train`, the full batch scores the
            weights before its step; mini-batches add up the training scores as they were seen
            and evaluate the held-out rows afterwards.
        """
        if order is None:
            held_out = [self.score(rows) for rows in self.held_out]
            return self._scores([self.step(self.train), *held_out])
        size = self.task.config.batch_size or len(order)
        seen = [
            self.step(self.select(self.train, order[start : start + size]))
            for start in range(0, len(order), size)
        ]
        held_out = [self.score(rows) for rows in self.held_out]
        # sum() over device values would wait for none of them, and neither does this.
        train = tuple(sum(column[1:], start=column[0]) for column in zip(*seen, strict=True))
        return self._scores([(train[0], train[1]), *held_out])

    def _scores(self, sums: list[Sums]) -> list[Score]:
        splits = (self.task.train, *self.task.held_out)
        return [
            Score(float(loss) / len(rows.labels), float(correct) / len(rows.labels))
            for (loss, correct), rows in zip(sums, splits, strict=True)
        ]


def taken(name: str, config: TrainingConfig) -> TrainingConfig:
    """Return the configuration as a peer takes it: Keras rounds two values to float32 inside."""
    if name != "keras":
        return config
    momentum, l2 = (float(np.float32(value)) for value in (config.momentum, config.l2))
    return replace(config, momentum=momentum, l2=l2)


def check(name: str) -> None:
    """Check that a peer's package is installed, without importing it.

    Raises
    ------
    PeerError
        It is not; the message names the command that installs it.
    """
    _, package, install = PEERS[name]
    if importlib.util.find_spec(package) is None:
        raise PeerError(f"{name} is not installed ({package} is missing); {install}")


def load(name: str) -> type[Peer]:
    """Import a peer's module and give its class.

    Raises
    ------
    PeerError
        See `check`.
    """
    check(name)
    peer: type[Peer] = importlib.import_module(f"peers.{PEERS[name][0]}").PEER
    return peer

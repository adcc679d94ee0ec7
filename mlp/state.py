"""What training goes on from: weights, the rows of their past, the best so far; and divergence.

Row e of the history describes the weights after e epochs, e = 0..N.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from kernels import array_namespace

from .config import TrainingConfig
from .device import copied, device_current, to_numpy
from .epochs import Epoch
from .history import SPLITS, History, Metrics
from .model import Parameters, Sums, layer_sizes, map_arrays, named_arrays

_LOWER = "lower the learning rate or the momentum"


class DivergedError(RuntimeError):
    """The loss or a parameter is no longer finite; the message says when and what to lower."""


class Best(NamedTuple):
    """The weights of the epoch with the lowest validation loss so far."""

    epoch: int
    valid_loss: float
    parameters: Parameters


@dataclass(frozen=True, repr=False)
class TrainingState:
    """Everything that training goes on from: the weights after `epoch` epochs and their past.

    Attributes
    ----------
    parameters, velocity : Parameters
    epoch : int
    history : History
        Rows 0 to `epoch`, or to ``epoch - 1`` before row `epoch` is measured.
    best : Best or None
        Kept with early stopping only.
    """

    parameters: Parameters
    velocity: Parameters
    epoch: int = 0
    history: History = History()  # noqa: RUF009 - a tuple is never written to
    best: Best | None = None

    def __repr__(self) -> str:
        sizes = " - ".join(map(str, layer_sizes(self.parameters)))
        row = self.history[-1] if self.history else None
        measured = (
            ""
            if row is None
            else (f", train_loss {row.train_loss:.4g}, valid_accuracy {row.valid_accuracy:.4g}")
        )
        return f"TrainingState(epoch {self.epoch}, {sizes}{measured})"

    @property
    def result_epoch(self) -> int:
        """The epoch whose weights are the result: the best one with early stopping."""
        return self.epoch if self.best is None else self.best.epoch

    @property
    def result_parameters(self) -> Parameters:
        """The weights that are the result."""
        return self.parameters if self.best is None else self.best.parameters


def states_of(
    epochs: Iterator[Epoch],
    state: TrainingState,
    config: TrainingConfig,
    agree: Callable[[bool], bool],
) -> Iterator[TrainingState]:
    """Add rows to the history as epochs come, whoever computes them.

    Parameters
    ----------
    epochs : iterator of Epoch
        From epoch `state.epoch` on.
    state : TrainingState
        Its history and best weights go on.
    config : TrainingConfig
    agree : callable
        Called after every state with whether the caller has left; returns whether to stop.
    """
    started = time.perf_counter()
    for number, (parameters, velocity, sums) in enumerate(epochs, state.epoch):
        now = time.perf_counter()
        row = _metrics(number, sums, now - started)
        started = now
        state = replace(state, parameters=parameters, velocity=velocity, epoch=number)
        if len(state.history) == number:  # a state to start from has its row already
            state = replace(state, history=History((*state.history, row)))
        state = _with_best(state, config)
        try:
            yield state
        except GeneratorExit:
            agree(True)
            raise
        if patience_is_over(state, config) or agree(False):
            return


def check_finite(state: TrainingState) -> None:
    """Check that no parameter has overflowed where the loss does not show it.

    Raises
    ------
    DivergedError
    """
    for name, array in named_arrays(state.parameters).items():
        xp = array_namespace(array)
        with device_current(array):
            finite = bool(xp.all(xp.isfinite(array)))
        if not finite:
            raise DivergedError(
                f"training diverged: {name} is not finite after {state.epoch} epochs; {_LOWER}"
            )


def _metrics(epoch: int, measured: dict[str, list[Sums]], seconds: float) -> Metrics:
    """Read a row's sums from the device, all at once, and divide them.

    Losses are divided by the rows, or by the sum of their weights; accuracies are shares of rows.
    """
    groups = [measured.get(name, []) for name in SPLITS]
    values = [value for group in groups for sums in group for value in (sums.loss, sums.correct)]
    host = to_numpy(array_namespace(values[0]).stack(values)).reshape(-1, 2)
    columns: list[float] = []
    for group in groups:
        mine, host = host[: len(group)], host[len(group) :]
        counts = [sum(sums.divisor for sums in group), sum(sums.rows for sums in group)]
        averages = mine.sum(axis=0) / np.asarray(counts, mine.dtype) if group else [math.nan] * 2
        columns += [float(value) for value in averages]
    if not math.isfinite(columns[0]):
        raise DivergedError(
            f"training diverged: the loss is {columns[0]} after {epoch} epochs; {_LOWER}"
        )
    return Metrics._make([epoch, *columns, seconds])


def _with_best(state: TrainingState, config: TrainingConfig) -> TrainingState:
    """With early stopping keep the weights if they are the best so far.

    Where it was not asked for before, those of the state to start from are the first to be kept.
    """
    if config.early_stopping is None:
        return state
    row, best = state.history[-1], state.best
    # NaN never wins, nor does it stay the best of a state that an earlier version has left.
    lowest = math.inf if best is None or math.isnan(best.valid_loss) else best.valid_loss
    if not row.valid_loss < lowest:
        return state
    return replace(
        state, best=Best(row.epoch, row.valid_loss, map_arrays(copied, state.parameters))
    )


def patience_is_over(state: TrainingState, config: TrainingConfig) -> bool:
    """Return whether early stopping ends training here."""
    since = 0 if state.best is None else state.best.epoch
    return config.early_stopping is not None and state.epoch - since >= config.early_stopping


def to_host(state: TrainingState) -> TrainingState:
    """Return the state with NumPy arrays, copied from the device once."""
    best = state.best
    return replace(
        state,
        parameters=map_arrays(to_numpy, state.parameters),
        velocity=map_arrays(to_numpy, state.velocity),
        best=best and best._replace(parameters=map_arrays(to_numpy, best.parameters)),
    )

"""Training: epochs, history and early stopping.

Row e of the history describes the weights after e epochs, e = 0..N.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from array_api_compat import is_numpy_array

from kernels import Array, array_namespace

from .communicator import Communicator, Serial
from .config import TrainingConfig
from .datasets import Dataset
from .device import copied, device_kind, float_dtype, to_numpy
from .divided_units import DividedUnits
from .epochs import (
    Epochs,
    FullBatch,
    Measured,
    MiniBatches,
    Passes,
    divides_units,
    make_optimizer,
)
from .executor import Executor, available_threads
from .history import SPLITS, History, Metrics
from .model import Parameters, init_parameters, map_arrays, named_arrays

_LOWER = "lower the learning rate or the momentum"


class DivergedError(RuntimeError):
    """The loss or a parameter is no longer finite; the message says when and what to lower."""


class Best(NamedTuple):
    """The weights of the epoch with the lowest validation loss so far."""

    epoch: int
    valid_loss: float
    parameters: Parameters


@dataclass(frozen=True)
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
    history: History = field(default=History(), repr=False)
    best: Best | None = None

    @property
    def result_epoch(self) -> int:
        """The epoch whose weights are the result: the best one with early stopping."""
        return self.epoch if self.best is None else self.best.epoch

    @property
    def result_parameters(self) -> Parameters:
        """The weights that are the result."""
        return self.parameters if self.best is None else self.best.parameters


def network_sizes(dataset: Dataset, config: TrainingConfig) -> tuple[int, ...]:
    """Give the units of every layer, from the features to the classes."""
    return (dataset.n_features, *config.hidden, dataset.n_classes)


def thread_count(config: TrainingConfig, dataset: Dataset, communicator: Communicator) -> int:
    """Give the threads that run this rank's shards: one unless the rows are NumPy arrays.

    Only NumPy's calls release the interpreter's lock; other libraries have threads of their own.
    By default the ranks that may use the same cores divide them.
    """
    if not is_numpy_array(dataset.train.labels):
        return 1
    return config.threads or max(1, available_threads() // communicator.cores_shared_by)


def initial_state(dataset: Dataset, config: TrainingConfig) -> TrainingState:
    """Draw the initial weights and place them beside the training rows.

    Raises
    ------
    ValueError
        The rows' library has no float64 there; see `mlp.device.float_dtype`.
    """
    host = init_parameters(network_sizes(dataset, config), seed=config.seed, dtype=config.dtype)
    float_dtype(dataset.train.labels, config.dtype)
    parameters = map_arrays(lambda array: copied(array, dataset.train.labels), host)
    velocity = make_optimizer(config).init_velocity(parameters, config.velocity_init)
    return TrainingState(parameters, velocity)


def train(
    dataset: Dataset,
    config: TrainingConfig,
    *,
    state: TrainingState | None = None,
    communicator: Communicator | None = None,
    on_epoch: Callable[[TrainingState], object] | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> TrainingState:
    """Train until `config.epochs` epochs are done, early stopping ends it, or `stop` says so.

    It computes with the library and on the device of the data set's arrays, and returns arrays of
    that library. The caller's arrays are never written to.

    Parameters
    ----------
    dataset : Dataset
        Labels are trusted to be in [0, n_classes): `mlp.dataset` has checked them.
    config : TrainingConfig
        `data`, `device` and the split options are not read: the data set is the result of those.
    state : TrainingState, optional
        What to start from, as arrays of the data's library or of NumPy; the initial weights by
        default.
    communicator : Communicator, optional
        This process alone by default. Every rank gives the same rows, configuration and state.
    on_epoch : callable, optional
        Called with the state when row `state.epoch` of the history is there. The next step may
        overwrite that state's arrays: copy what is to be kept.
    stop : callable, optional
        Asked once a step, from any of the threads. Once it gives True, on one of several ranks,
        the state of the last epoch boundary is returned; training can go on from it.

    Raises
    ------
    DivergedError
        The training loss, or at the end a parameter, is not finite.
    ValueError
        Early stopping without validation rows.
    """
    if config.early_stopping is not None and dataset.valid is None:
        raise ValueError("early stopping needs validation rows, and this data set has none")
    if state is None:
        state = initial_state(dataset, config)
    else:

        def placed(array: Array) -> Array:
            return copied(array, dataset.train.labels)

        state = replace(
            state,
            parameters=map_arrays(placed, state.parameters),
            velocity=map_arrays(placed, state.velocity),
        )
    communicator = communicator or Serial()
    with Executor(thread_count(config, dataset, communicator)) as executor:
        passes = Passes(dataset, config, executor, communicator, stop)
        epochs: Epochs
        if config.batch_size is None:
            epochs = FullBatch(passes, config)
        elif divides_units(config, device_kind(dataset.train.labels)):
            epochs = DividedUnits(passes, config, config.batch_size)
        else:
            epochs = MiniBatches(passes, config, config.batch_size)
        return run_epochs(state, config, epochs, on_epoch, passes.stopping)


def run_epochs(
    state: TrainingState,
    config: TrainingConfig,
    epochs: Epochs,
    on_epoch: Callable[[TrainingState], object] | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> TrainingState:
    """Measure and advance by turns, whoever computes; the state's arrays are donated.

    See `train`, which computes with this package, and `mlp.keras_reference.train_keras`.
    """
    started = time.perf_counter()
    while True:
        more = state.epoch < config.epochs
        measured = epochs.measure(state.parameters, gradients=more)
        now = time.perf_counter()
        row = _metrics(state.epoch, measured, now - started)
        started = now
        if len(state.history) == state.epoch:  # a state to start from has its row already
            state = _with_row(state, row, config)
            if on_epoch is not None:
                on_epoch(state)
        if not more or patience_is_over(state, config) or stop():
            break
        advanced = epochs.advance(state.parameters, state.velocity, state.epoch)
        if advanced is None:  # stopped within the epoch: the state is as it was at its start
            break
        parameters, velocity = advanced
        state = replace(state, parameters=parameters, velocity=velocity, epoch=state.epoch + 1)
    check_finite(state)
    return state


def check_finite(state: TrainingState) -> None:
    """See that no parameter has overflowed where the loss does not show it.

    Raises
    ------
    DivergedError
    """
    for name, array in named_arrays(state.parameters).items():
        if not np.isfinite(to_numpy(array)).all():
            raise DivergedError(
                f"training diverged: {name} is not finite after {state.epoch} epochs; {_LOWER}"
            )


def _metrics(epoch: int, measured: Measured, seconds: float) -> Metrics:
    """Read a row's sums from the device, all at once, and divide them by the rows."""
    groups = [measured.get(name, []) for name in SPLITS]
    values = [value for group in groups for sums in group for value in (sums.loss, sums.correct)]
    host = to_numpy(array_namespace(values[0]).stack(values)).reshape(-1, 2)
    columns: list[float] = []
    for group in groups:
        mine, host = host[: len(group)], host[len(group) :]
        rows = sum(sums.rows for sums in group)
        columns += (mine.sum(axis=0) / rows).tolist() if group else [math.nan, math.nan]
    if not math.isfinite(columns[0]):
        raise DivergedError(
            f"training diverged: the loss is {columns[0]} after {epoch} epochs; {_LOWER}"
        )
    return Metrics._make([epoch, *columns, seconds])


def _with_row(state: TrainingState, row: Metrics, config: TrainingConfig) -> TrainingState:
    """Append a row to the history; with early stopping keep the weights if they are the best."""
    best = state.best
    if config.early_stopping is not None and (best is None or row.valid_loss < best.valid_loss):
        best = Best(row.epoch, row.valid_loss, map_arrays(copied, state.parameters))
    return replace(state, history=History((*state.history, row)), best=best)


def patience_is_over(state: TrainingState, config: TrainingConfig) -> bool:
    """Tell whether early stopping ends training here."""
    return (
        config.early_stopping is not None
        and state.best is not None
        and state.epoch - state.best.epoch >= config.early_stopping
    )

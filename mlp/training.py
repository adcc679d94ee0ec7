"""Training: the states of a run, early stopping, divergence.

Row e of the history describes the weights after e epochs, e = 0..N.
"""

import math
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

from array_api_compat import is_numpy_array

from kernels import array_namespace

from .agreement import check_agreement, check_trainable
from .communicator import Communicator
from .config import TrainingConfig
from .datasets import Dataset
from .device import available_threads, copied, device_current, float_dtype, to_numpy
from .epochs import Epoch, make_epochs
from .history import SPLITS, History, Metrics
from .model import Parameters, Sums, init_parameters, layer_sizes, map_arrays, named_arrays
from .progress import Progress
from .team import Team
from .work import Work, make_optimizer

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


def network_sizes(dataset: Dataset, config: TrainingConfig) -> tuple[int, ...]:
    """Return the units of every layer, from the features to the classes."""
    return (dataset.n_features, *config.hidden, dataset.n_classes)


def thread_count(config: TrainingConfig, dataset: Dataset, communicator: Communicator) -> int:
    """Return the threads that compute this rank's pieces: one unless the rows are NumPy arrays.

    Only NumPy's calls release the interpreter's lock; other libraries have threads of their own.
    By default the ranks that may use the same cores divide them. Any thread may come to a meeting
    last, and then speaks for its rank: an MPI that does not allow that leaves one thread.
    """
    if not (is_numpy_array(dataset.train.labels) and communicator.any_thread):
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
    labels = dataset.train.labels
    float_dtype(labels, config.dtype)
    with device_current(labels):
        parameters = map_arrays(partial(copied, like=labels), host)
        velocity = make_optimizer(config).init_velocity(parameters, config.velocity_init)
    return TrainingState(parameters, velocity)


def states(
    dataset: Dataset,
    config: TrainingConfig,
    *,
    state: TrainingState | None = None,
    communicator: Communicator | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[TrainingState]:
    """Yield the state before the first epoch and after every one: training, for whoever looks on.

    It computes with the library and on the device of the data set's arrays, and yields arrays of
    that library. Who keeps a state keeps its weights; the caller's arrays are never written to.
    Between two states neither a thread is held nor BLAS; to leave the loop is to stop.

    Parameters
    ----------
    dataset : Dataset
        Labels are trusted to be in [0, n_classes): `mlp.datasets` has checked them.
    config : TrainingConfig
        `data`, `device` and the split options are not read: the data set is the result of those.
    state : TrainingState, optional
        What to start from, and what is yielded first, as arrays of the data's library or of NumPy;
        the initial weights by default.
    communicator : Communicator, optional
        This process alone by default. Every rank gives the same rows, configuration and state, and
        goes on to the next state; where one leaves the loop, it ends for all with the same state.
    stop : callable, optional
        Asked once a step, from any of the threads. Once it returns True, on one of several ranks,
        the last state yielded is the last one of all; training can go on from it.

    Raises
    ------
    DivergedError
        The training loss is not finite.
    ValueError
        Rows that cannot be trained on, or options that do not agree with them.
    """
    yield from _states(_work(dataset, config, communicator, stop, keep=True), state)


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

    A loop over `states`, whose last one it returns; see there for the other parameters.

    Parameters
    ----------
    on_epoch : callable, optional
        Called with every state whose row of the history is new; `mlp.Progress` shows them.

    Raises
    ------
    DivergedError
        The training loss, or at the end a parameter, is not finite.
    ValueError
        Rows that cannot be trained on, or options that do not agree with them.
    """
    # Where nobody looks on, threads stay from one epoch to the next, and arrays are used again.
    work = _work(dataset, config, communicator, stop, keep=on_epoch is not None)
    with ExitStack() as end:
        if not work.keep:
            end.enter_context(work.team)
        if isinstance(on_epoch, Progress):
            on_epoch.begin(config.epochs)
            end.callback(on_epoch.end)
        known = 0 if state is None else len(state.history)
        return last_state(_states(work, state), known, on_epoch)


def last_state(
    seen: Iterator[TrainingState],
    known: int,
    on_epoch: Callable[[TrainingState], object] | None,
) -> TrainingState:
    """Go through states, call `on_epoch` for rows from `known` on, return the last state."""
    for state in seen:
        if on_epoch is not None and len(state.history) > known:
            on_epoch(state)
    check_finite(state)
    return state


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


def _work(
    dataset: Dataset,
    config: TrainingConfig,
    communicator: Communicator | None,
    stop: Callable[[], bool],
    keep: bool,
) -> Work:
    _check_kinds(dataset, config)
    communicator = communicator or Communicator()
    team = Team(thread_count(config, dataset, communicator), communicator, stop)
    return Work(dataset, config, team, keep=keep)


def _check_kinds(dataset: object, config: object) -> None:
    if not isinstance(dataset, Dataset):
        raise TypeError(f"dataset must be a Dataset, got {type(dataset).__name__}; see mlp.load")
    if not isinstance(config, TrainingConfig):
        words = repr(config) if isinstance(config, Mapping) else "dict(hidden=(100,), epochs=5)"
        raise TypeError(
            f"config must be a TrainingConfig, got {type(config).__name__}; write "
            f"TrainingConfig(**{words})"
        )


def _states(work: Work, state: TrainingState | None) -> Iterator[TrainingState]:
    """Go from state to state with the rows' device current, whichever thread calls."""
    seen, labels = _computed_states(work, state), work.dataset.train.labels
    try:
        while True:
            with device_current(labels):
                reached = next(seen, None)
            if reached is None:
                return
            yield reached
    finally:
        with device_current(labels):
            seen.close()


def _computed_states(
    work: Work, state: TrainingState | None
) -> Generator[TrainingState, None, None]:
    dataset, config = work.dataset, work.config
    check_agreement(dataset, config)
    check_trainable(dataset, config)
    if state is None:
        state = initial_state(dataset, config)
    else:
        placed = partial(copied, like=dataset.train.labels)
        parameters, velocity = state.parameters, state.velocity
        state = replace(
            state,
            parameters=map_arrays(placed, parameters),
            velocity=map_arrays(placed, velocity),
        )
    epochs = make_epochs(work, state.parameters, state.velocity, state.epoch)
    yield from states_of(epochs, state, config, work.team.agree)


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

"""Training: from the initial state to the last."""

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

from array_api_compat import is_numpy_array

from .agreement import check_agreement, check_trainable
from .communicator import Communicator
from .config import TrainingConfig
from .datasets import Dataset
from .device import available_threads, copied, device_current, float_dtype
from .epochs import make_epochs
from .model import init_parameters, map_arrays
from .progress import Progress
from .state import TrainingState, check_finite, states_of
from .team import Team
from .work import Work, make_optimizer


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


def _work(
    dataset: Dataset,
    config: TrainingConfig,
    communicator: Communicator | None,
    stop: Callable[[], bool],
    keep: bool,
) -> Work:
    _check_kinds(dataset, config)
    with device_current(dataset.train.labels):
        check_agreement(dataset, config)
        check_trainable(dataset, config)
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

"""The ranks of a training on MPI: rank 0 decides and writes, the others train beside it.

Rank 0 reads the options, the data and the checkpoint first, so what is wrong with those is said
once. The others wait for its order, or for word that there is nothing to do.
"""

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from ..communicator import Communicator
from ..config import TrainingConfig
from ..datasets import DataError, Dataset, ScaleWarning, fingerprint, load
from ..device import DeviceError, choose_device
from ..state import DivergedError, TrainingState
from ..training import train
from .environment import describe_environment
from .signals import StopSignals

# The options that `mlp.load` takes besides the path.
DATA_OPTIONS = (
    *("split", "split_seed", "image_size", "transpose", "label_column", "class_names"),
    "standardize",
)


class Order(NamedTuple):
    """What rank 0 tells the others to do, and what they must find alike."""

    config: TrainingConfig  # with the data's absolute path and the rows of a piece
    state: TrainingState | None  # to go on from
    device_kind: str
    data_sha256: str
    data_fingerprint: str
    environment: dict[str, str]


class Leader:
    """Rank 0's word to the others: an order, or at the end that there was none."""

    def __init__(self, communicator: Communicator) -> None:
        self.communicator = communicator
        self._said = False

    def __enter__(self) -> "Leader":
        return self

    def __exit__(self, *exception: object) -> None:
        if not self._said:
            self.communicator.broadcast(None)

    def say(self, order: Order) -> None:
        """Let the others begin."""
        self._said = True
        self.communicator.broadcast(order)


def load_as(config: TrainingConfig, sha256: str | None = None) -> Dataset:
    """Read the data set that a configuration names, as it says.

    Raises
    ------
    DataError
        See `mlp.load`.
    """
    options = {name: getattr(config, name) for name in DATA_OPTIONS}
    return load(config.data, **options, sha256=sha256)


def follow(communicator: Communicator, warn: Callable[[str], object]) -> None:
    """Do what rank 0 says.

    Parameters
    ----------
    communicator : Communicator
    warn : callable
        Told in one line where this rank's last bits may differ from rank 0's.

    Raises
    ------
    DataError
        The data are not those of rank 0.
    DeviceError
        The device cannot be used, or is not of the kind of rank 0's.
    """
    order: Order | None = communicator.broadcast(None)
    if order is None:
        return
    config = order.config
    device = choose_device(
        config.device,
        strict=config.strict_device,
        tf32=config.tf32,
        rank_on_host=communicator.rank_on_host,
    )
    if device.kind != order.device_kind:
        raise DeviceError(
            f"computes on {device.used} ({device.reason}), rank 0 on {order.device_kind}; "
            "ask all for --device cpu"
        )
    with warnings.catch_warnings(action="ignore", category=ScaleWarning):  # rank 0 says it
        dataset = load_as(config, order.data_sha256)
    if (mine := fingerprint(dataset)) != order.data_fingerprint:
        raise DataError(
            f"{config.data}: differs from rank 0's; expected {order.data_fingerprint}, got {mine}"
        )
    for name, value in describe_environment(device).items():
        if name != "device" and (expected := order.environment[name]) != value:
            warn(f"{name} is {value}, rank 0's {expected}: the last bits may differ from one rank")
    with StopSignals() as stop:
        try:
            train(
                dataset.to(device),
                replace(config, device="auto"),  # where the rows are
                state=order.state,
                communicator=communicator,
                stop=stop,
            )
        except DivergedError:  # as on every rank: rank 0 says it, and ends the job
            return
        communicator.combine([], stop.received or 0)
        communicator.barrier()  # a signal that comes late must not end the job while rank 0 writes

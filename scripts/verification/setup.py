"""What the checks work on, and what they say where they cannot run."""

import time
from dataclasses import dataclass
from typing import Any, TypeAlias

from mlp import Dataset, TrainingConfig
from mlp.device import Device

Values: TypeAlias = dict[str, Any]  # what a check found, as it goes to the record


class NotRunError(Exception):
    """A check cannot run here; the message says why. It is no fault of the kernels."""


@dataclass(frozen=True)
class Setup:
    """What the checks work on.

    Attributes
    ----------
    device : Device
        A GPU.
    dataset : Dataset
        NumPy arrays.
    config : TrainingConfig
        One hidden layer; `batch_size` is that of mini-batches.
    rounds : int
        Timings are repeated so often.
    array_bytes : int
        Of an array in the measurement of bandwidth: beyond the second-level cache.
    cases : str
        The kernels' cases whose names hold this text run.
    quick : bool
        Leave out what takes long.
    deadline : float
        Of `time.monotonic`.
    """

    device: Device
    dataset: Dataset
    config: TrainingConfig
    rounds: int
    array_bytes: int
    cases: str
    quick: bool
    deadline: float

    def seconds_left(self, most: float) -> float:
        """Return how long something may take.

        Raises
        ------
        NotRunError
            Nothing is left of the time.
        """
        left = min(most, self.deadline - time.monotonic())
        if left <= 0:
            raise NotRunError("the time is over")
        return left

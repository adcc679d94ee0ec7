"""What the checks work on."""

from dataclasses import dataclass
from typing import Any, TypeAlias

from mlp import Dataset, TrainingConfig
from mlp.device import Device

Values: TypeAlias = dict[str, Any]  # what a check found, as it goes to verify_cuda.json


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
        Its first hidden layer and the training rows are the kernels' shape.
    rounds : int
        Timings are medians over so many.
    copy_bytes : int
        Size of the copied array, beyond any cache.
    cases : str
        Which of the kernels' cases run, as pytest's ``-k`` takes it.
    """

    device: Device
    dataset: Dataset
    config: TrainingConfig
    rounds: int
    copy_bytes: int
    cases: str

"""A small training whose bits are known before any card has run it.

In a fused step no library multiplies, every sum has its order, and every operation is one that IEEE
754 rounds in one way. So the kernels executed on a CPU give what every card must give. The training
has what can go wrong: tiles that are not full, a ragged last batch, Nesterov's term, l2.
"""

from dataclasses import replace

import numpy as np

from mlp import Dataset, Preparation, Rows, TrainingConfig, train
from mlp.device import Device
from mlp.model import parameters_sha256

# By dtype, the SHA-256 of the weights and velocities after two epochs. They change with the
# kernels' arithmetic, and with nothing else.
EXPECTED = {
    "float32": "3d64e6ad58057412f90b0004de2137bb139fb06330e1ad8680bcc05b447b18a9",
    "float64": "ae651dae0ee955e63f5e71a214dfdaea9c65c58af6b77fc1f91f9a8837ed84c8",
}

_CONFIG = TrainingConfig(
    hidden=(45,),
    epochs=2,
    batch_size=77,
    learning_rate=0.05,
    momentum=0.9,
    nesterov=True,
    l2=1e-3,
    schedule="cosine",
)


def trained_sha256(device: Device, dtype: str) -> str:
    """Train on a device; return the SHA-256 of the weights and velocities."""
    state = train(_dataset().to(device), replace(_CONFIG, dtype=dtype))
    return parameters_sha256((*state.parameters, *state.velocity))


def _dataset() -> Dataset:
    # Not drawn: no generator can change them. Weights and orders are drawn as in every training.
    rows, features = np.arange(300)[:, None], np.arange(37)
    pixels = (rows * 131 + features * features * 17 + rows * features * 7) % 256
    labels = (rows[:, 0] * 7 + rows[:, 0] // 11) % 10
    train = Rows(pixels.astype(np.uint8), labels.astype(np.uint8))
    classes = tuple(map(str, range(10)))
    return Dataset(train, None, None, Preparation(classes, scale=1 / 255), "computed")

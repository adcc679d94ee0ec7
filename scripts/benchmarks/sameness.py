"""Whether contestants do the same training, judged where rounding cannot have decided yet.

In float32 two right implementations drift apart within hundreds of steps: a last bit decides on
which side of 0 an input of the rectifier falls. So every contestant first trains a little in
float64, in a process of its own, and must reach our losses almost to the last digits.
(`parity.py` compares weights and gradients as well.)
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from peers import taken

from benchmarks.process import Entry, Process
from benchmarks.rounds import Say
from mlp import TrainingConfig

# The full batch scores the weights before its step: the second epoch shows the first step, the
# third the second one, in which momentum takes part.
EPOCHS = 3
BATCHES = 8  # at most, of the first training rows
# At most. At a rate that throws the weights about, rows become so wrong that plain NumPy and
# scikit-learn, which take no logarithm of less than some tiny number, tell other losses than ours.
LEARNING_RATE = 0.01
# Relative, of the training, validation and test losses.
TOLERANCE = 1e-12
Scores = Sequence[Sequence[float]]


class LossError(RuntimeError):
    """A contestant does another training than ours; the message says how far apart they are."""


def check_training(entries: Mapping[str, Entry], say: Say) -> dict[str, float]:
    """Have every contestant but the floor train a little, and compare it with ours.

    Returns
    -------
    dict
        The largest relative difference of a loss, by contestant.

    Raises
    ------
    LossError
        One is larger than `TOLERANCE`.
    """
    ours: dict[TrainingConfig, Scores] = {}
    gaps = {}
    for name, entry in entries.items():
        if name in ("ours", "floor"):
            continue
        say(f"{name}: {EPOCHS} epochs in float64, compared with ours")
        config = taken(name, entries["ours"].config)
        if config not in ours:
            ours[config] = _scores(entries["ours"]._replace(config=config))
        gaps[name] = largest_gap(name, ours[config], _scores(entry))
    return gaps


def _scores(entry: Entry) -> Scores:
    rate = min(entry.config.learning_rate, LEARNING_RATE)
    config = replace(entry.config, dtype="float64", learning_rate=rate)
    process = Process(entry._replace(config=config, batches=BATCHES))
    try:
        process.ready()
        scores: Scores = process.ask(EPOCHS)["scores"]
        return scores
    finally:
        process.close()


def largest_gap(name: str, ours: Scores, theirs: Scores) -> float:
    """Return the largest relative difference of a loss, in any split and epoch.

    Parameters
    ----------
    name : str
        Of the contestant, for the message.
    ours, theirs : sequence
        Loss and accuracy of training, validation and test rows in every epoch. Accuracies are not
        compared: scikit-learn has none of training.

    Raises
    ------
    LossError
        It is larger than `TOLERANCE`.
    """
    largest = 0.0
    for epoch, (mine, other) in enumerate(zip(ours, theirs, strict=True), 1):
        losses = zip(("training", "validation", "test"), mine[::2], other[::2], strict=True)
        for split, a, b in losses:
            gap = 0.0 if a == b else abs(b / a - 1) if a else math.inf
            if not gap <= TOLERANCE:
                raise LossError(
                    f"{name}: {split} loss {b:.9g} in epoch {epoch} in float64, ours {a:.9g}: "
                    f"{gap:.1e} apart, more than {TOLERANCE:.0e}; not the same training"
                )
            largest = max(largest, gap)
    return largest

"""Targets and predictions in every form that functions take them in."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..reference import Problem
from .softmax import ROWS

TARGET = re.compile(
    r"^(t|y|target|label|truth|true|actual|gt|onehot|one_hot|ground|real|tr?gt|d)", re.IGNORECASE
)
PREDICTION = re.compile(
    r"pred|hat|prob|logit|out|soft|estim|guess|^p$|^o$|^z|^s$|^x$|^a\d?$|score|^q$", re.IGNORECASE
)


REVERSED = "takes its arguments in the other order"


@dataclass(frozen=True)
class View:
    """A form of targets and predictions, and their order."""

    target: str
    prediction: str
    target_first: bool

    def arguments(self, rows: Problem) -> list[Any]:
        """Return the two arguments in this form."""
        targets = {
            "one-hot": rows.y,
            "one-hot, transposed": np.ascontiguousarray(rows.y.T),
            "class numbers": rows.labels,
            "class numbers in a column": rows.labels[:, None],
        }
        predictions = {
            "probabilities": rows.p,
            "logits": rows.logits,
            "probabilities, transposed": np.ascontiguousarray(rows.p.T),
            "logits, transposed": np.ascontiguousarray(rows.logits.T),
        }
        pair = [targets[self.target], predictions[self.prediction]]
        return pair if self.target_first else pair[::-1]

    def reversed(self, names: Sequence[str]) -> list[str]:
        """Return the note that the arguments lie otherwise than their names say, if they do."""
        return [REVERSED] if are_clear(names) and self.target_first == is_swapped(names) else []

    @property
    def transposed(self) -> bool:
        """Whether samples lie along the columns of the predictions."""
        return "transposed" in self.prediction

    @property
    def logits(self) -> bool:
        """Whether predictions are logits."""
        return self.prediction.startswith("logits")

    @property
    def notes(self) -> list[str]:
        """What is not as in the handout."""
        notes = ["takes logits"] if self.logits else []
        notes += [] if self.target == "one-hot" else [f"targets as {self.target}"]
        return notes + (["samples along the columns"] if self.transposed else [])


def views(names: Sequence[str], layout: str | None, few: bool = False) -> Iterator[View]:
    """Yield the forms that two arguments may have, the handout's first.

    Parameters
    ----------
    names : sequence of str
        The parameters, which say what comes first if their names are clear.
    layout : str or None
        Where softmax has its classes: if that is in rows, predictions are not transposed.
    few : bool
        Leave the rare forms out.
    """
    target_first = not is_swapped(names)
    targets = ["one-hot", "one-hot, transposed", "class numbers", "class numbers in a column"]
    predictions = ["probabilities", "logits"]
    if layout != ROWS:
        predictions += ["probabilities, transposed", "logits, transposed"]
    targets = [targets[0], targets[2]] if few else targets
    for first in (target_first,) if few else (target_first, not target_first):
        for prediction in predictions:
            for target in targets:
                yield View(target, prediction, first)


def is_swapped(names: Sequence[str]) -> bool:
    """Whether the prediction comes before the target."""
    return bool(PREDICTION.search(names[0]) and TARGET.search(names[1])) and not (
        TARGET.search(names[0]) and PREDICTION.search(names[1])
    )


def are_clear(names: Sequence[str]) -> bool:
    """Whether the parameters' names say which is the target and which the prediction."""
    pairs = (names, names[::-1])
    return len(names) == 2 and any(TARGET.search(a) and PREDICTION.search(b) for a, b in pairs)

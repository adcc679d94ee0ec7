"""Targets and predictions in every form that functions take them in."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..reference import CLASSES, Problem, problem
from ..subject import Subject
from ..verdict import Way

TARGET = re.compile(
    r"^(t|y|target|label|truth|true|actual|gt|onehot|one_hot|ground|real|tr?gt|d)", re.IGNORECASE
)
PREDICTION = re.compile(
    r"pred|hat|prob|logit|out|soft|estim|guess|^p$|^o$|^z|^s$|^a\d?$|score|^q$", re.IGNORECASE
)
_TURNED = ", transposed"
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
            "class numbers": np.argmax(rows.logits, axis=1),  # what accuracy may be given
        }
        pair = [targets[self.target], predictions[self.prediction]]
        return pair if self.target_first else pair[::-1]

    def reversed(self, names: Sequence[str]) -> list[str]:
        """Return the note that the arguments lie otherwise than their names say, if they do."""
        return [REVERSED] if are_clear(names) and self.target_first == is_swapped(names) else []

    @property
    def transposed(self) -> bool:
        """Whether samples lie along the columns of the predictions."""
        return _TURNED in self.prediction

    @property
    def turned(self) -> "View":
        """The same with predictions, and targets that are one-hot, transposed."""
        return View(
            _turned(self.target) if "one-hot" in self.target else self.target,
            _turned(self.prediction),
            self.target_first,
        )

    def settled(self, measure: Callable[["View"], Any]) -> tuple["View", dict[Way, bool]]:
        """Return where a function that this form fits has its samples, and the form to speak of.

        Where either layout measures the same, that is nowhere, and the form is the handout's.
        """
        if measure(self.turned) == measure(self):
            return (self.turned if self.transposed else self), {}
        targets = {Way.TARGETS: _TURNED not in self.target} if "one-hot" in self.target else {}
        return self, {Way.LAYOUT: not self.transposed, **targets}

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


def _turned(form: str) -> str:
    return form.removesuffix(_TURNED) if _TURNED in form else form + _TURNED


def views(names: Sequence[str], rows: bool | None, few: bool = False) -> Iterator[View]:
    """Yield the forms that two arguments may have, the likeliest first.

    Parameters
    ----------
    names : sequence of str
        The parameters, which say what comes first if their names are clear.
    rows : bool or None
        Whether softmax gives one sample a row. If so, predictions are not transposed; if not,
        they are so first, though the mistake may be softmax's.
    few : bool
        Leave the rare forms out.
    """
    target_first = not is_swapped(names)
    targets = ["one-hot", "one-hot, transposed", "class numbers", "class numbers in a column"]
    targets = [targets[0], targets[2]] if few else targets
    predictions = ["probabilities", "logits"]
    turned = [p + _TURNED for p in predictions]
    if rows is False:
        targets = [*targets[1::-1], *targets[2:]] if not few else ["one-hot, transposed", *targets]
        predictions = turned + predictions
    elif rows is None:
        predictions += turned
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


def results_of(
    subject: Subject, view: View, n: int, k: int = CLASSES
) -> tuple[list[Any], list[Problem]]:
    """Return the results for two problems, and these."""
    tests = [problem(seed, n, k) for seed in (0, 1)]
    return [subject.call(*view.arguments(rows), rows=rows).value for rows in tests], tests


def takes_matrices(subject: Subject, names: Sequence[str]) -> bool:
    """Whether one-hot rows with predictions in rows or columns give any result."""
    rows = problem(0)
    forms = ("probabilities", "probabilities, transposed")
    calls = [View("one-hot", form, not is_swapped(names)).arguments(rows) for form in forms]
    return any(subject.call(*call, rows=rows).error is None for call in calls)


def row_results(subject: Subject, names: Sequence[str]) -> Iterator[list[Any]]:
    """Call it with three rows of `problem(0)`, each as vectors or with the number of its class."""
    rows = problem(0)
    for predictions in (rows.p, rows.logits):
        for targets in (rows.y, rows.labels.tolist()):
            pairs = [(targets[i], predictions[i]) for i in range(3)]
            calls = [pair[::-1] if is_swapped(names) else pair for pair in pairs]
            yield [subject.call(*call, rows=rows).value for call in calls]

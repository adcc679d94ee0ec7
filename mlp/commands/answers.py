"""What is said of each input: a line of text, or an entry of one JSON object, as it comes."""

import csv
import json
from collections.abc import Sequence
from typing import NamedTuple, Protocol, TextIO

import numpy as np

from ..files import visible


class Answer(NamedTuple):
    """What the model makes of one row."""

    input: str
    row: int | None  # in a file of several
    class_index: int
    top: list[tuple[str, float]]  # the likeliest classes and their probabilities
    label: str | None  # the true class, where it is known

    @property
    def name(self) -> str:
        """The input, as a person would write it."""
        return self.input if self.row is None else f"{self.input}[{self.row}]"


def answer(
    name: str,
    row: int | None,
    probabilities: np.ndarray,
    label: int | None,
    class_names: Sequence[str],
    top: int,
) -> Answer:
    """Rank the classes of one row; the first of equal ones leads, as in `mlp.predict`."""
    order = np.argsort(-probabilities, kind="stable")[:top]
    ranked = [(class_names[k], float(probabilities[k])) for k in order]
    return Answer(name, row, int(order[0]), ranked, None if label is None else class_names[label])


def share(value: float, *, exact: bool) -> str:
    """Write a share with four digits, and never as 0 or 1 if it is neither.

    Parameters
    ----------
    value : float
    exact : bool
        Whether 0 and 1 are possible: of counted rows they are, a probability only rounds to them.
    """
    if exact and value in (0, 1):
        return f"{value:.4f}"
    if value >= 0.99995:
        return ">0.9999"
    return "<0.0001" if value < 0.00005 else f"{value:.4f}"


class Writer(Protocol):
    """Who takes the answers, as they come."""

    def write(self, one: Answer) -> None:
        """Take one answer."""

    def close(self, **rest: object) -> None:
        """Take what else is to be said, after the last one."""


class TextWriter:
    """Writes a line for every input: its name, then the likeliest classes."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, one: Answer) -> None:
        """Write one line."""
        ranked = "  ".join(
            f"{name} {share(probability, exact=False)}" for name, probability in one.top
        )
        wrong = "" if one.label in (None, one.top[0][0]) else f"  (labelled {one.label})"
        print(visible(f"{one.name}: {ranked}{wrong}"), file=self._stream)

    def close(self, **rest: object) -> None:
        """Write nothing more."""


class JsonWriter:
    """Writes one JSON object whose list ``predictions`` grows as answers come."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._separator = '{"predictions": [\n'

    def write(self, one: Answer) -> None:
        """Write one entry of the list."""
        entry = {
            "input": one.input,
            "row": one.row,
            "class": one.top[0][0],
            "index": one.class_index,
            "probability": one.top[0][1],
            "top": [{"class": name, "probability": value} for name, value in one.top],
        }
        if one.label is not None:
            entry["label"] = one.label
        self._stream.write(self._separator + json.dumps(entry))
        self._separator = ",\n"

    def close(self, **rest: object) -> None:
        """End the list and write the rest of the object."""
        begun = self._separator if self._separator.startswith("{") else ""
        self._stream.write(f"{begun}\n], {json.dumps(rest)[1:-1]}}}\n")


class CsvWriter:
    """Writes a table: a line for every input, with the likeliest class."""

    def __init__(self, stream: TextIO) -> None:
        self._table = csv.writer(stream, lineterminator="\n")
        self._table.writerow(["input", "row", "class", "probability", "label"])

    def write(self, one: Answer) -> None:
        """Write one line; the probability with all its digits."""
        row = "" if one.row is None else one.row
        self._table.writerow([visible(one.input), row, *one.top[0], one.label or ""])

    def close(self, **rest: object) -> None:
        """Write nothing more."""

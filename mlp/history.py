"""The rows of a run's history, which are those of ``metrics.csv``, and their curves."""

import csv
import math
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from .figure import as_png, new_figure
from .files import FileError, read_text, write

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SPLITS = {"train": "Training", "valid": "Validation", "test": "Test"}
AXES = {"loss": "Average cross-entropy (nats)", "accuracy": "Accuracy"}
# Colours that stay apart for colour-blind readers (Okabe and Ito), styles and widths besides: test
# rows are only looked at, so their line is thin.
_STYLES = {
    "train": ("#0072B2", "-", 1.8),
    "valid": ("#D55E00", "--", 1.8),
    "test": ("#009E73", "-", 0.9),
}


class Metrics(NamedTuple):
    """One row of the history. Losses are averages over rows, accuracies lie in [0, 1].

    Columns of a split that the data set lacks are NaN. `seconds` is the wall time since the
    previous row.
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    valid_loss: float
    valid_accuracy: float
    test_loss: float
    test_accuracy: float
    seconds: float


class History(tuple[Metrics, ...]):
    """The rows of a run, from epoch 0 on; a notebook shows it as its curves."""

    def plot(self) -> "Figure":
        """Draw loss and accuracy of every split over the epochs, side by side."""
        figure = new_figure((11, 4))
        parts: Any = figure.subfigures(1, 2)
        for part, quantity in zip(parts, AXES, strict=True):
            draw(part, self, quantity)
        return figure

    def _repr_png_(self) -> bytes:
        return as_png(self.plot())


def best_row(history: Iterable[Metrics]) -> Metrics | None:
    """Return the row of the lowest validation loss, the first of equal ones.

    None where no validation loss is finite: there are no validation rows.
    """
    measured = [row for row in history if math.isfinite(row.valid_loss)]
    return min(measured, key=lambda row: row.valid_loss, default=None)


class HistoryFile:
    """Writes ``metrics.csv``: the rows there are, then more as they are measured.

    Raises
    ------
    FileError
        It cannot be written.
    """

    def __init__(self, path: Path, history: Sequence[Metrics] = ()) -> None:
        write(path, "".join(map(_line, [Metrics._fields, *map(_cells, history)])))
        self._path = path
        # Not through a link that was put in its place meanwhile.
        flags = os.O_WRONLY | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
        self._file = os.fdopen(os.open(path, flags), "a", newline="")

    def __enter__(self) -> "HistoryFile":
        return self

    def __exit__(self, *exception: object) -> None:
        with suppress(OSError):  # what could not be written was an error before
            self._file.close()

    def write(self, row: Metrics) -> None:
        """Append one row; numbers are written so that they read back exactly."""
        try:
            self._file.write(_line(_cells(row)))
            self._file.flush()
        except OSError as error:
            raise FileError(
                f"{self._path}: cannot be written ({error.strerror}); make room, then --resume"
            ) from error


def read_history(path: Path) -> History:
    """Read a ``metrics.csv``.

    Raises
    ------
    FileError
        It is missing or damaged.
    """
    try:
        header, *lines = csv.reader(read_text(path).splitlines())
        if tuple(header) != Metrics._fields:
            raise ValueError(f"must have the columns {','.join(Metrics._fields)}")
        return History(
            Metrics(int(epoch), *(float(cell or "nan") for cell in cells))
            for epoch, *cells in lines
        )
    except (ValueError, TypeError, csv.Error) as error:
        raise FileError(f"{path}: is no history of a run ({error})") from error


def _cells(row: Metrics) -> list[str]:
    return [repr(value) if value == value else "" for value in row]


def _line(cells: Iterable[str]) -> str:
    return ",".join(cells) + "\r\n"  # as `csv` writes it; no cell needs quotes


def draw(figure: Any, history: Sequence[Metrics], quantity: str, first: int = 0) -> None:
    """Draw a quantity of the splits that there are over the epochs into an empty figure.

    Parameters
    ----------
    figure : matplotlib Figure or SubFigure
    history : sequence of Metrics
    quantity : {"loss", "accuracy"}
    first : int
        Number of the first row to draw: the last rows alone show what the first ones hide.
    """
    axes = figure.add_subplot(xlabel="Epoch", ylabel=AXES[quantity])
    shown = history[first:]
    epochs = [row.epoch for row in shown]
    ends = {}
    for split, label in SPLITS.items():
        values = [getattr(row, f"{split}_{quantity}") for row in shown]
        if any(map(math.isfinite, values)):
            colour, line, width = _STYLES[split]
            marker = "." if len(epochs) < 3 else ""
            axes.plot(
                epochs, values, line, color=colour, label=label, marker=marker, linewidth=width
            )
            ends[split] = values[-1]
    best = best_row(history)
    if best is not None and best.epoch >= epochs[0]:
        label, colour = f"Lowest validation loss (epoch {best.epoch})", _STYLES["valid"][0]
        y = getattr(best, f"valid_{quantity}")
        axes.plot(best.epoch, y, "o", color=colour, mfc="none", ms=10, label=label, clip_on=False)
    axes.locator_params(axis="x", integer=True, min_n_ticks=1)
    axes.grid(alpha=0.3)
    _label_ends(axes, ends)
    figure.legend(loc="outside upper center", ncols=2, frameon=False)


_APART = 0.075  # of the axes' height: a line of text


def _label_ends(axes: Any, ends: dict[str, float]) -> None:
    """Write the last value of every curve to its right, moved apart where they would touch."""
    low, high = axes.get_ylim()
    axes.set_ylim(low, high)
    places = sorted((value, split) for split, value in ends.items() if math.isfinite(value))
    height = -_APART
    for number, (value, split) in enumerate(places):
        room = 1 - _APART * (len(places) - 1 - number)  # for those above it
        height = min(max((value - low) / (high - low), height + _APART), room)
        axes.text(
            1.02,
            height,
            f"{value:.4f}",
            color=_STYLES[split][0],
            transform=axes.transAxes,
            verticalalignment="center",
        )

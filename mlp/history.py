"""The rows of a run's history, which are those of ``metrics.csv``, and their curves."""

import csv
import io
import math
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from .figure import new_figure
from .files import FileError, read_text, write

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SPLITS = {"train": "Training", "valid": "Validation", "test": "Test"}
AXES = {"loss": "Average cross-entropy (nats)", "accuracy": "Accuracy"}
# Colours that stay apart for colour-blind readers (Okabe and Ito), and line styles besides.
_STYLES = {"train": ("#0072B2", "-"), "valid": ("#D55E00", "--"), "test": ("#009E73", ":")}


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
        buffer = io.BytesIO()
        self.plot().savefig(buffer, format="png")
        return buffer.getvalue()


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


def draw(figure: Any, history: Sequence[Metrics], quantity: str) -> None:
    """Draw a quantity of the splits that there are over the epochs into an empty figure.

    Parameters
    ----------
    figure : matplotlib Figure or SubFigure
    history : sequence of Metrics
    quantity : {"loss", "accuracy"}
    """
    axes = figure.add_subplot(xlabel="Epoch", ylabel=AXES[quantity])
    epochs = [row.epoch for row in history]
    for split, label in SPLITS.items():
        values = [getattr(row, f"{split}_{quantity}") for row in history]
        if any(map(math.isfinite, values)):
            colour, line = _STYLES[split]
            marker = "." if len(epochs) < 3 else ""
            axes.plot(epochs, values, line, color=colour, label=label, marker=marker, linewidth=1.8)
    if (best := best_row(history)) is not None:
        label, colour = f"Lowest validation loss (epoch {best.epoch})", _STYLES["valid"][0]
        y = getattr(best, f"valid_{quantity}")
        axes.plot(best.epoch, y, "o", color=colour, mfc="none", ms=10, label=label, clip_on=False)
    axes.locator_params(axis="x", integer=True, min_n_ticks=1)
    axes.grid(alpha=0.3)
    figure.legend(loc="outside upper center", ncols=2, frameon=False)

"""Runs compared: what a sweep knows of each, and its table, picture and page."""

import csv
import io
import re
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config import TrainingConfig
from ..figure import new_figure
from ..files import FileError, replacing, write
from ..history import AXES, SPLITS, History, Metrics, best_row, read_history
from .directory import read_record
from .pages import render, svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Colours that stay apart for colour-blind readers, 3 : 1 against white; the page has lighter ones
# for the dark. Dashes besides, so that no line is known by its colour alone.
_COLOURS = ("#0072b2", "#c85800", "#00855f", "#8450c0", "#8f6000", "#b8226b")
_DASHES = ("", "6 2", "2 1.5", "7 2 1.5 2")
_STYLES = [(_DASHES[(i + i // 12) % 4], _COLOURS[i % 6]) for i in range(24)]  # all different
_MARKS = ("o-", "s--", "D:")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?")
_SHORT = ("valid_loss", "train_accuracy", "valid_accuracy", "test_accuracy")
_PANEL = (4.7, 3.9)  # inches


@dataclass
class Trial:
    """One combination of the grid's values, and what came of it.

    Attributes
    ----------
    options : dict
        The values as they were written, by the option's name without its dashes.
    config : TrainingConfig
    directory : Path
    reason : str
        Why it diverged, where it has.
    history : History
        The rows of ``metrics.csv``; none as long as it has not finished.
    record : dict
        What ``run.json`` says.
    """

    options: dict[str, str]
    config: TrainingConfig
    directory: Path
    reason: str = ""
    history: History = field(default_factory=History)
    record: dict[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """Name the combination: ``hidden 100, momentum 0.9``."""
        return ", ".join(f"{name} {value}" for name, value in self.options.items())

    @property
    def stop(self) -> Metrics:
        """The early-stopping point: the row of the lowest validation loss."""
        return best_row(self.history) or self.history[-1]

    def read(self) -> None:
        """Take up what a finished run has written.

        Raises
        ------
        FileError
            A file is missing or damaged.
        """
        try:
            self.record = read_record(self.directory) or {}
            self.history = read_history(self.directory / "metrics.csv")
            epochs = [row.epoch for row in self.history]
            last = self.record["result"]["epochs_trained"]
            if epochs != list(range(len(epochs))) or len(epochs) != last + 1:
                raise ValueError(f"metrics.csv must have the epochs 0 to {last} of run.json")
        except (FileError, KeyError, ValueError) as error:
            raise FileError(
                f"{self.directory}: is no whole run ({error}); remove it to train it again"
            ) from error

    def summary(self) -> dict[str, Any]:
        """Return its line of the table; losses and accuracies are of the early-stopping point."""
        row: dict[str, Any] = {"directory": self.directory.name}
        if not self.history:
            return row | {"status": "diverged", "reason": self.reason}
        stop = self.stop._asdict() | {"seconds": self.record["timing"]["total_s"]}
        epochs = {
            "early_stopping_epoch": stop.pop("epoch"),
            "epochs_trained": len(self.history) - 1,
        }
        return row | {"status": "finished"} | epochs | stop


def table(trials: list[Trial], best: Trial | None) -> str:
    """Lay out the trials as text; the one of the lowest validation loss is marked with a star."""
    lines = [["", *trials[0].options, "epoch", *(name.replace("_", " ") for name in _SHORT)]]
    for trial in trials:
        numbers = [f"{getattr(trial.stop, name):.4f}" for name in _SHORT] if trial.history else []
        epoch = str(trial.stop.epoch) if trial.history else "diverged"
        lines.append(["*" if trial is best else "", *trial.options.values(), epoch, *numbers])
    widths = [max(len(line[i]) for line in lines if i < len(line)) for i in range(len(lines[0]))]
    return "\n".join("  ".join(map(str.rjust, line, widths)) for line in lines)


def write_csv(path: Path, trials: list[Trial]) -> None:
    """Write a line a trial: the grid's options, then `Trial.summary`."""
    rows = [trial.options | trial.summary() for trial in trials]
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(dict.fromkeys(name for row in rows for name in row)))
    writer.writeheader()
    writer.writerows(rows)
    write(path, text.getvalue())


def write_picture(path: Path, trials: list[Trial]) -> None:
    """Draw all panels side by side into a PNG, where a trial has finished."""
    if panels := _panels(trials):
        figure = new_figure((_PANEL[0] * len(panels), _PANEL[1]))
        _draw(figure, trials, panels)
        with replacing(path) as file:
            figure.savefig(file, format="png", dpi=130)


def write_page(path: Path, trials: list[Trial], best: Trial | None, command: str) -> None:
    """Write ``sweep.html``, which loads nothing and runs no script."""
    panels = {
        panel: svg(partial(_draw, trials=trials, panels=[panel]), _PANEL, panel)
        for panel in _panels(trials)
    }
    page = render(
        "sweep.html.jinja",
        runs=trials,
        best=best,
        panels=panels,
        styles=_STYLES,
        command=command,
        name=path.resolve().parent.name,
    )
    write(path, page)


def _panels(trials: list[Trial]) -> list[str]:
    """Name what is to be drawn: loss, accuracy, and the grid's option if it is one number."""
    if not any(trial.history for trial in trials):
        return []
    names = list(trials[0].options)
    values = {value for trial in trials for value in trial.options.values()}
    varied = len(names) == 1 and len(values) > 1 and all(map(_NUMBER.fullmatch, values))
    return [*AXES, *(names if varied else ())]


def _draw(figure: "Figure", trials: list[Trial], panels: list[str]) -> None:
    for panel, axes in zip(panels, figure.subplots(1, len(panels), squeeze=False)[0], strict=True):
        _draw_curves(axes, trials, panel) if panel in AXES else _draw_option(axes, trials, panel)
        axes.grid(alpha=0.3)
        if panel not in AXES or len(trials) <= len(_COLOURS):
            axes.legend(fontsize="small", handlelength=3)


def _draw_curves(axes: "Axes", trials: list[Trial], quantity: str) -> None:
    """Draw the validation rows' loss or accuracy over the epochs; a ring where to stop."""
    for trial, (dashes, colour) in zip(trials, cycle(_STYLES), strict=False):
        if trial.history:
            values = [getattr(row, f"valid_{quantity}") for row in trial.history]
            label = trial.label.replace("$", r"\$")  # no mathematics
            (line,) = axes.plot(values, color=colour, label=label, linewidth=1.6)
            line.set_dashes([float(length) for length in dashes.split()])
            stop = trial.stop.epoch
            axes.plot(stop, values[stop], "o", color=colour, mfc="none", ms=8, clip_on=False)
    axes.set(xlabel="Epoch", ylabel=AXES[quantity], title=f"Validation {quantity}")


def _draw_option(axes: "Axes", trials: list[Trial], option: str) -> None:
    """Draw the three accuracies at the early-stopping points over the option's values."""
    points = sorted((float(trial.options[option]), trial.stop) for trial in trials if trial.history)
    values = [value for value, _ in points]
    for (split, name), style, colour in zip(SPLITS.items(), _MARKS, _COLOURS, strict=False):
        accuracies = [getattr(stop, f"{split}_accuracy") for _, stop in points]
        axes.plot(values, accuracies, style, color=colour, label=name)
    if min(values) > 0 and max(values) >= 10 * min(values):
        axes.set_xscale("log")
    axes.set_xticks(values, [f"{value:g}" for value in values])
    axes.minorticks_off()
    axes.set(xlabel=option, ylabel="Accuracy", title="Accuracy at the early-stopping point")

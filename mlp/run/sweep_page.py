"""What a sweep leaves for people: its table, its picture and its page."""

import math
import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..figure import new_figure
from ..files import replacing, write
from ..history import AXES, SPLITS
from .groups import Comparison, Group
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
_SHORT = ("valid_loss", "valid_accuracy", "test_accuracy")
_PANEL = (4.7, 3.9)  # inches


class Results(NamedTuple):
    """What a sweep has found.

    Attributes
    ----------
    groups : list of Group
        At least one.
    best : Group or None
        None where every run diverged.
    comparisons : list of (Comparison or None)
        Every group beside the best one; None for the best itself, and without a best.
    """

    groups: list[Group]
    best: Group | None
    comparisons: list[Comparison | None]

    @property
    def repeated(self) -> bool:
        """Whether any combination was trained with several seeds."""
        return any(len(group.trials) > 1 for group in self.groups)


def table(results: Results) -> str:
    """Lay out the groups as text; a star marks the lowest average validation loss."""
    titles = ["", *results.groups[0].options, "epoch", *(name.replace("_", " ") for name in _SHORT)]
    lines = [[*titles, *(["beside the best"] if results.repeated else [])]]
    for group, comparison in zip(results.groups, results.comparisons, strict=True):
        starred = group is results.best and len(results.groups) > 1
        cells = ["*" if starred else "", *group.options.values(), group.stops or "diverged"]
        if group.finished:
            cells += [spread(group, name) for name in _SHORT]
        if comparison and results.repeated:
            cells.append(comparison.verdict if group.finished else "")
        lines.append(cells)
    widths = [max(len(line[i]) for line in lines if i < len(line)) for i in range(len(lines[0]))]
    return "\n".join("  ".join(map(str.rjust, line, widths)).rstrip() for line in lines)


def spread(group: Group, name: str) -> str:
    """Write an average, and the standard deviation where there are several runs."""
    text, deviation = f"{group.mean(name):.4f}", group.deviation(name)
    return text if math.isnan(deviation) else f"{text} ± {deviation:.4f}"


def write_picture(path: Path, results: Results) -> None:
    """Draw all panels side by side into a PNG, where a trial has finished."""
    if panels := _panels(results.groups):
        figure = new_figure((_PANEL[0] * len(panels), _PANEL[1]))
        _draw(figure, results.groups, panels)
        with replacing(path) as file:
            figure.savefig(file, format="png", dpi=130)


def write_page(path: Path, results: Results, command: str) -> None:
    """Write ``sweep.html``, which loads nothing and runs no script."""
    groups = results.groups
    panels = {
        panel: svg(partial(_draw, groups=groups, panels=[panel]), _PANEL, panel)
        for panel in _panels(groups)
    }
    trials = [trial for group in groups for trial in group.trials]
    page = render(
        "sweep.html.jinja",
        results=results,
        runs=trials,
        trained=[trial for trial in trials if trial.history],
        panels=panels,
        styles=_styles(groups),
        crossed=_crossed(groups),
        spread=spread,
        command=command,
        name=path.resolve().parent.name,
    )
    write(path, page)


def _crossed(groups: Sequence[Group]) -> dict[str, dict[str, Group]]:
    """Return the groups by the values of the grid's two options; nothing for other grids."""
    rows: dict[str, dict[str, Group]] = {}
    if len(groups[0].options) == 2:
        for group in groups:
            row, column = group.options.values()
            rows.setdefault(row, {})[column] = group
    return rows if len(rows) > 1 and all(len(row) > 1 for row in rows.values()) else {}


def _styles(groups: Sequence[Group]) -> list[tuple[str, str]]:
    """Return dashes and colour of every group: a colour a row of a small grid, dashes a column."""
    rows = _crossed(groups)
    if rows and len(rows) <= len(_COLOURS) and len(next(iter(rows.values()))) <= len(_DASHES):
        return [
            (dashes, colour)
            for row, colour in zip(rows.values(), _COLOURS, strict=False)
            for dashes in _DASHES[: len(row)]
        ]
    return [_STYLES[index % len(_STYLES)] for index in range(len(groups))]


def _panels(groups: Sequence[Group]) -> list[str]:
    """Name what is to be drawn: loss, accuracy, and the grid's option if it is one number."""
    if not any(group.finished for group in groups):
        return []
    names = list(groups[0].options)
    values = {value for group in groups for value in group.options.values()}
    varied = len(names) == 1 and len(values) > 1 and all(map(_NUMBER.fullmatch, values))
    return [*AXES, *(names if varied else ())]


def _draw(figure: "Figure", groups: Sequence[Group], panels: Sequence[str]) -> None:
    for panel, axes in zip(panels, figure.subplots(1, len(panels), squeeze=False)[0], strict=True):
        if panel in AXES:
            _draw_curves(axes, groups, panel)
        else:
            _draw_option(axes, groups, panel)
        axes.grid(alpha=0.3)
        if panel not in AXES or len(groups) <= len(_COLOURS):
            axes.legend(fontsize="small", handlelength=3)


def _draw_curves(axes: "Axes", groups: Sequence[Group], quantity: str) -> None:
    """Draw the average over the seeds of the validation rows' loss or accuracy.

    A band is one standard deviation wide on both sides; a ring marks the lowest loss of one run.
    The first tenth, which is far from all others, decides nothing of what is in view.
    """
    seen: list[float] = []
    for group, (dashes, colour) in zip(groups, _styles(groups), strict=True):
        if not (runs := group.finished):
            continue
        epochs = min(len(run.history) for run in runs)
        curves = np.array(
            [[getattr(row, f"valid_{quantity}") for row in run.history[:epochs]] for run in runs]
        )
        label = group.label.replace("$", r"\$")  # no mathematics
        average = curves.mean(axis=0)
        seen += average[math.ceil(epochs / 10) :].tolist() or average.tolist()
        (line,) = axes.plot(average, color=colour, label=label, linewidth=1.6)
        line.set_dashes([float(length) for length in dashes.split()])
        line.set_gid(f"title:{group.label}")
        if len(runs) > 1:
            half = curves.std(axis=0, ddof=1)
            band = (average - half, average + half)
            axes.fill_between(range(epochs), *band, color=colour, alpha=0.15, linewidth=0)
        else:
            stop = runs[0].stop.epoch
            axes.plot(stop, average[stop], "o", color=colour, mfc="none", ms=8, clip_on=False)
    margin = (max(seen) - min(seen)) / 4 or 0.01
    axes.set_ylim(min(seen) - margin, max(seen) + margin)
    axes.locator_params(axis="x", integer=True, min_n_ticks=1)
    axes.set(xlabel="Epoch", ylabel=AXES[quantity], title=f"Validation {quantity}")


def _draw_option(axes: "Axes", groups: Sequence[Group], option: str) -> None:
    """Draw the three accuracies over the option's values; bars are one standard deviation."""
    finished = [group for group in groups if group.finished]
    finished.sort(key=lambda group: float(group.options[option]))
    values = [float(group.options[option]) for group in finished]
    for (split, name), style, colour in zip(SPLITS.items(), _MARKS, _COLOURS, strict=False):
        column = f"{split}_accuracy"
        bars = [group.deviation(column) for group in finished]
        axes.errorbar(
            values,
            [group.mean(column) for group in finished],
            yerr=None if any(map(math.isnan, bars)) else bars,
            fmt=style,
            color=colour,
            label=name,
            capsize=3,
        )
    if min(values) > 0 and max(values) >= 10 * min(values):
        axes.set_xscale("log")
    axes.set_xticks(values, [f"{value:g}" for value in values])
    axes.minorticks_off()
    axes.set(xlabel=option, ylabel="Accuracy", title="Accuracy where the validation loss is lowest")

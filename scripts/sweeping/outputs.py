"""The files of a sweep: its table as text and as CSV, its picture and its page."""

import csv
import io
import re
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING

from mlp.run_directory import replacing
from sweeping import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Colours that stay apart for colour-blind readers, 3 : 1 against white; the page has lighter ones
# for the dark. Dashes besides, so that no line is known by its colour alone.
_COLOURS = ("#0072b2", "#c85800", "#00855f", "#8450c0", "#8f6000", "#b8226b")
_DASHES = ("", "6 2", "2 1.5", "7 2 1.5 2")
_STYLES = [(_DASHES[(i + i // 12) % 4], _COLOURS[i % 6]) for i in range(24)]  # all different
_AXES = {"loss": "Average cross-entropy (nats)", "accuracy": "Accuracy"}
_SPLITS = {"train": "Training", "valid": "Validation", "test": "Test"}
_MARKS = ("o-", "s--", "D:")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?")
_SHORT = ("valid_loss", "train_accuracy", "valid_accuracy", "test_accuracy")


def table(runs: list[Run], best: Run | None) -> str:
    """Lay out the runs as text; the one of the lowest validation loss is marked with a star."""
    lines = [["", *runs[0].options, "epoch", *(name.replace("_", " ") for name in _SHORT)]]
    for run in runs:
        numbers = [f"{getattr(run.stop, name):.4f}" for name in _SHORT] if run.history else []
        epoch = str(run.stop.epoch) if run.history else "diverged"
        lines.append(["*" if run is best else "", *run.options.values(), epoch, *numbers])
    widths = [max(len(line[i]) for line in lines if i < len(line)) for i in range(len(lines[0]))]
    return "\n".join("  ".join(map(str.rjust, line, widths)) for line in lines)


def write_csv(path: Path, runs: list[Run]) -> None:
    """Write a line a run: the grid's options, then `Run.summary`."""
    rows = [run.options | run.summary() for run in runs]
    with replacing(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(name for row in rows for name in row)))
        writer.writeheader()
        writer.writerows(rows)


def write_picture(path: Path, runs: list[Run]) -> None:
    """Draw all panels side by side into a PNG, where a run has finished."""
    if panels := _panels(runs):
        with replacing(path) as temporary:
            _draw(runs, panels).savefig(temporary, format="png", dpi=130)


def write_page(path: Path, runs: list[Run], best: Run | None, command: str) -> None:
    """Write ``sweep.html``, which loads nothing and runs no script.

    Whatever an option or a path holds is taken for text.
    """
    from jinja2 import Environment, StrictUndefined

    source = Path(__file__).with_name("sweep.html.jinja").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    panels = {panel: _svg(runs, panel) for panel in _panels(runs)}
    values = {"runs": runs, "best": best, "panels": panels, "styles": _STYLES, "command": command}
    page = environment.from_string(source).render(values, name=path.resolve().parent.name)
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8", errors="replace")


def _panels(runs: list[Run]) -> list[str]:
    """Name what is to be drawn: loss, accuracy, and the grid's option if it is one number."""
    names = list(runs[0].options)
    values = {value for run in runs for value in run.options.values()}
    varied = len(names) == 1 and len(values) > 1 and all(map(_NUMBER.fullmatch, values))
    return [*_AXES, *(names if varied else ())] if any(run.history for run in runs) else []


def _draw(runs: list[Run], panels: list[str]) -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.7 * len(panels), 3.9), layout="constrained")
    for panel, axes in zip(panels, figure.subplots(1, len(panels), squeeze=False)[0], strict=True):
        _draw_curves(axes, runs, panel) if panel in _AXES else _draw_option(axes, runs, panel)
        axes.grid(alpha=0.3)
        if panel not in _AXES or len(runs) <= len(_COLOURS):
            axes.legend(fontsize="small", handlelength=3)
    return figure


def _draw_curves(axes: "Axes", runs: list[Run], quantity: str) -> None:
    """Draw the validation rows' loss or accuracy over the epochs; a ring where to stop."""
    for run, (dashes, colour) in zip(runs, cycle(_STYLES), strict=False):
        if run.history:
            values = [getattr(row, f"valid_{quantity}") for row in run.history]
            label = run.label.replace("$", r"\$")  # no mathematics
            (line,) = axes.plot(values, color=colour, label=label, linewidth=1.6)
            line.set_dashes([float(length) for length in dashes.split()])
            stop = run.stop.epoch
            axes.plot(stop, values[stop], "o", color=colour, mfc="none", ms=8, clip_on=False)
    axes.set(xlabel="Epoch", ylabel=_AXES[quantity], title=f"Validation {quantity}")


def _draw_option(axes: "Axes", runs: list[Run], option: str) -> None:
    """Draw the three accuracies at the early-stopping points over the option's values."""
    points = sorted((float(run.options[option]), run.stop) for run in runs if run.history)
    values = [value for value, _ in points]
    for (split, name), style, colour in zip(_SPLITS.items(), _MARKS, _COLOURS, strict=False):
        accuracies = [getattr(stop, f"{split}_accuracy") for _, stop in points]
        axes.plot(values, accuracies, style, color=colour, label=name)
    if min(values) > 0 and max(values) >= 10 * min(values):
        axes.set_xscale("log")
    axes.set_xticks(values, [f"{value:g}" for value in values])
    axes.minorticks_off()
    axes.set(xlabel=option, ylabel="Accuracy", title="Accuracy at the early-stopping point")


def _svg(runs: list[Run], panel: str) -> str:
    """Draw a panel as an SVG element; ``#0072b2`` is ``var(--ink-0072b2)``, for the page to set."""
    from markupsafe import Markup
    from matplotlib import rc_context

    buffer = io.StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": panel}):
        nameless = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        _draw(runs, [panel]).savefig(buffer, format="svg", transparent=True, metadata=nameless)
    # HTML knows SVG's namespaces; a page's figures must not share ids, and these have no use.
    svg = re.sub(r' (xmlns[:\w]*="[^"]*"|id="[\w.]+_\d+")', "", buffer.getvalue())
    return Markup(re.sub("#([0-9a-f]{6})", r"var(--ink-\1)", svg[svg.index("<svg") :]))

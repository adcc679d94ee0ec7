"""Pictures of a run, and its report: one HTML file that needs nothing but itself."""

import base64
import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from mlp.config import TrainingConfig
from mlp.dataset import Dataset
from mlp.device import to_numpy
from mlp.file_rows import FileRows
from mlp.functional import softmax
from mlp.model import Layer, Parameters, forward, init_parameters, to_input
from mlp.run_directory import replacing
from mlp.training import Metrics

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Colours that stay apart for colour-blind readers (Okabe and Ito), and line styles besides.
_STYLES = {
    "train": ("Training", "#0072B2", "-"),
    "valid": ("Validation", "#D55E00", "--"),
    "test": ("Test", "#009E73", ":"),
}
_AXES = {"loss": "Average cross-entropy (nats)", "accuracy": "Accuracy"}
_SLICE, _WRONG = 1000, 12  # test rows in memory at once; wrong predictions shown
_UNITS, _COLUMNS = 24, 6  # hidden units shown, in how many columns

# Test rows by (true class, class said): many classes need no square table.
Counts: TypeAlias = Counter[tuple[int, int]]
# A test row that was taken for another class: its number, true class, class said, probability of
# the latter, and what the network was given.
Wrong: TypeAlias = tuple[int, int, int, float, np.ndarray]


def plot_history(history: Sequence[Metrics], quantity: str, path: Path) -> None:
    """Draw one quantity of all three splits over the epochs into a PNG.

    Parameters
    ----------
    history : sequence of Metrics
    quantity : {"loss", "accuracy"}
    path : Path
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    _draw(figure, history, quantity)
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=150)


def write_report(
    path: Path,
    *,
    record: dict[str, Any],
    config: TrainingConfig,
    history: Sequence[Metrics],
    dataset: Dataset,
    parameters: Parameters,
    command: str,
) -> None:
    """Write all that is known of a run as one HTML page: the same bytes for the same run.

    The page loads nothing and runs no script, and its policy forbids both. Names, paths and the
    command are taken for text, whatever they hold.

    Parameters
    ----------
    path : Path
    record : dict
        What `mlp.run_directory.record` gives.
    config : TrainingConfig
    history : sequence of Metrics
        At least one row.
    dataset : Dataset
        On the host. Without test rows, or where rows are no images, the parts of the page that
        need them are left out. Test rows are read 1,000 at a time.
    parameters : Parameters
        Those that were saved, of any library and device.
    command : str
        The command line that repeats the run.

    Raises
    ------
    mlp.run_directory.RunDirectoryError
        The file cannot be written.
    """
    from jinja2 import Environment, StrictUndefined

    parameters = tuple(Layer(*map(to_numpy, layer)) for layer in parameters)
    (counts, wrong), shape = _judge(dataset, parameters), dataset.image_shape
    values: dict[str, Any] = {"record": record, "history": history, "dataset": dataset}
    values |= {"config": config, "parameters": parameters, "counts": counts, "wrong": wrong}
    source = Path(__file__).with_name("report.html.jinja").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    page = environment.from_string(source).render(
        values,
        run=path.resolve().parent.name,
        options=fields(config),
        best=_best(history),
        curves={quantity: _svg(history, quantity) for quantity in _AXES},
        pictures=[_png(x.reshape(shape)) for *_, x in wrong] if shape else [],
        sheets=_weight_sheets(parameters[0].weight, config, shape) if shape else [],
        units_shown=_UNITS,
        command=command,
    )
    with replacing(path) as temporary:
        # A path may hold bytes that are no text; they must not cost the report.
        temporary.write_text(page, encoding="utf-8", errors="replace")


def _judge(dataset: Dataset, parameters: Parameters) -> tuple[Counts, list[Wrong]]:
    """Ask the network about the test rows; of its mistakes keep the most confident, worst first."""
    counts: Counts = Counter()
    wrong: list[Wrong] = []
    features, labels = dataset.test or (np.empty(0), np.empty(0))
    for start in range(0, len(labels), _SLICE):
        part = slice(start, start + _SLICE)
        some = features.read(part) if isinstance(features, FileRows) else features[part]
        x = to_input(some, parameters[0].weight.dtype, dataset.scale)
        logits, _ = forward(parameters, x)
        # Of the logits, as accuracy is counted: probabilities can be equal at 1.
        true, said = labels[part].astype(int), logits.argmax(axis=1)
        counts.update(zip(true.tolist(), said.tolist(), strict=True))
        missed, sure = np.flatnonzero(said != true), softmax(logits).max(axis=1)
        for i in missed[np.argsort(-sure[missed], kind="stable")[:_WRONG]].tolist():
            wrong.append((start + i, int(true[i]), int(said[i]), float(sure[i]), x[i].copy()))
        wrong = sorted(wrong, key=lambda row: -row[3])[:_WRONG]
    return counts, wrong


def _weight_sheets(weight: np.ndarray, config: TrainingConfig, shape: tuple[int, int]) -> list[str]:
    """Draw the units that have learned most: their weights, and what training added to them.

    The initial weights are drawn anew from the seed. They are larger than what is learned, so
    that the weights alone look like noise. Where nothing was learned there is no second sheet.
    Mid-grey is 0; the largest magnitude of a unit is black or white.
    """
    initial = init_parameters(weight.shape, seed=config.seed, dtype=config.dtype)[0].weight
    change = weight - initial
    units = np.argsort(-np.linalg.norm(change, axis=0), kind="stable")[:_UNITS]
    sheets = []
    for values in [weight, change] if change.any() else [weight]:
        scaled = values[:, units] / (np.abs(values[:, units]).max(axis=0) + np.finfo(float).tiny)
        grey = (0.5 + 0.5 * scaled).T.reshape(-1, *shape)
        opaque = np.stack([grey, np.ones_like(grey)], axis=-1)
        # Gaps between the pictures, and the places after the last one, are transparent.
        tiles = np.pad(opaque, [(0, -len(units) % _COLUMNS), (0, 2), (0, 2), (0, 0)])
        table = tiles.reshape(-1, _COLUMNS, *tiles.shape[1:]).swapaxes(1, 2)
        sheets.append(_png(table.reshape(-1, _COLUMNS * tiles.shape[2], 2)))
    return sheets


def _png(pixels: np.ndarray) -> str:
    """Encode greys from 0 to 1, (H, W), or with opacities (H, W, 2), as the data URI of a PNG."""
    from PIL import Image

    image = Image.fromarray(np.rint(255 * np.clip(pixels, 0, 1)).astype(np.uint8))
    image.thumbnail((1200, 1200))  # no more than a screen shows
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _best(history: Sequence[Metrics]) -> Metrics | None:
    """Give the row of the lowest validation loss; None without validation rows."""
    measured = [row for row in history if np.isfinite(row.valid_loss)]
    return min(measured, key=lambda row: row.valid_loss, default=None)


def draw_history(history: Sequence[Metrics]) -> "Figure":
    """Draw loss and accuracy side by side, for a notebook."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4), layout="constrained")
    parts: Any = figure.subfigures(1, 2)
    for part, quantity in zip(parts, _AXES, strict=True):
        _draw(part, history, quantity)
    return figure


def _draw(figure: Any, history: Sequence[Metrics], quantity: str) -> None:
    """Draw a quantity of the splits that there are over the epochs into an empty figure."""
    axes = figure.add_subplot(xlabel="Epoch", ylabel=_AXES[quantity])
    epochs = [row.epoch for row in history]
    for split, (label, colour, line) in _STYLES.items():
        values = [getattr(row, f"{split}_{quantity}") for row in history]
        if np.isfinite(values).any():
            marker = "." if len(epochs) < 3 else ""
            axes.plot(epochs, values, line, color=colour, label=label, marker=marker, linewidth=1.8)
    if (best := _best(history)) is not None:
        label, colour = f"Lowest validation loss (epoch {best.epoch})", _STYLES["valid"][1]
        y = getattr(best, f"valid_{quantity}")
        axes.plot(best.epoch, y, "o", color=colour, mfc="none", ms=10, label=label, clip_on=False)
    axes.locator_params(axis="x", integer=True, min_n_ticks=1)
    axes.grid(alpha=0.3)
    figure.legend(loc="outside upper center", ncols=2, frameon=False)


def _svg(history: Sequence[Metrics], quantity: str) -> str:
    """Draw a quantity as an SVG element whose text is text.

    Colours become variables, ``#0072b2`` is ``var(--ink-0072b2)``: the page gives them their values
    on light and dark ground.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    buffer = io.StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": quantity}):
        nameless = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure = Figure(figsize=(4.7, 3.6), layout="constrained")
        _draw(figure, history, quantity)
        figure.savefig(buffer, format="svg", transparent=True, metadata=nameless)
    # HTML knows SVG's namespaces; a page's figures must not share ids, and these have no use.
    svg = re.sub(r' (xmlns[:\w]*="[^"]*"|id="[\w.]+_\d+")', "", buffer.getvalue())
    return re.sub("#([0-9a-f]{6})", r"var(--ink-\1)", svg[svg.index("<svg") :])

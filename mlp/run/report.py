"""Pictures of a run, and its report: one HTML file that needs nothing but itself."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from ..config import TrainingConfig
from ..datasets import Dataset
from ..device import to_numpy
from ..figure import new_figure
from ..files import replacing, write
from ..functional import softmax
from ..history import AXES, Metrics, best_row, draw
from ..model import Parameters, forward, init_parameters, map_arrays, rows_at_once, to_input
from .pages import png, render, svg

_SLICE, _WRONG = 1000, 12  # test rows in memory at once; wrong predictions shown
_UNITS, _COLUMNS = 24, 6  # hidden units shown, in how many columns

# Test rows by (true class, class said): many classes need no square table.
Counts: TypeAlias = Counter[tuple[int, int]]
# A test row that was taken for another class: its number, true class, class said, probability of
# the latter, and what the network was given.
Wrong: TypeAlias = tuple[int, int, int, float, np.ndarray]


def plot_history(history: Sequence[Metrics], quantity: str, path: Path) -> None:
    """Draw the loss or the accuracy of all splits over the epochs into a PNG; see `draw`."""
    figure = new_figure((7, 4.5))
    draw(figure, history, quantity)
    with replacing(path) as file:
        figure.savefig(file, format="png", dpi=150)


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
        What `mlp.run.directory.record` returns.
    config : TrainingConfig
    history : sequence of Metrics
        At least one row.
    dataset : Dataset
        On the host. Without test rows, or where rows are no images, the parts of the page that
        need them are left out. Test rows are read 1,000 at a time, or fewer.
    parameters : Parameters
        Those that were saved, of any library and device.
    command : str
        The command line that repeats the run.

    Raises
    ------
    mlp.FileError
        The file cannot be written.
    """
    parameters = map_arrays(to_numpy, parameters)
    (counts, wrong), shape = _judge(dataset, parameters), dataset.image_shape
    curves = {
        quantity: svg(partial(draw, history=history, quantity=quantity), (4.7, 3.6), quantity)
        for quantity in AXES
    }
    page = render(
        "report.html.jinja",
        record=record,
        history=history,
        dataset=dataset,
        config=config,
        parameters=parameters,
        counts=counts,
        wrong=wrong,
        run=path.resolve().parent.name,
        options=fields(config),
        best=best_row(history),
        curves=curves,
        pictures=[png(x.reshape(shape)) for *_, x in wrong] if shape else [],
        sheets=_weight_sheets(parameters[0].weight, config, shape) if shape else [],
        units_shown=_UNITS,
        command=command,
    )
    write(path, page)


def _judge(dataset: Dataset, parameters: Parameters) -> tuple[Counts, list[Wrong]]:
    """Ask the network about the test rows; of its mistakes keep the most confident, worst first."""
    counts: Counts = Counter()
    wrong: list[Wrong] = []
    if dataset.test is None:
        return counts, wrong
    rows = rows_at_once(parameters, _SLICE)
    for start in range(0, len(dataset.test.labels), rows):
        features, labels = dataset.test.take(slice(start, start + rows))
        x = to_input(features, parameters[0].weight.dtype, dataset.scale)
        logits, _ = forward(parameters, x)
        # Of the logits, as accuracy is counted: probabilities can be equal at 1.
        true, said = labels.astype(int), logits.argmax(axis=1)
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
        sheets.append(png(table.reshape(-1, _COLUMNS * tiles.shape[2], 2)))
    return sheets

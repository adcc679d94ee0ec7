"""Pictures of a run, and its report: one HTML file that needs nothing but itself."""

from collections.abc import Sequence
from dataclasses import Field, fields
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..config import TrainingConfig
from ..datasets import Dataset
from ..device import to_numpy
from ..figure import new_figure
from ..files import replacing, write
from ..history import AXES, Metrics, best_row, draw
from ..model import Parameters, init_parameters, map_arrays
from .charts import draw_curves, draw_reliability
from .judgement import Judgement, judge
from .pages import png, render, svg

_WRONG = 12  # of the most confident mistakes
_PAIRS, _EXAMPLES = 16, 3  # of the most frequent mistakes, and pictures of each
_UNITS, _COLUMNS = 24, 6  # hidden units shown, in how many columns
_LATE_ROWS = 10  # a second view of the last half needs so many rows
_CURVES, _SQUARE = (4.7, 3.6), (4.2, 3.4)  # inches
_FILES = {
    "metrics.csv": "loss and accuracy after every epoch",
    "loss.png": "the loss as a picture",
    "accuracy.png": "the accuracy as a picture",
    "model.safetensors": "the weights",
    "run.json": "device, data, results, timing, versions",
    "config.json": "every option",
}


class Option(NamedTuple):
    """An option of the run, for the page."""

    field: Field[Any]
    value: Any
    changed: bool


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
    pictures: bool = True,
) -> None:
    """Write all that is known of a run as one HTML page: the same bytes for the same run.

    The page loads nothing and runs no script, and its policy forbids both. Names, paths and the
    command are taken for text, whatever they hold.

    Parameters
    ----------
    path : Path
    record : dict
        What `mlp.run.record.record` returns.
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
    pictures : bool
        Whether rows and weights, which are made of rows, may be shown as pictures.

    Raises
    ------
    mlp.FileError
        The file cannot be written.
    """
    parameters = map_arrays(to_numpy, parameters)
    judged = judge(dataset, parameters)
    shape = dataset.image_shape if pictures else None
    late = len(history) // 2 if len(history) >= _LATE_ROWS else 0
    wrong = judged.mistakes[:_WRONG] if judged else []
    examples = judged.examples(_PAIRS, _EXAMPLES) if judged and shape else {}
    rows = [*wrong, *(row for pair in examples.values() for row in pair)]
    shown = _pictures(dataset, shape, rows) if shape else {}
    commonest = int(np.bincount(dataset.train.labels).argmax())
    page = render(
        "report.html.jinja",
        record=record,
        history=history,
        dataset=dataset,
        config=config,
        parameters=parameters,
        judged=judged,
        commonest=commonest,
        commonest_rows=judged.classes[commonest].rows if judged else 0,
        wrong=wrong,
        examples=examples,
        run=path.resolve().parent.name,
        options=_options(config),
        best=best_row(history),
        curves=_curves(history, 0, "whole"),
        late=late,
        late_curves=_curves(history, late, "late") if late else {},
        reliability=_reliability(judged) if judged else "",
        pictures={row: png(picture) for row, picture in shown.items()},
        strips={pair: png(_side_by_side(shown, rows)) for pair, rows in examples.items()},
        sheets=_weight_sheets(parameters[0].weight, config, shape) if shape else [],
        units_shown=_UNITS,
        files=_FILES,
        command=command,
    )
    write(path, page)


def _options(config: TrainingConfig) -> list[Option]:
    values = [(field, getattr(config, field.name)) for field in fields(config)]
    return [Option(field, value, value != field.default) for field, value in values]


def _curves(history: Sequence[Metrics], first: int, salt: str) -> dict[str, str]:
    return {
        quantity: svg(
            partial(draw_curves, history=history, quantity=quantity, first=first),
            _CURVES,
            f"{salt} {quantity}",
        )
        for quantity in AXES
    }


def _reliability(judged: Judgement) -> str:
    return svg(partial(draw_reliability, bins=judged.bins), _SQUARE, "reliability")


def _pictures(
    dataset: Dataset, shape: tuple[int, int], rows: Sequence[int]
) -> dict[int, np.ndarray]:
    """Return test rows as greys from 0 to 1, (H, W), by their numbers; each is read once."""
    if dataset.test is None or not rows:
        return {}
    numbers = np.unique(rows)
    pixels = dataset.test.take(numbers).features.reshape(-1, *shape) / 255
    return dict(zip(numbers.tolist(), pixels, strict=True))


def _side_by_side(pictures: dict[int, np.ndarray], rows: Sequence[int]) -> np.ndarray:
    """Return pictures (H, W) in one row, white lines between them."""
    padded = [np.pad(pictures[row], [(0, 0), (0, 1)], constant_values=1) for row in rows]
    return np.concatenate(padded, axis=1)[:, :-1]


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

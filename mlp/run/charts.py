"""The drawings of a report: curves that tell their values, and how far a network may be believed.

`pages.svg` turns an artist's gid ``title:...`` into what is shown when a pointer rests on it.
"""

import math
from collections.abc import Sequence
from typing import Any

from ..history import SPLITS, Metrics, draw
from .judgement import Bin

_STRIPS = 25  # parts of the curves that tell their values


def draw_curves(figure: Any, history: Sequence[Metrics], quantity: str, first: int = 0) -> None:
    """Draw the curves from a row on; strips above them tell the values of the epochs under them.

    Parameters
    ----------
    figure : matplotlib Figure
    history : sequence of Metrics
    quantity : {"loss", "accuracy"}
    first : int
        Number of the first row to draw.
    """
    draw(figure, history, quantity, first)
    shown = history[first:]
    every = math.ceil(len(shown) / _STRIPS)
    for start in range(0, len(shown), every):
        row = shown[min(start + every // 2, len(shown) - 1)]
        values = [
            f"{name.lower()} {getattr(row, f'{split}_{quantity}'):.4f}"
            for split, name in SPLITS.items()
            if math.isfinite(getattr(row, f"{split}_{quantity}"))
        ]
        left = shown[start].epoch - 0.5
        # In front of the curves; style.css lets it feel the pointer although nothing is painted.
        strip = figure.axes[0].axvspan(left, left + every, alpha=0, linewidth=0, zorder=10)
        strip.set_gid(f"title:Epoch {row.epoch}: {', '.join(values)}")
    figure.axes[0].set_xlim(shown[0].epoch - 0.02 * len(shown), shown[-1].epoch + 0.02 * len(shown))


def draw_reliability(figure: Any, bins: Sequence[Bin]) -> None:
    """Draw the share of right answers over their probability; on the diagonal both are equal.

    DeGroot and Fienberg, The comparison and evaluation of forecasters, 1983.

    Parameters
    ----------
    figure : matplotlib Figure
    bins : sequence of Bin
    """
    axes = figure.add_subplot(xlabel="Probability given to the answer", ylabel="Share right")
    axes.plot([0, 1], [0, 1], "--", color="#b0b0b0", linewidth=1.2)
    for one in bins:
        (bar,) = axes.bar(one.low, one.right, one.high - one.low, align="edge", color="#0072b2")
        bar.set(edgecolor="#ffffff", linewidth=1)
        (point,) = axes.plot(one.sure, one.right, "o", color="#d55e00", markersize=4)
        told = (
            f"title:{one.rows} answers with {one.low:.0%} to {one.high:.0%}: "
            f"on average {one.sure:.1%} sure, {one.right:.1%} right"
        )
        bar.set_gid(told)
        point.set_gid(told)
    axes.set(xlim=(0, 1), ylim=(0, 1.02))
    axes.grid(alpha=0.3)

"""The bar chart."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import layout
from benchmarks.spread import Spread, milliseconds, spread
from mlp.figure import new_figure
from mlp.files import replacing

# Okabe and Ito's colours, which colour-blind readers tell apart; the floor is hatched besides.
OURS, OTHERS, FLOOR = "#0072B2", "#E69F00", "#FFFFFF"


def plot(results: layout.Results, path: Path, caption: str, device: str = "cpu") -> None:
    """Draw epochs, peak memory and starts as horizontal bars, the range as a line on each."""
    first = next(iter(results.values()))
    names = list(first)
    panels = [
        (
            f"An epoch, {title}",
            "milliseconds",
            {n: milliseconds(m[n].seconds) for n in names},
        )
        for title, m in results.items()
    ]
    real = [name for name in names if name != "floor"]  # the floor is no program anyone would run
    memory = {name: Spread(*[first[name].peak_bytes / 1e6] * 3) for name in real}
    kind = layout.memory_title(device).partition(",")[0].capitalize()
    panels.append((f"{kind}, {next(iter(results))}", "MB", memory))
    if first["ours"].starts:
        starts = {name: spread(first[name].starts) for name in real}
        panels.append(("From process start to first epoch", "seconds", starts))
    columns = 2
    rows = -(-len(panels) // columns)
    figure = new_figure((10, 0.6 + (0.35 * len(names) + 1.0) * rows))
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for panel, (title, unit, bars) in zip(axes, panels, strict=False):
        _draw(panel, title, unit, bars)
    for spare in axes[len(panels) :]:
        spare.set_axis_off()
    figure.supxlabel(caption, fontsize="small")
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=150)


def _draw(panel: Any, title: str, unit: str, bars: Mapping[str, Spread]) -> None:
    bars = dict(sorted(bars.items(), key=lambda item: item[1].median, reverse=True))
    for position, (name, value) in enumerate(bars.items()):
        panel.barh(
            position,
            value.median,
            height=0.7,
            edgecolor="#333333",
            linewidth=0.6,
            color={"ours": OURS, "floor": FLOOR}.get(name, OTHERS),
            hatch="///" if name == "floor" else None,
            xerr=[[value.median - value.low], [value.high - value.median]],
            error_kw={"linewidth": 1.2, "capsize": 2.5, "ecolor": "#333333"},
        )
        form = ".2f" if unit == "seconds" else ".0f" if value.median >= 100 else ".3g"
        panel.annotate(
            f"{value.median:{form}}",
            (value.high, position),
            (5, 0),
            va="center",
            textcoords="offset points",
            fontsize="small",
        )
    labels = [layout.TITLES[name].split(":")[0].replace("*", "").replace("`", "") for name in bars]
    panel.set_yticks(range(len(bars)), labels)
    panel.set_title(title, fontsize="medium")
    panel.set_xlabel(unit)
    panel.margins(x=0.2)
    panel.set_xlim(left=0)
    panel.spines[["top", "right"]].set_visible(False)

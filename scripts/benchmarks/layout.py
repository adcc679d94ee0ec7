"""Tables in Markdown and the bar chart."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from markdown import table

from benchmarks.rounds import Measured, Spread, ratios, spread
from mlp.figure import new_figure
from mlp.files import replacing

TITLES = {
    "ours": "**ours**",
    "floor": "GEMM floor: ours' matrix products alone",
    "numpy": "plain NumPy, whole arrays",
    "notebook": "the notebook's way, float64",
    "torch": "PyTorch, eager",
    "torch-graph": "PyTorch, CUDA graph",
    "jax": "JAX, jit",
    "keras": "tf.keras",
    "sklearn": "scikit-learn `MLPClassifier`",
}
# Okabe and Ito's colours, which colour-blind readers tell apart; the floor is hatched besides.
OURS, OTHERS, FLOOR = "#0072B2", "#E69F00", "#FFFFFF"

Results = Mapping[str, Mapping[str, Measured]]  # by batch, then by contestant


def batch_name(size: int | None) -> str:
    """Return what a batch size is called in records: ``full`` or its number."""
    return str(size or "full")


def batch_title(batch: str) -> str:
    """Name a batch size: ``full batch``, ``batches of 128``."""
    return "full batch" if batch == "full" else f"batches of {batch}"


def memory_title(device: str) -> str:
    """Name the memory that contestants are compared in: of a GPU, or of a process."""
    return "peak memory, MB" if device == "cpu" else "peak memory of the GPU, MB"


def speed_table(results: Results, device: str = "cpu") -> str:
    """Lay out a line for each contestant, ours first, then by its first batch size's time."""
    first = next(iter(results.values()))
    names = sorted(first, key=lambda n: (n != "ours", spread(first[n].seconds).median))
    head, rule = ["contestant"], ["---"]
    for batch in results:
        head += [f"{batch_title(batch)}, ms an epoch", "/ ours", memory_title(device)]
        rule += ["---", "---:", "---:"]
    started = any(one.starts for one in first.values())
    head += ["start to first epoch, s"] * started
    rule += ["---:"] * started
    lines = [head, rule]
    for name in names:
        cells = [titled(name, first[name])]
        for measured in results.values():
            one = measured[name]
            milliseconds = Spread(*(1000 * value for value in spread(one.seconds)))
            ratio = ratios(one.seconds, measured["ours"].seconds)
            form = ".0f" if milliseconds.low >= 100 else ".3g"
            cells += [ranged(milliseconds, form), f"{ratio.median:.2f}"]
            cells.append("" if name == "floor" else f"{one.peak_bytes / 1e6:.0f}")
        if started:
            cells.append("" if name == "floor" else f"{spread(first[name].starts).median:.2f}")
        lines.append(cells)
    return table(lines)


def titled(name: str, one: Measured) -> str:
    """Name a contestant with its versions; ours and those that are NumPy alone without."""
    if name in ("ours", "floor", "numpy", "notebook"):
        return TITLES[name]
    versions = ", ".join(
        version if package.startswith(("scikit", name)) else f"{package} {version}"
        for package, version in one.versions.items()
    )
    return f"{TITLES[name]} ({versions})"


def figure_lines(found: Mapping[str, Mapping[str, Spread]]) -> str:
    """Write the ratios a line each, with their range over the rounds."""
    return "\n".join(
        f"- {batch_title(batch)}: {name}: {ranged(value, '.2f')}"
        for batch, one in found.items()
        for name, value in one.items()
    )


def growth_table(measured: Mapping[tuple[str, int], Measured], fits: Mapping[str, Any]) -> str:
    """Lay out every size, and the exponents in the last line of each series."""
    lines = [["series", "times", "ms an epoch", "peak memory, MB"], ["---", "---:", "---", "---:"]]
    for series, fit in fits.items():
        for (name, factor), one in measured.items():
            if name == series:
                milliseconds = Spread(*(1000 * value for value in spread(one.seconds)))
                peak = f"{one.peak_bytes / 1e6:.0f}"
                lines.append([series, str(factor), ranged(milliseconds, ".0f"), peak])
        memory = f"{fit['peak_bytes']:.2f}; last / first {fit['peak_ratio']:.2f}"
        fitted = [f"{fit['seconds']:.2f}", memory]
        lines.append([series, "exponent", *fitted])
    return table(lines)


def ranged(values: Spread, form: str) -> str:
    """Write the median, and the range unless there is none."""
    middle = f"{values.median:{form}}"
    if values.low == values.high:
        return middle
    return f"{middle} ({values.low:{form}} to {values.high:{form}})"


def plot(results: Results, path: Path, caption: str, device: str = "cpu") -> None:
    """Draw epochs, peak memory and starts as horizontal bars, the range as a line on each."""
    first = next(iter(results.values()))
    names = list(first)
    panels = [
        (
            f"An epoch, {batch_title(batch)}",
            "milliseconds",
            {n: Spread(*(1000 * s for s in spread(m[n].seconds))) for n in names},
        )
        for batch, m in results.items()
    ]
    real = [name for name in names if name != "floor"]  # the floor is no program anyone would run
    memory = {name: Spread(*[first[name].peak_bytes / 1e6] * 3) for name in real}
    kind = memory_title(device).partition(",")[0].capitalize()
    panels.append((f"{kind}, {batch_title(next(iter(results)))}", "MB", memory))
    if first["ours"].starts:
        starts = {name: spread(first[name].starts) for name in real}
        panels.append(("From process start to first epoch", "seconds", starts))
    columns = 2
    rows = -(-len(panels) // columns)
    figure = new_figure((10, 0.6 + (0.35 * len(names) + 1.0) * rows))
    axes = figure.subplots(rows, columns, squeeze=False).flat
    for panel, (title, unit, bars) in zip(axes, panels, strict=False):
        _draw(panel, title, unit, bars)
    for spare in list(axes)[len(panels) :]:
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
    labels = [TITLES[name].split(":")[0].replace("*", "").replace("`", "") for name in bars]
    panel.set_yticks(range(len(bars)), labels)
    panel.set_title(title, fontsize="medium")
    panel.set_xlabel(unit)
    panel.margins(x=0.2)
    panel.set_xlim(left=0)
    panel.spines[["top", "right"]].set_visible(False)

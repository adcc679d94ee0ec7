"""Tables in Markdown and the bar chart."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.recipes import Reached, median_seconds
from benchmarks.rounds import Measured, Spread, best_of, ratios, spread
from benchmarks.scaling import MODELLED, Point, Prediction, Seen
from mlp import DataError
from mlp.files import replacing, write

TITLES = {
    "ours": "**ours**",
    "floor": "GEMM floor: ours' matrix products alone",
    "numpy": "plain NumPy, whole arrays",
    "notebook": "the notebook's way, float64",
    "torch": "PyTorch, eager",
    "jax": "JAX, jit",
    "keras": "tf.keras",
    "sklearn": "scikit-learn `MLPClassifier`",
}
NOT_PEERS = ("ours", "floor", "numpy")
# Okabe and Ito's colours, which colour-blind readers tell apart; the floor is hatched besides.
OURS, OTHERS, FLOOR = "#0072B2", "#E69F00", "#FFFFFF"

Results = Mapping[str, Mapping[str, Measured]]  # by batch, then by contestant


def batch_title(batch: str) -> str:
    """Name a batch size: ``full batch``, ``batches of 128``."""
    return "full batch" if batch == "full" else f"batches of {batch}"


def speed_table(results: Results) -> str:
    """Lay out a line for each contestant, ours first, then by its first batch size's time."""
    first = next(iter(results.values()))
    names = sorted(first, key=lambda n: (n != "ours", spread(first[n].seconds).median))
    head, rule = ["contestant"], ["---"]
    for batch in results:
        head += [f"{batch_title(batch)}, ms an epoch", "/ ours", "peak memory, MB"]
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
            cells += [ranged(milliseconds, ".0f"), f"{ratio.median:.2f}"]
            cells.append("" if name == "floor" else f"{one.peak_bytes / 1e6:.0f}")
        if started:
            cells.append("" if name == "floor" else f"{spread(first[name].starts).median:.2f}")
        lines.append(cells)
    return _markdown(lines)


def titled(name: str, one: Measured) -> str:
    """Name a contestant with its versions; ours and those that are NumPy alone without."""
    if name in ("ours", "floor", "numpy", "notebook"):
        return TITLES[name]
    versions = ", ".join(
        version if package.startswith(("scikit", name)) else f"{package} {version}"
        for package, version in one.versions.items()
    )
    return f"{TITLES[name]} ({versions})"


def figures(results: Results) -> dict[str, dict[str, Any]]:
    """Compute the ratios that sum the results up, for every batch size that was measured."""
    found: dict[str, dict[str, Any]] = {}
    for batch, measured in results.items():
        ours = measured["ours"]
        peers = [name for name in measured if name not in NOT_PEERS]
        one: dict[str, Any] = {}
        if "floor" in measured:
            one["GEMM floor / ours"] = ratios(measured["floor"].seconds, ours.seconds)
        if peers:
            one["best peer / ours"] = ratios(best_of(measured, peers), ours.seconds)
            leanest = min(peers, key=lambda name: measured[name].peak_bytes)
            ratio = ours.peak_bytes / measured[leanest].peak_bytes
            one[f"peak memory, ours / leanest peer ({leanest})"] = Spread(ratio, ratio, ratio)
            if all(measured[name].starts for name in (*peers, "ours")):
                fastest = [min(v) for v in zip(*(measured[n].starts for n in peers), strict=True)]
                one["start to first epoch, fastest peer / ours"] = ratios(fastest, ours.starts)
        if "notebook" in measured:
            one["notebook / ours"] = ratios(measured["notebook"].seconds, ours.seconds)
        found[batch] = one
    return found


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
    return _markdown(lines)


def ranks_table(seen: Mapping[Point, Seen], series: Mapping[str, Sequence[Point]]) -> str:
    """Lay out every point, beside one rank of one thread in the same rounds."""
    head = ["the same training", "ranks", "threads each", "ms an epoch", "speed", "communicating"]
    lines = [head, ["---", "---:", "---:", "---", "---", "---:"]]
    alone = seen[Point(1, 1)].seconds
    titles = {"strong": "on more ranks", "weak": "larger by as much", "threads": "on more threads"}
    for name, some in series.items():
        for point in some if name == "strong" else some[1:]:
            seconds, waiting = seen[point]
            speed = ratios([point.factor * value for value in alone], seconds)
            part = ratios(waiting, seconds).median
            lines.append(
                [
                    titles[name],
                    str(point.ranks),
                    str(point.threads),
                    ranged(Spread(*(1000 * value for value in spread(seconds))), ".0f"),
                    ranged(speed, ".2f"),
                    f"{part:.1%}" if point.ranks > 1 else "",
                ]
            )
    return _markdown(lines)


def model_table(
    seen: Mapping[Point, Seen], one_host: Sequence[Prediction], ethernet: Sequence[Prediction]
) -> str:
    """Lay out what the model says of more ranks, beside what was measured."""
    head = ["ranks of one thread", "measured, ms", "model, ms", "of it communicating"]
    head += ["over 25 Gbit/s Ethernet, ms", "of it communicating"]
    lines = [head, ["---:"] * len(head)]
    for ranks, here, there in zip(MODELLED, one_host, ethernet, strict=True):
        point = seen.get(Point(ranks, 1))
        cells = [str(ranks), f"{1000 * spread(point.seconds).median:.0f}" if point else ""]
        for one in (here, there):
            cells += [f"{1000 * one.seconds:.0f}", f"{one.communicate / one.seconds:.0%}"]
        lines.append(cells)
    return _markdown(lines)


def accuracy_table(results: Mapping[str, Any], recipes: Mapping[str, Any]) -> str:
    """Lay out each contestant's time to the target with every recipe."""
    kinds = [kind for kind in ("task", "constant", "recommended") if results[kind]]
    head = ["contestant", *(f"{kind} recipe: {recipes[kind]}" for kind in kinds)]
    lines = [head, ["---"] * len(head)]
    for name in results["task"]:
        cells = [_reached(results[kind].get(name)) for kind in kinds]
        lines.append([TITLES[name], *cells])
    return _markdown(lines)


def _reached(runs: Sequence[Reached | None] | None) -> str:
    if runs is None:
        return ""
    there = [run for run in runs if run is not None]
    middle = median_seconds(runs)
    if middle is None or not there:
        return f"reached by {len(there)} of {len(runs)}"
    seconds = spread([run.seconds for run in there])
    epochs = spread([run.epoch for run in there])
    text = f"{middle:.2f} s"
    if len(runs) > 1:
        text += f" ({seconds.low:.2f} to {seconds.high:.2f}; {len(there)} of {len(runs)} runs)"
    return f"{text}, {epochs.median:.0f} epochs"


def ranged(values: Spread, form: str) -> str:
    """Write the median, and the range unless there is none."""
    middle = f"{values.median:{form}}"
    if values.low == values.high:
        return middle
    return f"{middle} ({values.low:{form}} to {values.high:{form}})"


def _markdown(lines: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def marked(path: Path, name: str) -> tuple[str, str]:
    """Give what stands before and after the lines ``<!-- name:begin -->`` and ``:end``.

    Raises
    ------
    DataError
        They do not stand there once each, in this order.
    """
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(end) < text.index(begin):
        raise DataError(f"{path}: the lines {begin} and {end} must stand in it once each")
    return text[: text.index(begin) + len(begin)], text[text.index(end) :]


def write_marked(path: Path, name: str, text: str) -> None:
    """Put a text between the markers of a Markdown file; see `marked`."""
    before, after = marked(path, name)
    write(path, f"{before}\n{text}\n{after}")


def plot(results: Results, path: Path, caption: str) -> None:
    """Draw epochs, peak memory and starts as horizontal bars, the range as a line on each."""
    from matplotlib.figure import Figure

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
    panels.append((f"Peak memory, {batch_title(next(iter(results)))}", "MB", memory))
    if first["ours"].starts:
        starts = {name: spread(first[name].starts) for name in real}
        panels.append(("From process start to first epoch", "seconds", starts))
    columns = 2
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(10, 0.6 + (0.35 * len(names) + 1.0) * rows), layout="constrained")
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
        form = ".2f" if unit == "seconds" else ".0f"
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

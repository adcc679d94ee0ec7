"""Tables in Markdown."""

from collections.abc import Mapping
from typing import Any

from markdown import table

from benchmarks.rounds import Measured
from benchmarks.spread import Ratio, Spread, compare, milliseconds, spread

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

Results = Mapping[str, Mapping[str, Measured]]  # by title, then by contestant


def memory_title(device: str) -> str:
    """Name the memory that contestants are compared in: of a GPU, or of a process."""
    return "peak memory, MB" if device == "cpu" else "peak memory of the GPU, MB"


def speed_tables(results: Results, device: str = "cpu") -> str:
    """Lay out a table for each configuration: a line a contestant, ours first, then the fastest."""
    return "\n\n".join(
        f"{title}:\n\n{_speed_table(measured, device)}" for title, measured in results.items()
    )


def _speed_table(measured: Mapping[str, Measured], device: str) -> str:
    names = sorted(measured, key=lambda n: (n != "ours", spread(measured[n].seconds).median))
    started = any(one.starts for one in measured.values())
    head = ["contestant", "ms an epoch", "/ ours (best)", memory_title(device)]
    head += ["start to first epoch, s"] * started
    lines = [head, ["---", "---", "---", "---:", "---:"][: len(head)]]
    for name in names:
        one = measured[name]
        epoch = milliseconds(one.seconds)
        ratio = compare(one.seconds, measured["ours"].seconds)
        against = f"{ratio.rounds.median:.2f} ({ratio.best:.2f})" if name != "ours" else ""
        cells = [titled(name, one), ranged(epoch, ".0f" if epoch.low >= 100 else ".3g"), against]
        cells.append("" if name == "floor" else f"{one.peak_bytes / 1e6:.0f}")
        if started:
            cells.append("" if name == "floor" else f"{spread(one.starts).median:.2f}")
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


def figure_lines(found: Mapping[str, Mapping[str, Ratio]]) -> str:
    """Write the ratios a line each: of the best rounds, and the median with its range."""
    return "\n".join(
        f"- {title}: {name}: {ratio_text(value)}"
        for title, one in found.items()
        for name, value in one.items()
    )


def ratio_text(ratio: Ratio) -> str:
    """Write a ratio, and whether it cannot be told from 1."""
    if ratio.noise == 0 and ratio.rounds.low == ratio.rounds.high:
        return f"{ratio.best:.2f}"  # of what is measured once
    text = f"{ratio.best:.2f} in the best rounds, median {ranged(ratio.rounds, '.2f')}"
    return text if ratio.told else f"{text}; cannot be told from 1"


def growth_table(measured: Mapping[tuple[str, int], Measured], fits: Mapping[str, Any]) -> str:
    """Lay out every size, and the exponents in the last line of each series."""
    lines = [["series", "times", "ms an epoch", "peak memory, MB"], ["---", "---:", "---", "---:"]]
    for series, fit in fits.items():
        for (name, factor), one in measured.items():
            if name == series:
                peak = f"{one.peak_bytes / 1e6:.0f}"
                lines.append([series, str(factor), ranged(milliseconds(one.seconds), ".0f"), peak])
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

"""How an epoch's time and the peak memory grow with the rows and with the width."""

import dataclasses
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks import layout
from benchmarks.bench import Bench, Report
from benchmarks.process import SCRIPTS, Entry
from benchmarks.rounds import Measured, busy, interleave
from mlp.datasets.split import counts

ROWS, WIDTHS = (1, 2, 4, 8), (1, 2, 4)
SERIES = {"rows": ROWS, "rows on disk": ROWS, "hidden": WIDTHS}


def report(bench: Bench) -> Report:
    """Time more rows and wider layers, and fit exponents; return the record and its text."""
    options, config, names, say = bench.options, bench.config, bench.names, bench.say
    texts, record = [], {}
    with tempfile.TemporaryDirectory() as folder:
        # Only an archive of images can be written out as rows on disk.
        on_disk = Path(folder) if options.rows is None and config.data.endswith(".npz") else None
        if on_disk:
            write_folders(config.data, on_disk)
        for name in names:
            sizes = entries(Entry(name, config, options.rows), on_disk if name == "ours" else None)
            titles = {f"{name}, {series} x{factor}": (series, factor) for series, factor in sizes}
            jobs = {title: sizes[key] for title, key in titles.items()}
            seen = interleave(jobs, options.rounds, options.epochs, say)
            for one in busy(seen):
                bench.warn(f"{one}: times of others are too long")
            measured = {titles[title]: one for title, one in seen.items()}
            fits = exponents(measured)
            texts.append(f"{layout.TITLES[name]}:\n\n{layout.growth_table(measured, fits)}")
            points = {title: dataclasses.asdict(one) for title, one in seen.items()}
            record[name] = {"exponents": fits, "sizes": points}
    return {"results": record}, "\n\n".join(texts)


def entries(entry: Entry, folder: Path | None) -> dict[tuple[str, int], Entry]:
    """Return what is to be run, by series and factor; `folder` is where rows on disk may be put."""
    rows = entry.rows or counts(entry.config.split)[0]
    found = {("rows", factor): entry._replace(rows=factor * rows) for factor in ROWS}
    for factor in ROWS if folder else ():
        sizes = counts(entry.config.split)
        config = replace(
            entry.config,
            data=str(folder_of(folder, factor)) if folder else "",
            split=(factor * sizes[0], factor * sizes[1]),
        )
        found["rows on disk", factor] = Entry(entry.contestant, config)
    for factor in WIDTHS:
        hidden = tuple(factor * units for units in entry.config.hidden)
        config = replace(entry.config, hidden=hidden)
        found["hidden", factor] = entry._replace(config=config)
    return found


def folder_of(folder: Path, factor: int) -> Path:
    """Name the folder of the data `factor` times."""
    return folder / f"x{factor}"


def write_folders(data: str, folder: Path) -> None:
    """Write the data 1, 2, 4 and 8 times as ``images.npy`` and ``labels.npy``.

    In a process of its own: a child's ``ru_maxrss`` is at least what its parent's was.
    """
    command = [sys.executable, "-m", "benchmarks.growth", data, str(folder)]
    subprocess.run(command, check=True, cwd=SCRIPTS)


def exponent(factors: Sequence[float], values: Sequence[float]) -> float:
    """Fit ``value = c * factor**exponent`` by least squares of the logarithms."""
    return float(np.polyfit(np.log(factors), np.log(values), 1)[0])


def exponents(measured: dict[tuple[str, int], Measured]) -> dict[str, dict[str, float]]:
    """Fit both quantities of every series, and divide the last peak memory by the first."""
    found = {}
    for series in SERIES:
        points = {factor: one for (name, factor), one in measured.items() if name == series}
        if points:
            seconds = [float(np.median(one.seconds)) for one in points.values()]
            peaks = [one.peak_bytes for one in points.values()]
            found[series] = {
                "seconds": exponent(list(points), seconds),
                "peak_bytes": exponent(list(points), peaks),
                "peak_ratio": peaks[-1] / peaks[0],
            }
    return found


def _write(data: str, folder: Path) -> None:
    with np.load(data) as archive:
        images, labels = archive["images"], archive["labels"]
    for factor in ROWS:
        target = folder_of(folder, factor)
        target.mkdir()
        for name, array in (("images", images), ("labels", labels)):
            with (target / f"{name}.npy").open("wb") as file:
                header = np.lib.format.header_data_from_array_1_0(array)
                shape = (factor * len(array), *array.shape[1:])
                np.lib.format.write_array_header_1_0(file, header | {"shape": shape})
                for _ in range(factor):
                    file.write(array.tobytes())


if __name__ == "__main__":
    _write(sys.argv[1], Path(sys.argv[2]))

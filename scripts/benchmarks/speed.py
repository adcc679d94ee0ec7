"""The benchmark proper: epochs and starts of every contestant, and the ratios that sum them up."""

import dataclasses
from collections.abc import Mapping
from dataclasses import replace

from benchmarks import layout
from benchmarks.bench import Bench, Report
from benchmarks.process import Entry
from benchmarks.rounds import (
    Measured,
    Spread,
    best_of,
    interleave,
    loss_tolerance,
    measure_starts,
    ratios,
)
from mlp.datasets.split import counts

LIBRARIES = {"numpy": "NumPy", "cupy": "CuPy"}
NOT_PEERS = ("ours", "floor", "numpy")


def report(bench: Bench) -> Report:
    """Time epochs and starts, and draw the chart; return the record and its text."""
    options, config, names, directory, where, say = (
        bench.options,
        bench.config,
        bench.names,
        bench.directory,
        bench.where,
        bench.say,
    )
    results: dict[str, dict[str, Measured]] = {}
    tolerances = {layout.batch_name(size): loss_tolerance(size) for size in options.batch_size}
    for size in options.batch_size:
        entries = {
            name: Entry(name, replace(config, batch_size=size), options.rows) for name in names
        }
        batch = layout.batch_name(size)
        say(f"-- {layout.batch_title(batch)}")
        measured = results[batch] = interleave(entries, options.rounds, options.epochs, say)
        for name, seconds in measure_starts(entries, options.starts, say).items():
            measured[name].starts = seconds
    found = figures(results)
    within = " and ".join(f"{t:.0e} ({layout.batch_title(b)})" for b, t in tolerances.items())
    note = (
        f"Hidden units {' - '.join(map(str, config.hidden))}, "
        f"{options.rows or counts(config.split)[0]:,} training rows and the others evaluated, "
        f"float32 but for the notebook; median of {options.rounds} interleaved rounds of "
        f"{options.epochs} epochs (least to most); losses equal within {within}."
    )
    ours = measured["ours"]
    blas = "; ".join(
        f"{one['internal_api']} {one['version']} {one['architecture'] or ''}".strip()
        for one in ours.blas
    )
    computing = ", ".join(f"{LIBRARIES[name]} {one}" for name, one in ours.versions.items())
    if config.device == "cpu":
        computing = f"{computing} with {blas}"
    place = (
        f"{where['gpu']}{where['cpu']}, {where['threads']} threads, {where['system']}, "
        f"Python {where['python']}, {computing}."
    )
    layout.plot(results, directory / "benchmark.png", place, config.device)
    record = {
        "loss_tolerance": tolerances,
        "figures": {k: {n: v._asdict() for n, v in one.items()} for k, one in found.items()},
        "results": {
            batch: {name: dataclasses.asdict(one) for name, one in by_name.items()}
            for batch, by_name in results.items()
        },
    }
    parts = [
        layout.speed_table(results, config.device),
        f"{note} {place}",
        layout.figure_lines(found),
    ]
    return record, "\n\n".join(parts)


def figures(results: Mapping[str, Mapping[str, Measured]]) -> dict[str, dict[str, Spread]]:
    """Compute the ratios that sum the results up, for every batch size that was measured."""
    found: dict[str, dict[str, Spread]] = {}
    for batch, measured in results.items():
        ours, one = measured["ours"], found.setdefault(batch, {})
        peers = [name for name in measured if name not in NOT_PEERS]
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
    return found

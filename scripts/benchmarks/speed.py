"""The benchmark proper: epochs and starts of every contestant, and the ratios that sum them up."""

import dataclasses
import math
from collections.abc import Mapping

from benchmarks import chart, layout
from benchmarks.bench import Bench, Report, hyphenated
from benchmarks.process import Entry
from benchmarks.rounds import Measured, busy, interleave, measure_starts
from benchmarks.sameness import BATCHES, EPOCHS, TOLERANCE, check_training
from benchmarks.spread import Ratio, Spread, compare, least_of, noise

LIBRARIES = {"numpy": "NumPy", "cupy": "CuPy"}
NOT_PEERS = ("ours", "floor", "numpy")


def report(bench: Bench) -> Report:
    """Time epochs and starts, and draw the chart; return the record and its text."""
    options, say = bench.options, bench.say
    entries = {
        title: {name: Entry(name, config, options.rows) for name in bench.names}
        for title, config in bench.configs.items()
    }
    gaps = {}
    for title, some in entries.items():  # all of them before anything is timed
        say(f"-- {title}: is it the same training?")
        gaps[title] = check_training(some, say)
    results: dict[str, dict[str, Measured]] = {}
    for title, some in entries.items():
        say(f"-- {title}")
        measured = results[title] = interleave(some, options.rounds, options.epochs, say)
        for name, seconds in measure_starts(some, options.starts, say).items():
            measured[name].starts = seconds
        for one in busy(measured):
            bench.warn(f"{title}: {one}: times of others are too long")
    found, against = figures(results), ratios_to_ours(results)
    doubt = doubtful(results, against)
    if doubt:
        say(doubt)
    place = described(bench, results)
    chart.plot(results, bench.directory / "benchmark.png", place, bench.config.device)
    record = {
        "configurations": {k: dataclasses.asdict(one) for k, one in bench.configs.items()},
        "loss_tolerance": TOLERANCE,
        "largest_loss_gaps": gaps,
        "figures": {k: {n: v.record() for n, v in one.items()} for k, one in found.items()},
        "ratios_to_ours": {
            k: {n: v.record() for n, v in one.items()} for k, one in against.items()
        },
        "not_told_from_1": doubt,
        "results": {
            title: {
                name: dataclasses.asdict(one) | {"noise": noise(one.seconds)}
                for name, one in by_name.items()
            }
            for title, by_name in results.items()
        },
    }
    parts = [
        layout.speed_tables(results, bench.config.device),
        " ".join(filter(None, [note(bench, results, gaps), doubt, place])),
        layout.figure_lines(found),
    ]
    return record, "\n\n".join(parts)


def note(
    bench: Bench,
    results: Mapping[str, Mapping[str, Measured]],
    gaps: Mapping[str, Mapping[str, float]],
) -> str:
    """Say what the tables' numbers are, and what was checked before they were taken."""
    options = bench.options
    networks = {hyphenated(config.hidden): None for config in bench.configs.values()}
    ours = next(iter(results.values()))["ours"]
    text = (
        f"Hidden units {' and '.join(networks)}, learning rate {bench.config.learning_rate:g}, "
        f"{ours.rows:,} training rows and the others evaluated, float32 but for the notebook; "
        f"median of {options.rounds} interleaved rounds of {options.epochs} epochs (least to "
        "most); ratios: median of the rounds, and of the best ones."
    )
    largest = [gap for one in gaps.values() for gap in one.values()]
    if largest:
        text += (
            f" Before that all did the same training in float64: losses of {EPOCHS} epochs, of at "
            f"most {BATCHES} batches, equal within {TOLERANCE:.0e} (seen: {max(largest):.0e}); "
            "float32 need only stay finite."
        )
    working = [f"{title}: {one}" for title, some in results.items() for one in busy(some)]
    return f"{text} Not idle: {'; '.join(working)}." if working else text


def described(bench: Bench, results: Mapping[str, Mapping[str, Measured]]) -> str:
    """Say what computed."""
    where, ours = bench.where, next(iter(results.values()))["ours"]
    blas = "; ".join(
        f"{one['internal_api']} {one['version']} {one['architecture'] or ''}".strip()
        for one in ours.blas
    )
    computing = ", ".join(f"{LIBRARIES[name]} {one}" for name, one in ours.versions.items())
    if bench.config.device == "cpu":
        computing = f"{computing} with {blas}"
    return (
        f"{where['gpu']}{where['cpu']}, {where['threads']} threads, {where['system']}, "
        f"Python {where['python']}, {computing}."
    )


def ratios_to_ours(
    results: Mapping[str, Mapping[str, Measured]],
) -> dict[str, dict[str, Ratio]]:
    """Compare every contestant's epochs with ours."""
    return {
        title: {
            name: compare(one.seconds, measured["ours"].seconds)
            for name, one in measured.items()
            if name != "ours"
        }
        for title, measured in results.items()
    }


def doubtful(
    results: Mapping[str, Mapping[str, Measured]], against: Mapping[str, Mapping[str, Ratio]]
) -> str:
    """Say which ratios to ours cannot be told from 1, and why; nothing if all can.

    After each name stands the noise that decides, the contestant's or ours.
    """
    told = []
    for title, some in against.items():
        unclear = {name: one.noise for name, one in some.items() if not one.told}
        if any(map(math.isinf, unclear.values())):
            return "A single round does not show the noise: no ratio is to be told from 1."
        if unclear:
            names = ", ".join(f"{name} ({value:.0%})" for name, value in unclear.items())
            told.append(f"{title}: {names}")
    if not told:
        return ""
    return (
        "Not to be told from ours here, because a quarter of the contestant's rounds or of ours "
        f"took longer than the best one by more than they differ: {'; '.join(told)}."
    )


def figures(results: Mapping[str, Mapping[str, Measured]]) -> dict[str, dict[str, Ratio]]:
    """Compute the ratios that sum the results up, for every configuration that was measured."""
    found: dict[str, dict[str, Ratio]] = {}
    for title, measured in results.items():
        ours, one = measured["ours"], found.setdefault(title, {})
        peers = [name for name in measured if name not in NOT_PEERS]
        if "floor" in measured:
            one["GEMM floor / ours"] = compare(measured["floor"].seconds, ours.seconds)
        if peers:
            best = least_of([measured[name].seconds for name in peers])
            one["best peer / ours"] = compare(best, ours.seconds)
            leanest = min(peers, key=lambda name: measured[name].peak_bytes)
            ratio = ours.peak_bytes / measured[leanest].peak_bytes
            once = Ratio(ratio, Spread(ratio, ratio, ratio))
            one[f"peak memory, ours / leanest peer ({leanest})"] = once
            if all(measured[name].starts for name in (*peers, "ours")):
                fastest = least_of([measured[name].starts for name in peers])
                one["start to first epoch, fastest peer / ours"] = compare(fastest, ours.starts)
        if "notebook" in measured:
            one["notebook / ours"] = compare(measured["notebook"].seconds, ours.seconds)
    return found

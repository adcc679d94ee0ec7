"""How the time of an epoch changes with ranks and threads, and models of more of either.

A measured point is a job of its own (see `benchmarks.job`), because a rank that waits for a message
keeps its core busy and would disturb the other points.
"""

import dataclasses
import importlib.util
import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from markdown import table
from peers import PeerError

from benchmarks import layout
from benchmarks.bench import Bench, Report
from benchmarks.model import (
    MODELLED,
    THREADS,
    Costs,
    Prediction,
    ThreadCosts,
    predict,
    predict_threads,
    shape,
)
from benchmarks.process import SCRIPTS, limited_to
from benchmarks.rounds import WARM_UP, Say
from benchmarks.spread import milliseconds, ratios, spread
from mlp import TrainingConfig
from mlp.datasets.split import counts
from mlp.device import available_threads


class Point(NamedTuple):
    """One job: its ranks, the threads of each, and how many times the rows (and the batch)."""

    ranks: int
    threads: int
    factor: int = 1


class Seen(NamedTuple):
    """What was seen of one point, a value a round."""

    seconds: list[float]  # an epoch
    communicating: list[float]  # the part of them spent in the collective, waiting included


class Found(NamedTuple):
    """What was measured of a configuration."""

    seen: dict[Point, Seen]
    costs: Costs
    threads: ThreadCosts


def report(bench: Bench) -> Report:
    """Time one and more ranks and threads, and set models of many beside them."""
    options, say = bench.options, bench.say
    ranks = sorted({1, *options.ranks})
    if ranks[-1] > available_threads():
        raise ValueError(
            f"--ranks must be at most the {available_threads()} cores this process may use, "
            f"got {ranks[-1]}: a rank that waits keeps its core busy"
        )
    texts, record = [], {}
    for title, config in bench.configs.items():
        say(f"-- {title}")
        found = measure(config, ranks, options.rows, options.rounds, options.epochs, say)
        seen, costs, threads = found
        alone = spread(seen[Point(1, 1)].seconds).median
        cut = shape(config, options.rows)
        networks = (costs, costs.over_ethernet())
        models = [[predict(cut, alone, network, n) for n in MODELLED] for network in networks]
        threaded = [predict_threads(cut, threads, n) for n in THREADS]
        lines = []
        for n in ranks[1:]:
            speed = ratios(seen[Point(1, n)].seconds, seen[Point(n, 1)].seconds)
            lines.append(f"- {n} ranks / {n} threads, speed: {layout.ranged(speed, '.2f')}")
        lines.append(
            f"- between 2 ranks: {1e6 * costs.exchange:.0f} us for nothing but the flags, "
            f"{costs.bandwidth / 1e9:.1f} GB/s for gradients; an update {1e3 * costs.update:.1f} ms"
        )
        lines.append(f"- {threads.described(cut)}")
        tables = [ranks_table(seen, points(ranks)), "\n".join(lines)]
        tables += [model_table(seen, *models), threads_table(seen, threaded)]
        texts.append("\n\n".join([f"{title}:", *tables]))
        record[title] = {
            "points": [point._asdict() | one._asdict() for point, one in seen.items()],
            "costs": costs._asdict(),
            "model": {"ranks": MODELLED, "one_host": models[0], "ethernet": models[1]},
            "thread_costs": threads._asdict(),
            "thread_model": {"threads": THREADS, "seconds": threaded},
        }
    return {"results": record}, "\n\n".join(texts)


def points(ranks: Sequence[int]) -> dict[str, list[Point]]:
    """Return the jobs to run: the same training, one as many times larger, and threads instead."""
    return {
        "strong": [Point(n, 1) for n in ranks],
        "weak": [Point(n, 1, n) for n in ranks],
        "threads": [Point(1, n) for n in ranks],
    }


def launcher() -> str:
    """Find `mpiexec`, the one beside this Python first.

    Raises
    ------
    PeerError
        It or mpi4py is missing.
    """
    beside = str(Path(sys.executable).parent)
    found = shutil.which("mpiexec", path=os.pathsep.join([beside, os.environ.get("PATH", "")]))
    if found is None or importlib.util.find_spec("mpi4py") is None:
        raise PeerError('--ranks needs MPI and is not installed; pip install -e ".[mpi]"')
    return found


def run(point: Point, job: dict[str, Any]) -> dict[str, Any]:
    """Run one job; give what its rank 0 says.

    Raises
    ------
    PeerError
        It fails.
    """
    command = [launcher(), "-n", str(point.ranks), sys.executable, "-m", "mpi4py"]
    with limited_to(point.ranks * point.threads):
        done = subprocess.run(
            [*command, "-m", "benchmarks.job", json.dumps(job)],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
            env=os.environ | {"PYTHONPATH": str(SCRIPTS)},
        )
    if done.returncode:
        raise PeerError(f"{point.ranks} ranks: {(done.stderr.strip() or 'no message')[-500:]}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def measure(
    config: TrainingConfig,
    ranks: Sequence[int],
    rows: int | None,
    rounds: int,
    epochs: int,
    say: Say,
) -> Found:
    """Time every point in interleaved rounds, and the parts that the models are made of."""
    rows = rows or counts(config.split)[0]
    seen = {one: Seen([], []) for some in points(ranks).values() for one in some}
    costs: list[Sequence[float]] = []
    threads: list[Sequence[float]] = []
    for number in range(rounds):
        for point, figures in seen.items():
            batch = config.batch_size and config.batch_size * point.factor
            scaled = replace(
                config, batch_size=batch, threads=point.threads, epochs=WARM_UP + epochs + 1
            )
            job = {"config": dataclasses.asdict(scaled), "rows": rows * point.factor}
            answer = run(point, job)
            for values, new in zip(figures, answer["epochs"], strict=True):
                values.append(statistics.median(new))
        alone = {"config": dataclasses.asdict(config), "rows": rows}
        costs.append(run(Point(2, 1), alone | {"probe": "ranks"})["costs"])
        threads.append(run(Point(1, 2), alone | {"probe": "threads"})["costs"])
        last = "; ".join(
            f"{one.ranks} x {one.threads} threads, rows x{one.factor}: {figures.seconds[-1]:.3f}"
            for one, figures in seen.items()
        )
        say(f"round {number + 1} of {rounds}, seconds an epoch: {last}")
    middle = [map(statistics.median, zip(*probed, strict=True)) for probed in (costs, threads)]
    return Found(seen, Costs(*middle[0]), ThreadCosts.of(middle[1]))


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
                    layout.ranged(milliseconds(seconds), ".0f"),
                    layout.ranged(speed, ".2f"),
                    f"{part:.1%}" if point.ranks > 1 else "",
                ]
            )
    return table(lines)


def model_table(
    seen: Mapping[Point, Seen], one_host: Sequence[Prediction], ethernet: Sequence[Prediction]
) -> str:
    """Lay out what the model says of more ranks, beside what was measured."""
    head = ["ranks of one thread", "measured, ms", "model, ms", "of it communicating"]
    head += ["over 25 Gbit/s Ethernet, ms", "of it communicating"]
    lines = [head, ["---:"] * len(head)]
    for ranks, here, there in zip(MODELLED, one_host, ethernet, strict=True):
        point = seen.get(Point(ranks, 1))
        cells = [str(ranks), f"{milliseconds(point.seconds).median:.0f}" if point else ""]
        for one in (here, there):
            cells += [f"{1000 * one.seconds:.0f}", f"{one.communicate / one.seconds:.0%}"]
        lines.append(cells)
    return table(lines)


def threads_table(seen: Mapping[Point, Seen], model: Sequence[float]) -> str:
    """Lay out what the model says of threads, beside what was measured."""
    lines = [["threads", "measured, ms", "model, ms", "speed, model"], ["---:"] * 4]
    for threads, seconds in zip(THREADS, model, strict=True):
        point = seen.get(Point(1, threads))
        measured = layout.ranged(milliseconds(point.seconds), ".0f") if point else ""
        speed = f"{model[0] / seconds:.2f}"
        lines.append([str(threads), measured, f"{1000 * seconds:.0f}", speed])
    return table(lines)

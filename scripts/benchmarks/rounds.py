"""Interleaved rounds: every contestant in turn, again and again, so that noise is shared."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

from benchmarks.process import Entry, Process
from mlp import DivergedError

Say = Callable[[str], object]

WARM_UP = 2
# A library's threads may spin for a while after their last piece of work.
PAUSE_SECONDS = 0.3
# Of a core, that a contestant may use while others are measured: much more than it takes to wait.
IDLE_SHARE = 0.05


@dataclass
class Measured:
    """What was seen of one contestant.

    Attributes
    ----------
    seconds : list of float
        Of an epoch, one a round.
    starts : list of float
        From process start to the end of the first epoch, in fresh processes.
    scores : list
        Loss and accuracy of training, validation and test rows in every warm-up epoch; None for
        the floor, which computes none.
    versions, blas
        Packages that compute; BLAS and OpenMP libraries as threadpoolctl names them.
    rows : int
        Training rows.
    idle_share : float
        Of a core, what it used while others were measured.
    start_bytes, ready_bytes, peak_bytes : int
        Largest resident memory when Python had started, when training could begin, at the end.
    """

    seconds: list[float] = field(default_factory=list)
    starts: list[float] = field(default_factory=list)
    scores: list[list[float] | None] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    blas: list[dict[str, Any]] = field(default_factory=list)
    rows: int = 0
    idle_share: float = 0.0
    start_bytes: int = 0
    ready_bytes: int = 0
    peak_bytes: int = 0


def check_finite(name: str, scores: Sequence[list[float] | None], done: int) -> None:
    """Check that training goes on; that all do the same one is `benchmarks.sameness`' matter.

    Parameters
    ----------
    name : str
        Of the contestant, for the message.
    scores : sequence
        See `Measured`.
    done : int
        Epochs before the first of them.

    Raises
    ------
    DivergedError
        A loss is not finite.
    """
    for epoch, values in enumerate(scores, done + 1):
        if bad := [loss for loss in (values or [])[::2] if not math.isfinite(loss)]:
            raise DivergedError(
                f"{name}: training diverged: a loss is {bad[0]} in epoch {epoch}; "
                "lower the learning rate"
            )


def interleave(
    entries: Mapping[str, Entry], rounds: int, epochs: int, say: Say
) -> dict[str, Measured]:
    """Run rounds of epochs in one persistent process an entry, and each entry in turn.

    The order is rotated from round to round, so that nobody always follows the same one.

    Raises
    ------
    DivergedError
        See `check_finite`.
    """
    results = {name: Measured() for name in entries}
    names = list(entries)
    with ExitStack() as stack:
        processes = {}
        for name, entry in entries.items():
            say(f"{name}: starting, {WARM_UP} epochs to warm up")
            process = processes[name] = Process(entry)
            stack.callback(process.close)
            ready = process.ready()
            one = results[name]
            one.versions, one.blas, one.rows = ready["versions"], ready["blas"], ready["rows"]
            one.start_bytes, one.ready_bytes = ready["start_bytes"], ready["peak_bytes"]
            one.scores = process.ask(WARM_UP)["scores"]
            check_finite(name, one.scores, 0)
        time.sleep(PAUSE_SECONDS)
        for process in processes.values():
            process.watch()
        for number in range(rounds):
            first = number % len(names)
            for name in names[first:] + names[:first]:
                answer = processes[name].ask(epochs)
                check_finite(name, answer["scores"], WARM_UP + number * epochs)
                results[name].seconds.append(sum(answer["seconds"]) / epochs)
                results[name].peak_bytes = answer["peak_bytes"]
                time.sleep(PAUSE_SECONDS)
                processes[name].watch()
            fastest = sorted(names, key=lambda name: results[name].seconds[-1])
            say(
                f"round {number + 1} of {rounds}, seconds an epoch: "
                + ", ".join(f"{name} {results[name].seconds[-1]:.3f}" for name in fastest)
            )
        for name, process in processes.items():
            results[name].idle_share = process.idle_share()
    return results


def busy(measured: Mapping[str, Measured]) -> list[str]:
    """Name who was not idle while others were measured, whose times are too long by that."""
    return [
        f"{name} used {one.idle_share:.0%} of a core while others were measured"
        for name, one in measured.items()
        if one.idle_share > IDLE_SHARE
    ]


def measure_starts(entries: Mapping[str, Entry], repeats: int, say: Say) -> dict[str, list[float]]:
    """Time fresh processes from their start to the end of a run of one epoch, in turn."""
    seconds: dict[str, list[float]] = {name: [] for name in entries}
    entries = {
        name: entry._replace(config=replace(entry.config, epochs=1))
        for name, entry in entries.items()
    }
    for number in range(repeats):
        for name, entry in entries.items():
            time.sleep(PAUSE_SECONDS)
            process = Process(entry)
            try:
                process.request(1)
                process.ready()
                process.wait()
                seconds[name].append(time.perf_counter() - process.started)
            finally:
                process.close()
        say(
            f"start {number + 1} of {repeats}, seconds to the first epoch: "
            + ", ".join(f"{name} {values[-1]:.2f}" for name, values in seconds.items())
        )
    return seconds

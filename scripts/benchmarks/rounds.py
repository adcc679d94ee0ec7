"""Interleaved rounds: every contestant in turn, again and again, so that noise is shared."""

import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from benchmarks.process import Entry, Process

Say = Callable[[str], object]

# Full-batch epoch 1 scores the initial weights; the second shows that the first step was the same.
WARM_UP = 2
# Relative differences of the training, validation and test losses in the warm-up epochs.
# Whole batches agree to the last digits of float32. Mini-batches drift apart step by step: a last
# bit decides on which side of 0 an input of the rectifier falls. So only their first epoch is
# compared, in which every step counts. (parity.py compares weights and gradients as well.)
FULL_TOLERANCE, MINI_TOLERANCE = 1e-5, 1e-2
# A library's threads may spin for a while after their last piece of work.
PAUSE_SECONDS = 0.3


class LossError(RuntimeError):
    """A contestant does another training than ours; the message says how far apart they are."""


class Spread(NamedTuple):
    """Middle and range of repeated measurements."""

    median: float
    low: float
    high: float


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
    start_bytes, ready_bytes, peak_bytes : int
        Largest resident memory when Python had started, when training could begin, at the end.
    """

    seconds: list[float] = field(default_factory=list)
    starts: list[float] = field(default_factory=list)
    scores: list[list[float] | None] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    blas: list[dict[str, Any]] = field(default_factory=list)
    start_bytes: int = 0
    ready_bytes: int = 0
    peak_bytes: int = 0


def spread(values: Sequence[float]) -> Spread:
    """Return median, least and largest value."""
    return Spread(statistics.median(values), min(values), max(values))


def ratios(numerator: Sequence[float], denominator: Sequence[float]) -> Spread:
    """Divide round by round and return the spread: what slows a whole round cancels out."""
    return spread([a / b for a, b in zip(numerator, denominator, strict=True)])


def best_of(contestants: Mapping[str, Measured], names: Sequence[str]) -> list[float]:
    """Return the fastest of the named contestants' seconds in every round."""
    return [min(values) for values in zip(*(contestants[n].seconds for n in names), strict=True)]


def loss_tolerance(batch_size: int | None) -> float:
    """Return the relative difference of losses that is allowed."""
    return FULL_TOLERANCE if batch_size is None else MINI_TOLERANCE


def check_losses(ours: Measured, others: Mapping[str, Measured], batch_size: int | None) -> None:
    """Check that all do the same training as ours.

    Raises
    ------
    LossError
        A loss differs by more than `loss_tolerance`, or is not finite.
    """
    tolerance = loss_tolerance(batch_size)
    compared = WARM_UP if batch_size is None else 1
    for name, other in others.items():
        pairs = list(zip(ours.scores, other.scores, strict=True))[:compared]
        for epoch, (mine, theirs) in enumerate(pairs, 1):
            if mine is None or theirs is None:
                continue
            losses = zip(("training", "validation", "test"), mine[::2], theirs[::2], strict=True)
            for split, a, b in losses:
                gap = abs(b / a - 1) if a else math.inf
                if not gap <= tolerance:
                    raise LossError(
                        f"{name}: {split} loss {b:.6g} in epoch {epoch}, ours {a:.6g}: "
                        f"{gap:.1e} apart, more than {tolerance:.0e}; not the same training"
                    )


def interleave(
    entries: Mapping[str, Entry], rounds: int, epochs: int, say: Say
) -> dict[str, Measured]:
    """Run rounds of epochs in one persistent process an entry, and each entry in turn.

    The order is rotated from round to round, so that nobody always follows the same one.
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
            one.versions, one.blas = ready["versions"], ready["blas"]
            one.start_bytes, one.ready_bytes = ready["start_bytes"], ready["peak_bytes"]
            one.scores = process.ask(WARM_UP)["scores"]
        if "ours" in results:
            check_losses(results["ours"], results, entries["ours"].config.batch_size)
        for number in range(rounds):
            first = number % len(names)
            for name in names[first:] + names[:first]:
                time.sleep(PAUSE_SECONDS)
                answer = processes[name].ask(epochs)
                results[name].seconds.append(sum(answer["seconds"]) / epochs)
                results[name].peak_bytes = answer["peak_bytes"]
            fastest = sorted(names, key=lambda name: results[name].seconds[-1])
            say(
                f"round {number + 1} of {rounds}, seconds an epoch: "
                + ", ".join(f"{name} {results[name].seconds[-1]:.3f}" for name in fastest)
            )
    return results


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

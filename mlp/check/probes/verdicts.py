"""How the probes come to their judgements."""

import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..reference import close
from ..subject import Subject, arrays
from ..verdict import Example, Judgement, Verdict, Way

NO_KIND = "its results are of no known kind"
NO_ARGUMENTS = "its arguments are of no known kind"
FIXED = 500  # whole numbers in a function from here on may be a number of rows or units


def right(
    subject: Subject, notes: Iterable[str] = (), ways: dict[Way, bool] | None = None
) -> Judgement:
    """Judge a function whose results were those expected."""
    if subject.touched:
        return unchecked("it uses a module that is not loaded here")
    notes = list(notes)
    if subject.overwrites:
        notes.append("overwrites its argument")
    if subject.guesses:
        notes.append(f"takes {', '.join(sorted(subject.guesses))} from outside")
    return Judgement(Verdict.CONVENTION if notes else Verdict.RIGHT, notes, ways=ways or {})


def wrong(mistake: str, example: Example | None = None, detail: str = "") -> Judgement:
    """Judge a function whose result is wrong in any convention."""
    return Judgement(Verdict.WRONG, mistake=mistake, example=example, detail=detail)


def fragile(
    mistake: str, example: Example, notes: Iterable[str], ways: dict[Way, bool]
) -> Judgement:
    """Judge a function that is right until its numbers get large or small."""
    return Judgement(Verdict.FRAGILE, list(notes), mistake, example=example, ways=ways)


def unchecked(reason: str) -> Judgement:
    """Say nothing of a function, and why."""
    return Judgement(Verdict.UNCHECKED, [reason])


def hopeless(subject: Subject, plain: bool, small: Sequence[Any] | None = None) -> Judgement | None:
    """Judge a function by the way in which no call of it has worked, if that says enough.

    Parameters
    ----------
    plain : bool
        Its arguments are those of the handout, so that it ought to have worked.
    small : sequence, optional
        Arguments for an example.
    """
    if subject.undefined:
        error = f"NameError: {subject.undefined}"
        example = None if small is None else Example(list(small), error, None)
        return wrong("undefined", example, subject.undefined)
    if subject.doubtful:
        return unchecked(subject.doubtful)
    if not plain:
        return unchecked(NO_ARGUMENTS)
    return None


def raised(subject: Subject, arguments: list[Any], certain: bool = False) -> Judgement:
    """Judge a function by the exception that it raises with sound arguments.

    ``certain`` says that the submission calls it with such arguments.
    """
    outcome = subject.call(*arguments)
    if outcome.error is None or subject.doubtful:
        return unchecked(subject.doubtful or NO_KIND)
    message = textwrap.shorten(outcome.message, 90, placeholder=" ...")
    if outcome.error in ("AttributeError", "ImportError", "ModuleNotFoundError"):
        return unchecked(f"it wants arguments or modules of another kind: {message}")
    if "truth value of an array" in message and not certain:
        return unchecked("it seems to want single numbers")
    if max(subject.constants, default=0) >= FIXED:
        return unchecked(f"it holds fixed sizes: {message}")
    detail = f"{outcome.error}: {message}" if message else str(outcome.error)
    return wrong("raises", Example(arguments, detail, None), outcome.error)


def first_failure(subject: Subject, cases: Iterable[tuple[list[Any], Any]]) -> Example | None:
    """Return the first case whose result is not the expected one, the smallest case first."""
    for arguments, expected in cases:
        outcome = subject.call(*arguments)
        if outcome.error in ("time", "end", "budget"):
            return None
        if outcome.error:
            continue  # it may want other sizes
        if not same(outcome.value, expected):
            return Example(arguments, outcome.value, expected)
    return None


def same(value: Any, expected: Any) -> bool:
    """Whether a result, or a part of it, is the expected one."""
    return any(close(array, np.asarray(expected)) for array in arrays(value))

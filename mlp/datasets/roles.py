"""Which of some named arrays are rows and labels, of which part; which name classes and columns."""

import itertools
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from .errors import DataError
from .naming import WORDS, Name
from .npz import Source


class Arrays(NamedTuple):
    """Rows and labels of one part; None where there are none."""

    rows: Source | None
    labels: Source | None


class Found(NamedTuple):
    """The arrays of a data set.

    Attributes
    ----------
    parts : dict of Arrays
        Of ``train``, ``valid`` and ``test``; arrays whose names have no word for a part are of
        ``train``.
    class_names, feature_names : Source or None
    others : tuple of str
        Names of arrays that are left out.
    """

    parts: dict[str, Arrays]
    class_names: Source | None = None
    feature_names: Source | None = None
    others: tuple[str, ...] = ()

    @property
    def files(self) -> list[Path]:
        """The files that hold them."""
        pairs = itertools.chain.from_iterable(self.parts.values())
        every = (*pairs, self.class_names, self.feature_names)
        return sorted({source.file for source in every if source is not None})


class Candidate(NamedTuple):
    """An array, and what its name says; None where that is not understood.

    Attributes
    ----------
    shown : str
        In messages.
    name : Name or None
    source : Source
    """

    shown: str
    name: Name | None
    source: Source


def assign(where: Path, candidates: Iterable[Candidate], prefer: str) -> Found:
    """Give every array its role.

    Parameters
    ----------
    where : Path
        What a message begins with.
    candidates : iterable of Candidate
    prefer : {"images", "features"}
        Which of these are the rows where both are there.

    Raises
    ------
    DataError
        Two arrays have the same role.
    """
    by_role: dict[tuple[str, str], list[Candidate]] = {}
    others: list[Candidate] = []
    for one in candidates:
        if one.name is None:
            others.append(one)
        else:
            by_role.setdefault((one.name.part, one.name.role), []).append(one)
    if classes := by_role.pop(("train", "classes"), []):
        role = "class names" if ("train", "labels") in by_role else "labels"
        spare = others if ("train", role) in by_role else by_role.setdefault(("train", role), [])
        spare += classes
    chosen = {}
    for key, found in by_role.items():
        chosen[key] = _one(where, key, found, prefer)
        others += [one for one in found if one is not chosen[key]]

    def source(part: str, role: str) -> Source | None:
        return chosen[part, role].source if (part, role) in chosen else None

    parts = {part: Arrays(source(part, "rows"), source(part, "labels")) for part in WORDS}
    return Found(
        {part: arrays for part, arrays in parts.items() if any(arrays)},
        source("train", "class names"),
        source("train", "feature names"),
        tuple(one.shown for one in others),
    )


def _one(where: Path, key: tuple[str, str], found: list[Candidate], prefer: str) -> Candidate:
    part, role = key
    names = [one.shown for one in found]
    if len(found) == 1 or role.endswith("names"):
        return found[0]
    if set(names) == {"images", "features"}:
        return found[names.index(prefer)]
    raise DataError(
        f"{where}: both {names[0]} and {names[1]} are named as the {role} of the {WORDS[part]} "
        "part; leave one of them out"
    )

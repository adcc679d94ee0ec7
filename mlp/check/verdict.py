"""What can be said of one function, and of one line."""

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from .definitions import Function
from .kinds import Kind
from .source import place


class Verdict(Enum):
    """From worst to best, and last what nothing can be said of."""

    WRONG = "wrong"
    FRAGILE = "fragile"  # right, but not for large or small numbers, or not beside the others
    CONVENTION = "convention"  # right, in another convention than the handout's
    RIGHT = "right"
    UNCHECKED = "not checked"


class Way(Enum):
    """What the functions of one submission have to agree on: the handout's way, and the other."""

    LAYOUT = ("has one sample a row", "has one sample a column")
    TARGETS = ("has targets in rows", "has targets in columns")
    SCALE = ("averages over the samples", "sums over the samples")
    SIGN = ("has the sign that the updates want", "has the other sign")


@dataclass
class Example:
    """The smallest call that fails: its arguments, what came and what should have come."""

    arguments: list[Any]
    got: Any
    expected: Any


@dataclass
class Judgement:
    """What trying a function has shown.

    ``mistake`` is a key of `mlp.check.words.MISTAKES`; ``notes`` name conventions, or the reason
    why nothing could be said. ``ways`` says of what the function is sure to have one way only
    whether that is the handout's.
    """

    verdict: Verdict
    notes: list[str] = field(default_factory=list)
    mistake: str | None = None
    detail: str = ""  # completes the mistake's title: a factor, an exception
    example: Example | None = None
    ways: dict[Way, bool] = field(default_factory=dict)


@dataclass
class Tried:
    """A function of a submission and its judgement."""

    function: Function
    kind: Kind
    judgement: Judgement
    called: bool = True  # by anything in the submission


@dataclass
class Remark:
    """What reading a line has shown; ``certain`` ones count as mistakes."""

    line: int
    mistake: str
    detail: str = ""
    certain: bool = False


@dataclass
class Report:
    """Everything that is said of one submission."""

    path: Path
    tried: list[Tried] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)
    problems: list[tuple[int, str]] = field(default_factory=list)  # lines that do not parse
    cells: list[tuple[int, int]] = field(default_factory=list)
    missing_limits: list[str] = field(default_factory=list)
    unreadable: str | None = None  # and why
    seconds: float = 0.0

    def place(self, line: int) -> str:
        """Say where a line is."""
        return place(self.cells, line)

    @property
    def is_wrong(self) -> bool:
        """Whether anything is surely wrong."""
        return self.count(Verdict.WRONG) > 0 or any(remark.certain for remark in self.remarks)

    def count(self, verdict: Verdict) -> int:
        """Return how many functions got a verdict."""
        return sum(one.judgement.verdict is verdict for one in self.tried)

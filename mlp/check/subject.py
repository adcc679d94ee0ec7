"""A student's function while it is tried: calls it, and remembers what spoke against trusting it."""

import ast
import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .child.wire import Other
from .definitions import Definitions, Function
from .process import Outcome, Student
from .reference import Array, Problem

_GUESSES = 4  # names from outside that one call may need
_NAME = re.compile(r"name '(\w+)' is not defined")


class Subject:
    """One function, ready to be called."""

    def __init__(self, function: Function, student: Student, definitions: Definitions) -> None:
        self.function = function
        self.student = student
        self.definitions = definitions
        self.touched = False  # a module that is not loaded had a part in a result
        self.guesses: dict[str, Any] = {}  # names that the submission makes while it runs
        self.undefined: str | None = None  # a name that it makes nowhere
        self.overwrites = False
        self.trouble: str | None = None  # why it is no use to go on
        self.errors: list[Outcome] = []

    def call(self, *arguments: Any, rows: Problem | None = None, x: Array | None = None) -> Outcome:
        """Call it; values for the names it takes from outside are guessed from the problem."""
        if self.trouble:
            return Outcome(error="budget")
        outcome = self.student.call(self.function.name, arguments, self.guesses)
        for _ in range(_GUESSES):
            missing = _NAME.search(outcome.message) if outcome.error == "NameError" else None
            if missing is None or not self._guess(missing[1], rows, x):
                break
            outcome = self.student.call(self.function.name, arguments, self.guesses)
        self.touched |= outcome.touched
        if outcome.error in ("time", "end", "budget"):
            self.trouble = {
                "time": "it took too long",
                "end": "it ended the process",
                "budget": "the file has had its time",
            }[outcome.error]
        elif outcome.error in ("MemoryError", "Refused"):
            self.trouble = outcome.message or "it needs too much memory"
        elif outcome.error:
            self.errors.append(outcome)
        if outcome.value is None and outcome.error is None and outcome.changed:
            outcome.value = next(iter(outcome.changed.values()))  # it works in place
        elif outcome.error is None and outcome.changed:
            self.overwrites = True
        return outcome

    def _guess(self, name: str, rows: Problem | None, x: Array | None) -> bool:
        """Find a value for a name that is made at run time; return whether there is one."""
        if name not in self.definitions.known and not self.definitions.open_ended:
            self.undefined = name
            return False
        word = name.lower().replace("_", "")
        value: Any = None
        if rows is not None:
            if "target" in word or "label" in word:
                value = rows.y
            elif re.fullmatch(r"n|num|nsamples?|numsamples?|batchsize|size|m|ntrain|samples", word):
                value = rows.n
            elif re.fullmatch(r"k|nclass(es)?|numclass(es)?|classes|nout(put)?", word):
                value = rows.k
            elif "data" in word or word in ("x", "xtrain"):
                value = np.zeros((rows.n, 784)) if x is None else x
        if value is None:
            return False
        self.guesses[name] = value
        return True

    @property
    def doubtful(self) -> str | None:
        """Why a result that matches nothing shows nothing."""
        if self.trouble:
            return self.trouble
        if self.touched:
            return "it uses a module that is not loaded here"
        if self.guesses:
            return f"it depends on {', '.join(sorted(self.guesses))}"
        return None

    @property
    def constants(self) -> list[int]:
        """Whole numbers in its code, and in the names it uses, that may be a number of rows."""
        nodes = [self.function.node] if self.function.node else []
        numbers = {n.value for f in nodes for n in ast.walk(f) if isinstance(n, ast.Constant)}
        used = {n.id for f in nodes for n in ast.walk(f) if isinstance(n, ast.Name)}
        for _, chunk in self.definitions.chunks:
            match = re.fullmatch(r"(\w+) = (\d+)", chunk)
            if match and match[1] in used:
                numbers.add(int(match[2]))
        whole = {n for n in numbers if type(n) is int or type(n) is float and n.is_integer()}
        return sorted(int(n) for n in whole if 20 < n <= 20_000)[:3]

    @property
    def is_empty(self) -> bool:
        """Whether nothing has been written into it yet."""
        body = getattr(self.function.node, "body", [])
        if not isinstance(body, list):
            return False
        idle = (ast.Pass, ast.Raise, ast.Return, ast.Expr)
        return all(isinstance(s, idle) and not _computes(s) for s in body)


def _computes(statement: ast.stmt) -> bool:
    value = getattr(statement, "value", None)
    call_of_print = isinstance(value, ast.Call) and ast.unparse(value.func) == "print"
    nothing = value is None or isinstance(value, ast.Constant) or call_of_print
    return not (isinstance(statement, ast.Raise) or nothing)


def arrays(value: Any) -> Iterator[Array]:
    """Yield the arrays of numbers in a result: itself, or the parts of a tuple, list or dict."""
    if isinstance(value, Other) or value is None or isinstance(value, str):
        return
    if isinstance(value, dict):
        value = tuple(value.values())
    if isinstance(value, tuple | list):
        try:
            whole = np.asarray(value)
            if whole.dtype.kind in "biuf":
                yield whole
        except ValueError:
            pass
        for part in value[:12]:
            if isinstance(part, np.ndarray | list | tuple | float | int):
                yield from arrays(part)
        return
    yield np.asarray(value)


def numbers(value: Any) -> Iterator[float]:
    """Yield the single numbers in a result."""
    for array in arrays(value):
        if array.size == 1:
            yield float(array.reshape(()))


def by_names(names: Sequence[str], wanted: Sequence[re.Pattern[str]]) -> list[int] | None:
    """Return for each pattern the one parameter that it fits, or None."""
    places = [[i for i, name in enumerate(names) if pattern.search(name)] for pattern in wanted]
    if any(len(place) != 1 for place in places):
        return None
    chosen = [place[0] for place in places]
    return chosen if len(set(chosen)) == len(chosen) else None

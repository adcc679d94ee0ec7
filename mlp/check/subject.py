"""A student's function while it is tried: calls it, and remembers what its results depend on."""

import ast
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .child.wire import Other
from .definitions import Definitions, Function
from .process import Outcome, Student
from .reference import CLASSES, ROWS, Array, Problem
from .usage import Made, Use, Wrapped

SLOW = 1.5  # seconds of trying, after which large numbers of rows are not tried
_GUESSES = 4  # names from outside that one call may need
_NAME = re.compile(r"name '(\w+)' is not defined")


@dataclass(frozen=True)
class Setting:
    """What the submission does with a function, as far as can be seen."""

    use: Use
    calls: list[list[Made]]  # what made the arguments of every call
    orders: set[bool | None]  # whether the target comes first in its calls
    around: Wrapped
    used: bool  # something is done with its result
    rows: bool | None  # whether softmax gives one sample a row
    adds: bool  # its result is added to the weights, so that it may have the other sign
    chained: bool  # there is a derivative of softmax, by which dL/dp may be multiplied

    @property
    def by_row(self) -> bool:
        """Whether it may be called for one row at a time."""
        return self.use is not Use.MATRICES

    def given(self, *kinds: Made) -> bool:
        """Whether any of its calls has an argument of one of these kinds."""
        return any(made in kinds for call in self.calls for made in call)


class Subject:
    """One function, ready to be called."""

    def __init__(
        self, function: Function, student: Student, definitions: Definitions, setting: Setting
    ) -> None:
        self.function = function
        self.setting = setting
        self.student = student
        self.definitions = definitions
        self.touched = False  # a module that is not loaded had a part in a result
        self.guesses: dict[str, str] = {}  # names made while the submission runs, and their roles
        self.missing: str | None = None  # one of those, that nothing is known of
        self.extras = {  # parameters beside those that its kind has
            place: role
            for place, name in enumerate(function.required)
            if len(function.required) > 2 and (role := _role(name)) in ("n", "k")
        }
        self.seconds = 0.0
        self.undefined: str | None = None  # a name that it makes nowhere
        self.overwrites = False
        self.trouble: str | None = None  # why it is no use to go on

    def call(self, *arguments: Any, rows: Problem | None = None, x: Array | None = None) -> Outcome:
        """Call it; values for the names it takes from outside are guessed from the problem."""
        if self.trouble:
            return Outcome(error="budget")
        start = time.monotonic()
        given = list(arguments)
        if rows is not None:
            for place, role in self.extras.items():
                given.insert(place, _value(role, rows, x))
        for _ in range(_GUESSES):
            names = {name: _value(role, rows, x) for name, role in self.guesses.items()}
            outcome = self.student.call(self.function.name, given, names)
            missing = _NAME.search(outcome.message) if outcome.error == "NameError" else None
            if missing is None or not self._guess(missing[1]):
                break
        self.seconds += time.monotonic() - start
        self.touched |= outcome.touched
        if outcome.error in ("time", "end", "budget"):
            self.trouble = {
                "time": "it took too long",
                "end": "it ended the process",
                "budget": "the file has had its time",
            }[outcome.error]
        elif outcome.error in ("MemoryError", "RefusedError"):
            self.trouble = outcome.message or "it needs too much memory"
        if outcome.error is None and outcome.changed:
            self.overwrites = True
            if outcome.value is None and not self.setting.used:  # it works in place
                outcome.value = next(iter(outcome.changed.values()))
        return outcome

    def _guess(self, name: str) -> bool:
        """Find out what a name stands for that is made at run time; return whether it is known."""
        if name not in self.definitions.known and not self.definitions.open_ended:
            self.undefined = name
            return False
        role = _role(name)
        if role is None or name in self.guesses:
            self.missing = name
            return False
        self.guesses[name] = role
        return True

    @property
    def names(self) -> list[str]:
        """The parameters without extras."""
        required = enumerate(self.function.required)
        return [name for place, name in required if place not in self.extras]

    @property
    def doubtful(self) -> str | None:
        """Why a result that matches nothing shows nothing."""
        if self.trouble:
            return self.trouble
        if self.touched:
            return "it uses a module that is not loaded here"
        if self.missing:
            return f"it needs {self.missing}, which is made while the file runs"
        data = sorted(name for name, role in self.guesses.items() if role in ("x", "y"))
        return f"it depends on {', '.join(data)}" if data else None

    def mentions(self, *numbers: int) -> bool:
        """Whether its code, or the names it uses, hold one of these numbers."""
        return bool(self._numbers() & set(numbers))

    def rows(self) -> Iterator[int]:
        """Yield numbers of rows to try: the usual one, then those that its code may want."""
        yield ROWS
        for n in self.constants:
            if self.seconds > SLOW:
                return
            yield n

    @property
    def constants(self) -> list[int]:
        """Whole numbers in its code, and in the names it uses, that may be a number of rows."""
        return sorted(n for n in self._numbers() if 20 < n <= 20_000)[:3]

    def _numbers(self) -> set[int]:
        nodes = [self.function.node] if self.function.node else []
        numbers = {n.value for f in nodes for n in ast.walk(f) if isinstance(n, ast.Constant)}
        used = {n.id for f in nodes for n in ast.walk(f) if isinstance(n, ast.Name)}
        for _, chunk in self.definitions.chunks:
            match = re.fullmatch(r"(\w+) = (\d+)", chunk)
            if match and match[1] in used:
                numbers.add(int(match[2]))
        whole = {n for n in numbers if type(n) is int or (type(n) is float and n.is_integer())}
        return {int(n) for n in whole}

    @property
    def is_empty(self) -> bool:
        """Whether nothing has been written into it yet."""
        body = getattr(self.function.node, "body", None)
        if not isinstance(body, list):  # a lambda, or only a name is known
            return False
        idle = (ast.Pass, ast.Raise, ast.Return, ast.Expr)
        return all(isinstance(s, idle) and not _computes(s) for s in body)


def _role(name: str) -> str | None:
    """Return what a name stands for: targets, data, or a number of rows or classes."""
    word = name.lower().replace("_", "")
    if "target" in word or "label" in word:
        return "y"
    if re.fullmatch(r"n|m|size|samples|(num|n|no)(of)?(samples?|train|data|rows)|batchsize", word):
        return "n"
    if re.fullmatch(r"k|classes|(num|n|no)(of)?(class(es)?|out(puts?)?|labels)", word):
        return "k"
    return "x" if "data" in word or word in ("x", "xtrain") else None


def _value(role: str, rows: Problem | None, x: Array | None) -> Any:
    """Return a value for a role."""
    n, k = (rows.n, rows.k) if rows is not None else (ROWS, CLASSES)
    if role == "y":
        return rows.y if rows is not None else np.eye(k)[np.arange(n) % k]
    return {"n": n, "k": k, "x": np.zeros((n, 784)) if x is None else x}[role]


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

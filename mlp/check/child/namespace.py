"""The definitions of a file, alive: loaded one by one, called with copies."""

import __future__

import builtins
import contextlib
import copy
import inspect
import io
import random
import signal
import types
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from . import wire
from .stubs import PYTHON_2, Stub, importer

_FLAGS = __future__.annotations.compiler_flag  # annotations may name what is not there


class OutOfTimeError(BaseException):  # which ``except Exception`` lets pass
    """A call has taken too long."""


class Namespace:
    """What a file defines.

    Parameters
    ----------
    seconds : float
        The time that one definition or call may take.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.modules: dict[str, types.ModuleType] = {}
        load = importer(Stub(), self.modules)
        own = {"__import__": load, "input": _no_input, "raw_input": _no_input}
        self.builtins = {**PYTHON_2, **vars(builtins), **own}
        self.instances: dict[str, Any] = {}
        self.names = self._module("")

    def _module(self, name: str) -> dict[str, Any]:
        """Return the names of a module, which is made when it is asked for first."""
        if name not in self.modules:
            self.modules[name] = types.ModuleType(name or "submission")
            # NumPy is there for code that has lost the line that imports it.
            vars(self.modules[name]).update({"__builtins__": self.builtins, "np": np})
        return vars(self.modules[name])

    def load(self, module: str, chunk: str) -> str | None:
        """Execute a definition in the submission ("") or a file beside it; return its error."""
        try:
            with self._guarded():
                code = compile(chunk, "submission", "exec", _FLAGS, dont_inherit=True)
                exec(code, self._module(module))
        except BaseException as error:
            return f"{type(error).__name__}: {_text(error)}"
        return None

    def call(self, name: str, arguments: list[Any], extra: dict[str, Any]) -> dict[str, Any]:
        """Call a function, or a method as ``Class.method``, with names it takes from outside.

        Returns
        -------
        dict
            ``value``, or ``error`` and ``message``; ``touched``: a stand-in was used; ``changed``:
            the arguments that were overwritten, by their number.
        """
        given = copy.deepcopy(arguments)
        hidden = {key: self.names[key] for key in extra if key in self.names}
        self.names.update(extra)
        Stub.touched = False
        answer: dict[str, Any]
        try:
            with self._guarded():
                value = self._find(name)(*given)
                if isinstance(value, types.GeneratorType):
                    value = list(value)
                if isinstance(value, Stub):
                    Stub.touched = True
            answer = {"value": value}
        except BaseException as error:
            answer = {"error": type(error).__name__, "message": _text(error)}
        finally:
            for key in extra:
                self.names.pop(key, None)
            self.names.update(hidden)
        pairs = enumerate(zip(arguments, given, strict=True))
        answer["changed"] = {i: new for i, (old, new) in pairs if not _equal(old, new)}
        return {**answer, "touched": Stub.touched}

    def _find(self, name: str) -> Any:
        """Return what a dotted name stands for; a class on the way gives an instance."""
        first, *others = name.split(".")
        found, path = self.names[first], first
        for part in others:
            if isinstance(found, type):
                found = self._instance(path, found)
            found, path = getattr(found, part), f"{path}.{part}"
        Stub.touched = False
        code = getattr(getattr(found, "__func__", None), "__code__", None)
        if code is not None and code.co_argcount == 0 and not code.co_flags & inspect.CO_VARARGS:
            return found.__func__  # a method that forgot `self`
        return found

    def _instance(self, path: str, kind: type) -> Any:
        if path not in self.instances:
            signal.setitimer(signal.ITIMER_REAL, self.seconds / 3, 0.05)
            try:
                made = kind()
            except (Exception, OutOfTimeError, SystemExit):  # it wants arguments, or trains
                made = object.__new__(kind)
            signal.setitimer(signal.ITIMER_REAL, self.seconds * 2 / 3, 0.05)
            self.instances[path] = made
        return self.instances[path]

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        """Swallow what is printed, keep the time, and leave NumPy's settings as they were."""

        def ring(number: int, frame: object) -> None:
            raise OutOfTimeError("it took too long")

        signal.signal(signal.SIGALRM, ring)
        random.seed(0)
        np.random.seed(0)  # noqa: NPY002 - students' code draws from it
        try:
            # It rings again for code that catches everything.
            signal.setitimer(signal.ITIMER_REAL, self.seconds, 0.05)
            with (
                np.errstate(all="ignore"),
                warnings.catch_warnings(),
                contextlib.redirect_stdout(_Nowhere()),
                contextlib.redirect_stderr(_Nowhere()),
            ):
                warnings.simplefilter("ignore")
                yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)


class _Nowhere(io.TextIOBase):
    """Takes any text and keeps none."""

    def write(self, text: str) -> int:
        return len(text)


def _no_input(prompt: object = "") -> str:
    raise EOFError("there is nobody to answer")


def _text(error: BaseException) -> str:
    try:
        return str(error)[:300]
    except BaseException:  # a class of its own, whose text fails
        return ""


def _equal(old: Any, new: Any) -> bool:
    """Compare an argument with the copy that was given away."""
    buffers = [io.BytesIO(), io.BytesIO()]
    for buffer, value in zip(buffers, (old, new), strict=True):
        wire.send(buffer, value)
    return buffers[0].getvalue() == buffers[1].getvalue()

"""The process that runs a student's code, seen from outside: start it, ask it, end it."""

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, cast

import numpy as np

from .child import wire

CALL_SECONDS = 2.0
FILE_SECONDS = 9.0
MEMORY_BYTES = 3 << 30
LATE_SECONDS = 0.5  # after which a call that does not end by itself is ended
STARTING_SECONDS = 10.0
_ENDED = "loading it ended the process"

# The folder is a package under a name of its own: nothing else of this project is loaded there.
_PROGRAM = """
import importlib.util, sys
folder, numpy, seconds, cpu_seconds, memory_bytes = sys.argv[1:]
sys.path += [numpy] * (numpy not in sys.path)
place = folder + "/__init__.py"
spec = importlib.util.spec_from_file_location("child", place, submodule_search_locations=[folder])
sys.modules["child"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sys.modules["child"])
from child.serve import main
main(float(seconds), int(cpu_seconds), int(memory_bytes))
"""


class StartError(RuntimeError):
    """The process for a student's code does not start on this machine."""


@dataclass
class Outcome:
    """What came of one call.

    ``error`` is the exception's class, or ``time``: it took too long, ``end``: the process ended,
    ``budget``: the file has had its time.
    """

    value: Any = None
    error: str | None = None
    message: str = ""
    touched: bool = False  # a stand-in for a module was used
    changed: dict[int, Any] = field(default_factory=dict)  # arguments that were overwritten


class Student:
    """A student's definitions in a process of their own, as a context.

    Parameters
    ----------
    definitions : sequence of (str, str)
        The module, "" for the submission itself, and the source of each, in order.
    """

    def __init__(self, definitions: Sequence[tuple[str, str]]) -> None:
        self.definitions = list(definitions)
        self.errors: dict[int, str] = {}  # of definitions that could not be loaded
        self.missing_limits: list[str] = []
        self._process: subprocess.Popen[bytes] | None = None
        self._deadline = time.monotonic() + FILE_SECONDS

    def __enter__(self) -> "Student":
        self._home = tempfile.TemporaryDirectory(prefix="mlp-check-")
        try:
            self._start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end()
        self._home.cleanup()

    def call(
        self, name: str, arguments: Sequence[Any], names: dict[str, Any] | None = None
    ) -> Outcome:
        """Call a function with copies of arguments, and names that it takes from outside."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            return Outcome(error="budget")
        try:
            if self._process is None:
                self._start()
            message = ["call", name, list(arguments), names or {}]
            answer = self._ask(message, min(left, CALL_SECONDS) + LATE_SECONDS)
            changed = {int(key): value for key, value in answer["changed"].items()}
            if "error" not in answer:
                return Outcome(answer["value"], touched=bool(answer["touched"]), changed=changed)
            kind = "time" if answer["error"] == "OutOfTimeError" else str(answer["error"])
            return Outcome(None, kind, str(answer["message"]), bool(answer["touched"]), changed)
        except TimeoutError:
            self._end()
            return Outcome(error="time")
        except (AttributeError, EOFError, KeyError, OSError, StartError, TypeError, ValueError):
            self._end()  # it has ended, or what it sends cannot be understood
            return Outcome(error="end")

    def _start(self) -> None:
        folder = Path(wire.__file__).parent
        words = [folder, Path(np.__file__).parents[1], CALL_SECONDS, int(FILE_SECONDS) + 2]
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-B", "-c", _PROGRAM, *map(str, words), str(MEMORY_BYTES)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=self._home.name,
            env={},
            start_new_session=True,
        )
        try:
            self.missing_limits = list(map(str, self._answer(STARTING_SECONDS)))
        except (EOFError, OSError, ValueError) as error:
            self._end()
            message = (
                "the process that runs a submission's functions does not start; see mlp doctor"
            )
            raise StartError(message) from error
        for number, definition in enumerate(self.definitions):
            if self.errors.get(number) == _ENDED:
                continue
            if time.monotonic() > self._deadline:
                self.errors[number] = "the file has had its time"
                continue
            try:
                answer = self._ask(["load", *definition], CALL_SECONDS + LATE_SECONDS)
            except (EOFError, OSError, ValueError):
                self.errors[number] = _ENDED
                self._end()
                return self._start()  # without it
            if answer is not None:
                self.errors[number] = str(answer)

    def _ask(self, message: Any, seconds: float) -> Any:
        assert self._process is not None
        wire.send(cast(BinaryIO, self._process.stdin), message)
        return self._answer(seconds)

    def _answer(self, seconds: float) -> Any:
        """Wait for the answer's first byte; the rest follows at once."""
        assert self._process is not None
        stream = cast(BinaryIO, self._process.stdout)
        with selectors.DefaultSelector() as selector:
            selector.register(stream, selectors.EVENT_READ)
            if not selector.select(seconds):
                raise TimeoutError
        return wire.receive(stream)

    def _end(self) -> None:
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        for stream in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                cast(BinaryIO, stream).close()
        self._process.wait()
        self._process = None

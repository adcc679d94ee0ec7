"""The parent's end of a contestant's process."""

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, TextIO, cast

from peers import PeerError, check

from mlp import DataError, DivergedError, TrainingConfig

SCRIPTS = Path(__file__).resolve().parents[1]


class Entry(NamedTuple):
    """What a contestant is to do.

    Attributes
    ----------
    contestant : str
        ``ours``, ``floor``, ``numpy`` or a name of `peers.PEERS`.
    config : TrainingConfig
        `epochs` is the most that can be asked for; `threads` is set.
    rows : int or None
        Training rows, see `benchmarks.link.resize`; None takes those of the split.
    batches : int, optional
        As many batches of the first of those at most; see `benchmarks.link.read`.
    """

    contestant: str
    config: TrainingConfig
    rows: int | None = None
    batches: int | None = None


class Process:
    """A contestant in a fresh process, as many cores of which it may use as it has threads."""

    def __init__(self, entry: Entry) -> None:
        self.name = entry.contestant
        self.started = time.perf_counter()
        self._errors = tempfile.TemporaryFile()
        folders = [str(SCRIPTS), str(SCRIPTS.parent), os.environ.get("PYTHONPATH")]
        path = os.pathsep.join(filter(None, folders))
        with limited_to(entry.config.threads):
            self._process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.contestant"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                encoding="utf-8",
                env=os.environ | {"PYTHONPATH": path} | only_gpu(entry.config.device),
            )
        self._requests = cast(TextIO, self._process.stdin)
        self._answers = cast(TextIO, self._process.stdout)
        device = entry.config.device.partition(":")[0]  # of those that it sees, the first
        job = {
            "contestant": entry.contestant,
            "config": dataclasses.asdict(entry.config) | {"device": device},
            "rows": entry.rows,
            "batches": entry.batches,
        }
        self._watched: tuple[float, float] | None = None  # processor time, and when it was told
        self._idle = self._waited = 0.0
        self._send(json.dumps(job))

    def ready(self) -> dict[str, Any]:
        """Wait until training can begin; give versions, BLAS and memory so far."""
        return self.wait()

    def request(self, epochs: int) -> None:
        """Ask for epochs without waiting."""
        self._send(str(epochs))

    def ask(self, epochs: int) -> dict[str, Any]:
        """Have epochs run, and return the seconds and scores of each, and the peak memory."""
        asked = time.perf_counter()
        self.request(epochs)
        answer = self.wait()
        if self._watched is not None:
            used, since = self._watched
            self._idle += answer["processor"][0] - used
            self._waited += asked - since
            self._watched = None
        return answer

    def watch(self) -> None:
        """Note the processor time that was used until now: until the next `ask` none should be."""
        self._watched = self.ask(0)["processor"][1], time.perf_counter()

    def idle_share(self) -> float:
        """Return how much of a core was used from `watch` to `ask`, in all so far."""
        self.ask(0)
        return self._idle / self._waited if self._waited else 0.0

    def close(self) -> None:
        """End the process."""
        with suppress(BrokenPipeError):
            self._requests.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._answers.close()
        self._errors.close()

    def _send(self, line: str) -> None:
        with suppress(BrokenPipeError):  # it is dead: the answer says so
            self._requests.write(line + "\n")
            self._requests.flush()

    def wait(self) -> dict[str, Any]:
        """Wait for the answer to a request.

        Raises
        ------
        PeerError
            The contestant fails, or its process has died.
        DataError
            It cannot train on the data.
        DivergedError
            Its training diverges.
        """
        line = self._answers.readline()
        if not line:
            self._errors.seek(0)
            said = self._errors.read().decode(errors="replace").strip().splitlines()
            last = said[-1][:300] if said else "it said nothing; is there memory enough?"
            raise PeerError(f"{self.name}: its process died: {last}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            if answer["kind"] == "DataError":
                raise DataError(answer["error"])
            kind = DivergedError if answer["kind"] == "DivergedError" else PeerError
            raise kind(f"{self.name}: {answer['error']}")
        return answer


def only_gpu(device: str) -> dict[str, str]:
    """Return the environment of a process that sees no GPU but one: the first, or ``cuda:N``."""
    if device == "cpu":
        return {}
    number = int(device.partition(":")[2] or 0)
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return {"CUDA_VISIBLE_DEVICES": visible.split(",")[number] if visible else str(number)}


@contextmanager
def limited_to(threads: int | None) -> Iterator[None]:
    """Start processes on this many of the cores, which every library takes as its own limit.

    Raises
    ------
    ValueError
        There are fewer cores, or this system cannot keep a process to some of them.
    """
    if not hasattr(os, "sched_getaffinity"):
        if threads not in (None, os.cpu_count()):
            raise ValueError("--threads needs Linux: only there can other libraries be held to it")
        yield
        return
    allowed = os.sched_getaffinity(0)
    if threads is not None and threads > len(allowed):
        raise ValueError(
            f"--threads must be at most the {len(allowed)} cores this process may use, "
            f"got {threads}"
        )
    os.sched_setaffinity(0, sorted(allowed)[:threads])
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def check_installed(contestant: str) -> None:
    """Check that a contestant's package is there; see `peers.check`."""
    if contestant not in ("ours", "floor", "numpy"):
        check(contestant)

"""How long the device takes for calls, and how long the host."""

import math
import time
from collections.abc import Callable

from benchmarks.spread import Spread, spread

from verification.setup import Setup

MOST_COPIES_AHEAD = 200


class Timer:
    """Measures the device's time for calls, and a copy's to measure them by.

    A kernel may take less time than its launch from Python. So the launches wait in the stream
    behind a number of copies, until all of them are there; then the device runs them back to back.
    """

    def __init__(self, setup: Setup) -> None:
        import cupy

        self._cupy = cupy
        self._rounds = setup.rounds
        self._source = cupy.zeros(setup.array_bytes, cupy.uint8)
        self._target = cupy.zeros(setup.array_bytes, cupy.uint8)
        self._copy_seconds = math.inf  # no copies before the copies
        self.copy = self.device_seconds(self._copy, 4)
        self._copy_seconds = self.copy.median

    def _copy(self) -> None:
        self._cupy.copyto(self._target, self._source)

    def device_seconds(self, call: Callable[[], object], times: int) -> Spread:
        """Return the device's seconds for a call that is made so many times in a row."""
        cuda = self._cupy.cuda

        def launch() -> None:
            for _ in range(times):
                call()

        launch()  # compiles
        cuda.Device().synchronize()
        began = time.perf_counter()
        launch()
        ahead = 2 * (time.perf_counter() - began) / self._copy_seconds
        seconds: list[float] = []
        for _ in range(self._rounds):
            for _ in range(min(math.ceil(ahead), MOST_COPIES_AHEAD)):
                self._copy()
            start, stop = cuda.Event(), cuda.Event()
            start.record()
            launch()
            stop.record()
            stop.synchronize()
            seconds.append(cuda.get_elapsed_time(start, stop) / 1e3 / times)
        return spread(seconds)

    def host_and_whole_seconds(self, call: Callable[[], object]) -> tuple[Spread, Spread]:
        """Return the seconds until a call's launches are queued, and until they are done."""
        synchronize = self._cupy.cuda.Device().synchronize
        queued, done = [], []
        for _ in range(self._rounds):
            synchronize()
            began = time.perf_counter()
            call()
            queued.append(time.perf_counter() - began)
            synchronize()
            done.append(time.perf_counter() - began)
        return spread(queued), spread(done)

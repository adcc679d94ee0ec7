"""Signals that ask a training to stop: of a keyboard, a terminal that closes, a scheduler."""

import atexit
import signal
import time
from collections.abc import Callable
from types import FrameType

# Whose usual answer is to end the process. Slurm's --signal and Grid Engine's -notify send the
# last two before the time is over.
STOPPING = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)
_MOMENT = 1.0  # seconds


class StoppedBySignal(Exception):  # noqa: N818 - it is no error
    """Training has stopped as a signal asked; its number, and what to say."""

    def __init__(self, number: int, message: str) -> None:
        super().__init__(message)
        self.number = number


def heeded() -> list[int]:
    """Return the stopping signals that this process heeds: nohup and `&` let it ignore some."""
    return [one for one in STOPPING if signal.getsignal(one) not in (signal.SIG_IGN, None)]


class StopSignals:
    """Notes the first signal that asks to stop; one that comes later acts at once.

    Schedulers, mpiexec and terminals that close send several: what comes within a second of the
    first is taken for the same, also where the training has stopped meanwhile.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._since = 0.0  # when it came
        self._then: Callable[[int], object] = lambda number: None

    def __enter__(self) -> "StopSignals":
        self._previous = {number: signal.signal(number, self._note) for number in heeded()}
        return self

    def __exit__(self, *exception: object) -> None:
        if self.received is None:
            self._restore()
        else:  # Python forgets its handlers while it ends, but not what is ignored
            atexit.register(self._ignore)

    def __call__(self) -> bool:
        """Return whether training is to stop."""
        return self.received is not None

    def pass_on(self, then: Callable[[int], object]) -> None:
        """Call `then` with the number of every signal that counts, also of one that has come."""
        self._then = then
        if self.received is not None:
            then(self.received)

    def _restore(self) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _ignore(self) -> None:
        for number in self._previous:
            signal.signal(number, signal.SIG_IGN)

    def _note(self, number: int, frame: FrameType | None) -> None:
        late = self.received is not None
        if late and time.monotonic() - self._since <= _MOMENT:
            return
        if not late:
            self._since = time.monotonic()
            self.received = number
        self._then(number)
        if late:
            self._restore()
            signal.raise_signal(number)

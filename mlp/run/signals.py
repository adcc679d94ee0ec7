"""Signals that ask a training to stop."""

import signal
from types import FrameType


class StoppedBySignal(Exception):  # noqa: N818 - it is no error
    """Training has stopped as a signal asked; its number, and what to say."""

    def __init__(self, number: int, message: str) -> None:
        super().__init__(message)
        self.number = number


class StopSignals:
    """Notes the first SIGINT or SIGTERM; a second one acts at once."""

    def __init__(self) -> None:
        self.received: int | None = None

    def __enter__(self) -> "StopSignals":
        self._previous = {
            number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)
        }
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def __call__(self) -> bool:
        """Return whether training is to stop."""
        return self.received is not None

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.received = number
        self.__exit__()

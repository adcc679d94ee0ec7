"""A barrier of threads, one of which acts while the others wait."""

import threading
from collections.abc import Callable
from contextlib import suppress


class Meeting:
    """What `threading.Barrier` is, in half of its time: the last to come wakes the others.

    That barrier's members share a lock with which each of them wakes and leaves, one by one; of a
    mini-batch's step on two threads it was a tenth. Here each waits for a lock of its own.

    Parameters
    ----------
    members : int
        Threads, all of which come to every meeting.
    action : callable
        Done by the last to come, before the others go on.
    """

    def __init__(self, members: int, action: Callable[[], object]) -> None:
        self._members, self._action = members, action
        self._mutex = threading.Lock()
        self._gates: list[threading.Lock] = []  # of those who are here
        self._leaving: list[threading.Lock] = []  # and of those who are being woken
        self._broken = False

    def wait(self) -> None:
        """Wait for all others.

        Raises
        ------
        threading.BrokenBarrierError
            `abort` was called, before or meanwhile.
        """
        gate = threading.Lock()
        gate.acquire()
        with self._mutex:
            self._check()
            self._gates.append(gate)
            complete = len(self._gates) == self._members
        if not complete:
            gate.acquire()
            self._check()
            return
        try:
            self._action()
        except BaseException:
            self.abort()
            raise
        with self._mutex:  # before anyone can come again
            self._leaving, self._gates = self._gates, []
        _wake(self._leaving)

    def abort(self) -> None:
        """End the waiting of all, now and from now on, with an error."""
        with self._mutex:
            self._broken = True
            gates, self._gates = [*self._gates, *self._leaving], []
        _wake(gates)

    def _check(self) -> None:
        if self._broken:
            raise threading.BrokenBarrierError


def _wake(gates: list[threading.Lock]) -> None:
    for gate in gates:
        with suppress(RuntimeError):  # it was woken already
            gate.release()

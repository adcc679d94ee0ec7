"""Signals that ask a training to stop: the first is noted, one that comes later acts at once."""

import os
import signal
import subprocess
import sys
from itertools import product

import pytest

from mlp.run import signals
from mlp.run.signals import STOPPING, StoppedBySignal, StopSignals, heeded


def handlers():
    return [signal.getsignal(number) for number in STOPPING]


class Clock:
    """Time that goes on when it is told to."""

    now = 0.0

    @classmethod
    def monotonic(cls):
        return cls.now


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """Let a signal that acts raise an error instead of ending pytest; return its clock."""

    def act(number, frame):
        raise InterruptedError(number)

    clock = type("Clock", (Clock,), {})
    monkeypatch.setattr(signals, "time", clock)
    before = [signal.signal(number, act) for number in STOPPING]
    yield clock
    for number, handler in zip(STOPPING, before, strict=True):
        signal.signal(number, handler)


def test_terminals_keyboards_and_schedulers_are_heeded():
    names = {number.name for number in STOPPING}
    assert names == {"SIGHUP", "SIGINT", "SIGTERM", "SIGUSR1", "SIGUSR2"}
    assert heeded() == list(STOPPING)


@pytest.mark.parametrize(("first", "second"), list(product(STOPPING, repeat=2)))
def test_the_first_is_noted_another_within_a_second_is_the_same_a_later_one_acts(
    clock, first, second
):
    before = handlers()
    with StopSignals() as stop:
        assert (stop(), stop.received) == (False, None)
        os.kill(os.getpid(), first)
        assert (stop(), stop.received) == (True, first)
        for clock.now in (0.0, 0.5, 1.0):
            os.kill(os.getpid(), second)
        assert handlers() != before
        clock.now = 1.1
        with pytest.raises(InterruptedError):
            os.kill(os.getpid(), second)
        assert stop.received == first
        assert handlers() == before


def test_one_within_a_second_is_the_same_after_the_training_too(clock):
    """Else it would end a process that is about to say where the checkpoint lies."""
    before = handlers()
    with StopSignals():
        os.kill(os.getpid(), signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGTERM)
    clock.now = 2.0
    with StopSignals() as again:  # of whoever trains in a notebook and interrupts it twice
        os.kill(os.getpid(), signal.SIGINT)
        assert again.received == signal.SIGINT
    clock.now = 4.0
    with pytest.raises(InterruptedError):
        os.kill(os.getpid(), signal.SIGTERM)
    assert handlers() == before


@pytest.mark.parametrize("number", STOPPING)
def test_what_was_ignored_at_the_start_stays_ignored(number):
    signal.signal(number, signal.SIG_IGN)
    with StopSignals() as stop:
        os.kill(os.getpid(), number)
        assert not stop()
        other = next(one for one in STOPPING if one != number)
        os.kill(os.getpid(), other)
        assert stop.received == other
    assert signal.getsignal(number) is signal.SIG_IGN


def test_what_counts_is_passed_on_even_if_it_came_before(clock):
    passed = []
    with StopSignals() as stop:
        stop.pass_on(passed.append)
        os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGHUP)
        assert passed == [signal.SIGHUP]
        stop.pass_on(passed.append)
        assert passed == [signal.SIGHUP] * 2
        clock.now = 3.0
        with pytest.raises(InterruptedError):
            os.kill(os.getpid(), signal.SIGTERM)
        assert passed[2:] == [signal.SIGTERM]


def test_handlers_are_as_they_were_afterwards():
    before = handlers()
    with StopSignals():
        assert handlers() != before
    assert handlers() == before
    with pytest.raises(ZeroDivisionError), StopSignals():
        raise ZeroDivisionError
    assert handlers() == before


def test_a_later_signal_ends_a_process_as_if_nobody_had_caught_it():
    code = (
        "import os, signal, time; from mlp.run import signals\n"
        "signals._MOMENT = 0.0\n"
        "with signals.StopSignals():\n"
        "    for _ in range(2): os.kill(os.getpid(), signal.SIGUSR1); time.sleep(0.01)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], timeout=60, check=False)
    assert done.returncode == -signal.SIGUSR1


def test_a_stop_tells_its_number_and_what_to_say():
    stopped = StoppedBySignal(signal.SIGTERM, "interrupted after epoch 3")
    assert (stopped.number, str(stopped)) == (15, "interrupted after epoch 3")

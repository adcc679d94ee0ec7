"""Signals that ask a training to stop: the first is noted, the second acts at once."""

import os
import signal

import pytest

from mlp.run.signals import StoppedBySignal, StopSignals

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def handlers():
    return [signal.getsignal(number) for number in SIGNALS]


@pytest.fixture(autouse=True)
def harmless():
    """Let a signal that acts raise an error instead of ending pytest."""

    def act(number, frame):
        raise InterruptedError(number)

    before = [signal.signal(number, act) for number in SIGNALS]
    yield
    for number, handler in zip(SIGNALS, before, strict=True):
        signal.signal(number, handler)


@pytest.mark.parametrize("first", SIGNALS)
@pytest.mark.parametrize("second", SIGNALS)
def test_the_first_is_noted_and_the_second_acts_at_once(first, second):
    before = handlers()
    with StopSignals() as stop:
        assert (stop(), stop.received) == (False, None)
        os.kill(os.getpid(), first)
        assert (stop(), stop.received) == (True, first)
        assert handlers() == before
        with pytest.raises(InterruptedError):
            os.kill(os.getpid(), second)
        assert stop.received == first


def test_handlers_are_as_they_were_afterwards():
    before = handlers()
    with StopSignals():
        assert handlers() != before
    assert handlers() == before
    with pytest.raises(ZeroDivisionError), StopSignals():
        raise ZeroDivisionError
    assert handlers() == before


def test_a_stop_tells_its_number_and_what_to_say():
    stopped = StoppedBySignal(signal.SIGTERM, "interrupted after epoch 3")
    assert (stopped.number, str(stopped)) == (15, "interrupted after epoch 3")

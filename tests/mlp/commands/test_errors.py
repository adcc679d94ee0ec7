"""What can be expected to go wrong is one line and an exit status; the rest is a traceback."""

import signal

import pytest

from mlp import DataError, DeviceError, DivergedError, FileError
from mlp.commands.errors import CommandError, guarded
from mlp.communicator import CommunicatorError
from mlp.run.signals import StoppedBySignal

ERRORS = [
    (DataError("bad rows"), 2),
    (FileError("bad file"), 2),
    (ValueError("bad option"), 2),
    (ModuleNotFoundError("no such library"), 2),
    (CommunicatorError("bad ranks"), 2),
    (DeviceError("no GPU"), 3),
    (DivergedError("diverged"), 4),
    (StoppedBySignal(signal.SIGTERM, "interrupted"), 143),
    (CommandError(7, "of its own"), 7),
]


def raising(error):
    def program():
        raise error

    return program


@pytest.mark.parametrize(("error", "status"), ERRORS, ids=lambda one: type(one).__name__)
def test_an_error_is_one_line_and_its_status(capsys, error, status):
    assert guarded("mlp train", raising(error)) == status
    assert capsys.readouterr() == ("", f"mlp train: error: {error}\n")


def test_the_system_and_the_keyboard_are_one_line_too(capsys):
    assert guarded("p", raising(PermissionError(13, "Permission denied", "a"))) == 2
    assert capsys.readouterr().err == "p: error: [Errno 13] Permission denied: 'a'\n"
    assert guarded("p", raising(KeyboardInterrupt())) == 130
    assert capsys.readouterr().err == "p: error: interrupted\n"
    assert guarded("p", raising(MemoryError("480 GiB"))) == 2
    expected = "p: error: not enough memory; lower --hidden or --shard-rows (480 GiB)\n"
    assert capsys.readouterr().err == expected
    assert guarded("p", raising(RuntimeError("can't start new thread"))) == 3
    expected = "raise the limit on processes (ulimit -u), or lower --threads"
    assert capsys.readouterr().err == f"p: error: can't start new thread; {expected}\n"


def test_a_programs_own_errors_come_first(capsys):
    class MineError(ValueError):
        pass

    assert guarded("p", raising(MineError("mine")), {MineError: 9}) == 9
    assert guarded("p", raising(ValueError("other")), {MineError: 9}) == 2
    assert capsys.readouterr().err == "p: error: mine\np: error: other\n"


def test_what_nobody_expects_is_not_hidden():
    with pytest.raises(ZeroDivisionError):
        guarded("p", raising(ZeroDivisionError()))


def test_a_status_is_passed_on():
    assert guarded("p", lambda: 5) == 5

"""What all command lines share: usage errors in one line, and words that are safe to print."""

import argparse

import pytest

from mlp.commands.parser import Parser, Status, at_least, fail, visible


def test_a_usage_error_is_one_line_with_status_2(capsys):
    parser = Parser("mlp train", "Train.")
    parser.add_argument("--top", type=at_least(1))
    for words, message in (
        (["--no-such"], "unrecognized arguments: --no-such"),
        (["--top", "0"], "argument --top: invalid number of at least 1 value: '0'"),
        (["--top", "one"], "argument --top: invalid number of at least 1 value: 'one'"),
        (["\x1b[31m\n"], "unrecognized arguments: \\x1b[31m\\n"),
    ):
        with pytest.raises(SystemExit) as stop:
            parser.parse_args(words)
        assert stop.value.code == Status.BAD_INPUT == 2
        assert capsys.readouterr().err == f"mlp train: error: {message}; see --help\n"


@pytest.mark.parametrize(
    ("prog", "expected"),
    [
        ("mlp train", "mlp train --x\nmpiexec python -m mpi4py -m mlp train\n"),
        ("train.py", "python scripts/train.py --x\nmpiexec python -m mpi4py scripts/train.py\n"),
    ],
)
def test_help_shows_commands_as_they_are_typed(prog, expected):
    parser = Parser(prog, "mlp train --x\nmpiexec python -m mpi4py -m mlp train")
    assert expected in parser.format_help()


def test_at_least_takes_whole_numbers_from_there_on():
    assert [at_least(3)(text) for text in ("3", "4")] == [3, 4]
    for text in ("2", "3.0", ""):
        with pytest.raises(ValueError):  # noqa: PT011 - argparse words it
            at_least(3)(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ä 字", "plain ä 字"),
        ("a\nb\r\t", "a\\nb\\r\\t"),
        ("\x1b[2J", "\\x1b[2J"),
        ("\u202egnp", "\\u202egnp"),  # which would turn the line around
        ("\udcff", "\\udcff"),
        (ValueError("wrong\n"), "wrong\\n"),
    ],
)
def test_control_codes_are_shown_and_not_sent(text, shown):
    assert visible(text) == shown


def test_what_fails_is_said_in_one_line_on_stderr(capsys):
    assert fail("mlp train", Status.UNUSABLE, "no\nGPU") == 3
    assert capsys.readouterr() == ("", "mlp train: error: no\\nGPU\n")


def test_exit_statuses_keep_their_meaning():
    assert {status.name: int(status) for status in Status} == {
        "DONE": 0,
        "FAILED": 1,
        "BAD_INPUT": 2,
        "UNUSABLE": 3,
        "DIVERGED": 4,
        "SIGNALLED": 128,
    }
    assert isinstance(Parser("a", None), argparse.ArgumentParser)

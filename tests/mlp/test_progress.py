"""How a training is shown: in a terminal, in a file, in a notebook."""

import os
import pty
import re
import sys
import termios

import pytest

import mlp
from mlp.commands.train import main

CONFIG = mlp.TrainingConfig(hidden=(4,), epochs=20, device="cpu", threads=1)


def test_without_a_terminal_there_is_a_line_every_tenth_of_the_run(make_dataset, capsys):
    state = mlp.train(make_dataset(), CONFIG, on_epoch=mlp.Progress())
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        f"epoch {epoch} of 20" for epoch in range(2, 21, 2)
    ]
    row = state.history[-1]
    told = f"loss {row.train_loss:.4f}, validation accuracy {row.valid_accuracy:.4f}"
    assert lines[-1].endswith(told)


@pytest.mark.parametrize(
    ("epochs", "count"), [(0, 0), (1, 1), (7, 7), (10, 10), (25, 10), (33, 10)]
)
def test_it_is_never_more_than_ten_lines_and_the_last_epoch_is_one(
    make_dataset, capsys, epochs, count
):
    config = mlp.TrainingConfig(hidden=(2,), epochs=epochs, device="cpu", threads=1)
    mlp.train(make_dataset(), config, on_epoch=mlp.Progress())
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == count
    assert not lines or lines[-1].startswith(f"epoch {epochs} of {epochs}:")


def test_where_nobody_says_how_many_epochs_there_are_every_one_is_a_line(make_dataset, capsys):
    show = mlp.Progress("lines")
    for state in mlp.training.states(make_dataset(), CONFIG):
        if state.history:
            show(state)
    assert "epoch 0: loss" in capsys.readouterr().err


def test_none_shows_nothing(make_dataset, capsys):
    mlp.train(make_dataset(), CONFIG, on_epoch=mlp.Progress("none"))
    assert capsys.readouterr().err == ""


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="must be auto, bar, lines or none, got 'dots'"):
        mlp.Progress("dots")


def terminal(function, monkeypatch):
    """Return what a function writes to a terminal."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(ours, (24, 120))
    with open(theirs, "w") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        function()
        stream.flush()
        written = b""
        os.set_blocking(ours, False)
        while True:
            try:
                written += os.read(ours, 65536)
            except BlockingIOError:
                break
    os.close(ours)
    return written.decode()


def test_a_terminal_has_a_bar_without_colours(make_dataset, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    show = mlp.Progress()
    shown = terminal(lambda: mlp.train(make_dataset(), CONFIG, on_epoch=show), monkeypatch)
    assert "20/20" in shown
    assert "validation accuracy" in shown
    assert re.search(r"\x1b\[[\d;]*m", shown) is None
    assert shown.endswith("\n")  # closed


def test_a_bar_is_closed_where_training_ends_in_an_error(make_dataset, monkeypatch):
    config = mlp.TrainingConfig(hidden=(4,), learning_rate=1e30, device="cpu", threads=1)

    def diverge():
        with pytest.raises(mlp.DivergedError):
            mlp.train(make_dataset(), config, on_epoch=mlp.Progress())

    assert terminal(diverge, monkeypatch).endswith("\n")


@pytest.mark.parametrize(
    ("options", "lines"), [([], 5), (["--progress", "none"], 0), (["--quiet"], 0)]
)
def test_the_command_shows_it_too(letters, tmp_path, capsys, options, lines):
    words = ["--data", str(letters), "--split", "400", "100", "--hidden", "3", "--epochs", "5"]
    assert main([*words, "--device", "cpu", "--out", str(tmp_path / "run"), *options]) == 0
    told = capsys.readouterr().err.splitlines()
    assert len([line for line in told if re.match(r"epoch \d of 5: loss", line)]) == lines

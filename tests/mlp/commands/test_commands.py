"""The console command `mlp`, which is `python -m mlp`, and the scripts beside it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mlp import __version__, installation
from mlp.commands import COMMANDS, doctor, examination, main, run

ROOT = Path(__file__).resolve().parents[3]


def end(capsys, *words):
    """Run the command; give its status, stdout and stderr."""
    try:
        status = main(list(words))
    except SystemExit as stop:
        status = stop.code
    done = capsys.readouterr()
    return status, done.out, done.err


def test_the_version_is_the_packages(capsys):
    assert end(capsys, "--version") == (0, f"mlp {__version__}\n", "")


def test_help_lists_every_command(capsys):
    status, out, err = end(capsys, "--help")
    assert (status, err) == (0, "")
    for name, text in COMMANDS.items():
        assert f"  {name:<9}{text}\n" in out


@pytest.mark.parametrize("words", [(), ("trian",), ("--no-such",), ("\x1b[31m",)])
def test_an_unknown_command_is_one_line_with_status_2(capsys, words):
    status, out, err = end(capsys, *words)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("mlp: error: ")
    assert err[:-1].isprintable()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_help_with_an_example_under_both_of_its_names(name, capsys):
    for prog, example in ((f"mlp {name}", f"mlp {name}"), (f"{name}.py", f"scripts/{name}.py")):
        with pytest.raises(SystemExit) as stop:
            run(name, prog, ["--help"])
        out = capsys.readouterr().out
        assert stop.value.code == 0
        assert f"usage: {prog}" in out
        assert f"\n{'python ' if prog.endswith('.py') else ''}{example}" in out


@pytest.mark.parametrize("name", COMMANDS)
def test_windows_is_told_of_wsl(name, monkeypatch, capsys):
    monkeypatch.setattr(sys, "platform", "win32")
    message = "needs Linux or macOS; on Windows run it in WSL2 (wsl --install)"
    assert run(name, f"mlp {name}", []) == 3
    assert capsys.readouterr() == ("", f"mlp {name}: error: {message}\n")


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "doctor"])
def test_a_copy_that_cannot_run_is_told_once_and_only_doctor_goes_on(name, monkeypatch, capsys):
    monkeypatch.setattr(installation, "problem", lambda: "a problem")
    assert run(name, f"mlp {name}", []) == 3
    assert capsys.readouterr().err == f"mlp {name}: error: a problem\n"
    monkeypatch.setattr(installation, "failure", "which `import mlp` has said")
    assert run(name, f"mlp {name}", []) == 3
    assert capsys.readouterr().err == ""
    # A stand-in for what it finds: the genuine one would load mpi4py into this process.
    found = [examination.Finding(name, "ok", "") for name in ("NumPy", "--device auto")]
    monkeypatch.setattr(doctor, "examine", lambda: found)
    assert run("doctor", "mlp doctor", []) == 0


def test_python_m_mlp_train_does_what_the_script_does(letters, tmp_path):
    options = ["--data", letters, "--split", 400, 100, "--hidden", 5, "--epochs", 2]
    options += ["--device", "cpu", "--no-report", "--json", "--quiet"]
    records = []
    for number, start in enumerate((["-m", "mlp", "train"], [ROOT / "scripts" / "train.py"])):
        words = [sys.executable, *start, *options, "--out", tmp_path / str(number)]
        done = subprocess.run(
            list(map(str, words)), cwd=ROOT, capture_output=True, text=True, timeout=120
        )
        assert (done.returncode, done.stderr) == (0, "")
        records.append(json.loads(done.stdout))
        del records[-1]["timing"]
    assert records[0] == records[1]
    config = [(tmp_path / name / "config.json").read_text() for name in "01"]
    assert config[0] == config[1]

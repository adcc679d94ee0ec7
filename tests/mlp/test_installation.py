"""Copies that cannot run say so in one line; a copy that is not installed trains and says so."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from importlib.machinery import ModuleSpec
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import ModuleType

import pytest

from mlp import installation
from mlp.commands import examination, train

ROOT = Path(__file__).resolve().parents[2]
UNINSTALL = "python -m pip uninstall kernels, then install this project again with --force-reinst"


def run(folder, *words):
    """Run Python where a folder's packages come before all others."""
    return subprocess.run(
        [sys.executable, *words],
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=60,
        env=os.environ | {"PYTHONPATH": str(folder)},
    )


USE = """
import mlp
assert mlp.__version__
try:
    mlp.train
except ImportError as error:
    print(error)
"""


def foreign_first(folder):
    """Put another project's kernels first on the path; give what must be said."""
    (folder / "kernels").mkdir()
    (folder / "kernels" / "__init__.py").write_text("def get_kernel(name): ...\n")
    return f"{folder / 'kernels'} is another project's package of the name kernels; {UNINSTALL}"


def foreign_over_ours(folder):
    """Write another project's kernels over ours, as pip does."""
    shutil.copytree(ROOT / "kernels", folder / "kernels")
    (folder / "kernels" / "__init__.py").write_text("def get_kernel(name): ...\n")
    return f"{folder / 'kernels'} is another project's package of the name kernels; {UNINSTALL}"


def without_numpy(folder):
    (folder / "sitecustomize.py").write_text("import sys\nsys.modules['numpy'] = None\n")
    return "numpy is not installed; python -m pip install numpy"


def broken_library(folder):
    (folder / "array_api_compat").mkdir()
    text = "raise RuntimeError('broken\\n  here')"
    (folder / "array_api_compat" / "__init__.py").write_text(text)
    return "RuntimeError: broken here"


@pytest.mark.parametrize("make", [foreign_first, foreign_over_ours, without_numpy, broken_library])
def test_a_copy_that_cannot_run_says_why_when_imported_and_raises_when_used(tmp_path, make):
    message = make(tmp_path)
    used = run(tmp_path, "-c", USE)
    assert (used.returncode, used.stderr.count("\n")) == (0, 1)
    assert used.stderr.startswith(f"mlp: error: {message}")
    assert used.stdout.startswith(message)
    command = run(tmp_path, "-m", "mlp", "train", "--epochs", "1")
    assert (command.returncode, command.stdout, command.stderr.count("\n")) == (3, "", 1)
    assert message in command.stderr
    found = run(tmp_path, "-m", "mlp", "doctor", "--json")
    assert found.returncode == 1
    states = {one["name"]: one for one in json.loads(found.stdout)}
    assert states["--device auto"]["state"] == "broken"
    if "kernels" in message:
        assert states["mlp"]["state"] == "broken"
        assert states["mlp"]["text"].startswith(message)


def interrupting(folder, library):
    """Let Ctrl-C come while a library loads."""
    (folder / library).mkdir()
    text = "import signal, time\nsignal.raise_signal(signal.SIGINT)\ntime.sleep(30)\n"
    (folder / library / "__init__.py").write_text(text)


# A library that `import mlp` loads, and one that a command does.
@pytest.mark.parametrize(("library", "command"), [("array_api_compat", "train"), ("tqdm", "check")])
@pytest.mark.parametrize("as_module", [True, False])
def test_an_interrupt_while_libraries_load_is_one_line(tmp_path, library, command, as_module):
    interrupting(tmp_path, library)
    script = str(ROOT / "scripts" / f"{command}.py")
    done = run(tmp_path, *(["-m", "mlp", command] if as_module else [script]), "starter.py")
    assert done.returncode in (130, -signal.SIGINT)  # both are 130 to a shell
    assert (done.stdout, done.stderr.count("\n")) == ("", 1), done.stderr
    assert done.stderr.endswith(": error: interrupted\n")


def test_a_program_may_catch_an_interrupted_import_and_sees_its_own_errors(tmp_path):
    interrupting(tmp_path, "array_api_compat")
    code = "try: import mlp\nexcept KeyboardInterrupt: print('caught')\n1 / 0\n"
    done = run(tmp_path, "-c", code)
    assert (done.returncode, done.stdout) == (1, "caught\n")
    assert done.stderr.endswith("ZeroDivisionError: division by zero\n")


def test_a_copy_that_cannot_run_says_so_to_nobody_where_nobody_listens(tmp_path):
    without_numpy(tmp_path)
    for redirection in ("2>&-", "2>/dev/full"):
        words = ["sh", "-c", f'exec "$0" "$@" {redirection}', sys.executable, "-c", USE]
        done = subprocess.run(
            words, stdout=subprocess.PIPE, text=True, cwd=tmp_path, timeout=60, check=True,
            env=os.environ | {"PYTHONPATH": str(tmp_path)},
        )  # fmt: skip
        assert done.stdout == "numpy is not installed; python -m pip install numpy\n"


def test_a_library_that_is_only_used_later_is_missed_before_a_command_begins(tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['safetensors'] = None\n")
    assert run(tmp_path, "-c", "import mlp; mlp.train").stderr == ""
    done = run(tmp_path, "-m", "mlp", "train", "--epochs", "1")
    message = "safetensors is not installed; python -m pip install safetensors"
    assert (done.returncode, done.stderr) == (3, f"mlp train: error: {message}\n")


def test_every_missing_package_is_named_as_it_is_installed(monkeypatch):
    missing = {"PIL", "tqdm"}
    monkeypatch.setattr(installation, "is_there", lambda module: module not in missing)
    words = "pillow, tqdm are not installed; python -m pip install pillow tqdm"
    assert installation.problem() == words
    missing = {"jinja2"}
    assert installation.problem() == "jinja2 is not installed; python -m pip install jinja2"
    missing = set()
    assert installation.problem() == ""


@pytest.mark.parametrize("spec", [None, ModuleSpec("kernels", None)], ids=["none", "a namespace"])
def test_kernels_that_are_not_there_are_said_to_be_missing(monkeypatch, spec):
    monkeypatch.setattr(installation.importlib.util, "find_spec", lambda name: spec)
    message = "the package kernels is missing beside mlp; install this project again"
    assert installation.foreign_kernels() == message


def test_a_module_is_there_or_not_without_being_imported(tmp_path, monkeypatch):
    (tmp_path / "explosive.py").write_text("raise SystemExit")
    monkeypatch.syspath_prepend(tmp_path)
    assert installation.is_there("explosive")
    assert not installation.is_there("no_such_module")
    assert not installation.is_there("no_such_package.module")
    for stand_in in (None, ModuleType("explosive")):  # which has no spec
        monkeypatch.setitem(sys.modules, "explosive", stand_in)
        assert not installation.is_there("explosive")


def test_what_is_required_is_what_the_project_declares():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = {line.partition(">=")[0] for line in project["dependencies"]}
    assert set(installation._REQUIRED.values()) == declared


def test_a_copy_that_only_lies_on_the_path_trains_and_notes_it(
    monkeypatch, letters, tmp_path, capsys
):
    def version(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(installation, "version", version)
    options = ["--data", letters, "--split", 400, 100, "--hidden", 4, "--epochs", 1, "--device"]
    options += ["cpu", "--no-report", "--out", tmp_path / "run"]
    assert train.main(list(map(str, options))) == 0
    note = f"array-api-mlp is not installed; this is the copy in {ROOT / 'mlp'}"
    assert note in json.loads((tmp_path / "run" / "run.json").read_text())["data"]["notes"]
    assert f"note: {note}\n" in capsys.readouterr().err
    assert examination._package().text.endswith("not installed: a copy on Python's path")
    monkeypatch.setattr(installation, "version", lambda name: "1.0")
    assert examination._package().text.endswith(str(ROOT / "mlp"))


NEW_12, NEW_13 = 'pip install -e ".[cuda12]"', 'pip install -e ".[cuda13]"'


@pytest.mark.parametrize(
    ("release", "there", "command"),
    [
        ((12, 4), [], NEW_12),
        ((13, 0), [], NEW_13),
        ((12, 4), ["cupy-cuda12x"], 'pip install "cupy-cuda12x[ctk]>=14.2"'),
        ((13, 0), ["cupy-cuda13x"], 'pip install "cupy-cuda13x[ctk]>=14.2"'),
        # A driver runs what an earlier release has built, and not the other way round.
        ((13, 0), ["cupy-cuda12x"], 'pip install "cupy-cuda12x[ctk]>=14.2"'),
        ((12, 4), ["cupy-cuda13x"], f"pip uninstall -y cupy-cuda13x && {NEW_12}"),
        ((13, 0), ["cupy-cuda11x"], f"pip uninstall -y cupy-cuda11x && {NEW_13}"),
        ((13, 0), ["cupy"], f"pip uninstall -y cupy && {NEW_13}"),
        (
            (13, 0),
            ["cupy-cuda12x", "cupy-cuda13x"],
            f"pip uninstall -y cupy-cuda12x cupy-cuda13x && {NEW_13}",
        ),
    ],
)
def test_no_command_leaves_two_cupys(monkeypatch, release, there, command):
    def version(name):
        if name not in there:
            raise PackageNotFoundError(name)
        return "14.2.0"

    monkeypatch.setattr(installation, "version", version)
    assert installation.cupy_command(release) == command


def test_no_advice_names_the_extra_that_brings_a_cupy_along():
    """What the README's first block installs is in an environment of its own."""
    places = [*ROOT.glob("mlp/**/*.py"), *ROOT.glob("kernels/*.py"), *ROOT.glob("scripts/**/*.py")]
    for path in [*places, *ROOT.glob("*/README.md")]:
        assert not re.search(r"\[[\w,]*\btest\b[\w,]*\]\"", path.read_text()), path
    with_test = re.findall(r".*\btest\b[\w,]*\]\".*", (ROOT / "README.md").read_text())
    assert [line.partition(" &&")[0] for line in with_test] == ["python3 -m venv .venv"]

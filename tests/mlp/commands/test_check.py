"""The command `mlp check`: what it prints, its exit statuses, and which modules it runs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mlp.commands.check import main

ROOT = Path(__file__).resolve().parents[3]
RIGHT = "import numpy as np\ndef relu(x): return np.maximum(x, 0)\n"
FRAGILE = "import numpy as np\ndef CE(t, p): return -np.sum(t * np.log(p)) / len(t)\n"
WRONG = "import numpy as np\ndef relu(x): return np.abs(x)\n"


@pytest.fixture
def write(tmp_path):
    def file(name, text):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text)
        return str(path)

    return file


@pytest.mark.parametrize(
    ("text", "status"),
    [(RIGHT, 0), (FRAGILE, 0), (WRONG, 1), ("x = 1\n", 2), ("def (\n", 2)],
)
def test_the_exit_status_says_whether_anything_is_wrong(text, status, write, capsys):
    assert main([write("starter.py", text)]) == status
    assert capsys.readouterr().out.startswith("starter.py: ")


def test_what_training_surely_does_wrong_counts(write, capsys):
    text = RIGHT + "np.maximum(a, 0)\n"
    assert main([write("starter.py", text)]) == 1
    assert "WRONG   line 3  the result of maximum(...) is thrown away" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["nothing.py", "starter.txt", "empty"])
def test_what_cannot_be_checked_is_one_line_with_status_2(name, write, tmp_path, capsys):
    write("starter.txt", "text")
    (tmp_path / "empty").mkdir()
    assert main([str(tmp_path / name)]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith(f"mlp check: error: {tmp_path / name}: ")


def test_a_broken_notebook_is_told(write, capsys):
    path = write("starter.ipynb", "{")
    assert main([path]) == 2
    assert capsys.readouterr().out.startswith(f"{path}: is no Jupyter notebook; save it anew")


def test_a_folder_is_a_table_with_a_row_a_submission(write, tmp_path, capsys):
    write("a/starter.py", RIGHT)
    write("b/starter.py", WRONG)
    write("c/notes.txt", "text")
    write(".hidden/starter.py", WRONG)
    write("b/__pycache__/starter.py", WRONG)
    (tmp_path / "link.py").symlink_to(tmp_path / "b" / "starter.py")
    assert main([str(tmp_path)]) == 1
    told = capsys.readouterr().out.splitlines()
    assert len(told) == 4
    assert [line.split()[1] for line in told[1:3]] == ["0", "1"]


def test_json_holds_every_submission(write, capsys):
    assert main([write("a.py", RIGHT), write("b.py", WRONG), "--json"]) == 1
    out, err = capsys.readouterr()
    first, second = json.loads(out)["submissions"]
    assert (first["functions"][0]["verdict"], second["functions"][0]["verdict"]) == (
        "right",
        "wrong",
    )
    assert err == ""


def test_a_limit_that_the_system_does_not_keep_is_said_once(write, capsys, monkeypatch):
    monkeypatch.setattr(
        "mlp.check.process.Student.missing_limits",
        property(lambda self: ["RLIMIT_AS"], lambda *_: None),
        raising=False,
    )
    assert main([write("a.py", RIGHT), write("b.py", RIGHT)]) == 0
    assert capsys.readouterr().err == "not enforced by this system: RLIMIT_AS\n"


def test_a_process_that_does_not_start_is_told_with_status_3(write, capsys, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    assert main([write("a.py", RIGHT)]) == 3
    assert capsys.readouterr().err.startswith("mlp check: error: the process that runs")


def test_modules_in_the_working_folder_are_not_run(write, tmp_path):
    trap = f"open({str(tmp_path / 'ran')!r}, 'w')\nraise SystemExit(77)\n"
    for name in ("numpy", "mlp", "random", "json", "check", "child"):
        write(f"{name}.py", trap)
    write("starter.py", RIGHT)
    command = [sys.executable, str(ROOT / "scripts" / "check.py"), "starter.py"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 checked, 0 wrong" in done.stdout
    assert not (tmp_path / "ran").exists()


def names_loaded(code, *words):
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True)
    return set(done.stdout.split())


def test_only_the_command_imports_the_checker():
    names = names_loaded("import sys, mlp, mlp.commands.train; print(*sys.modules)")
    assert "mlp" in names
    assert not {name for name in names if name.startswith("mlp.check")}


def test_the_checker_loads_the_standard_library_and_numpy_only():
    """Under a package of its name that imports nothing by itself."""
    code = """
import sys, types
sys.modules["mlp"] = types.ModuleType("mlp")
sys.modules["mlp"].__path__ = [sys.argv[1]]
import mlp.check.check, mlp.check.show, mlp.check.records
names = {name.partition(".")[0] for name in sys.modules} - sys.stdlib_module_names
print(*(name for name in names if hasattr(sys.modules[name], "__version__")))
"""
    assert names_loaded(code, str(ROOT / "mlp")) == {"numpy"}

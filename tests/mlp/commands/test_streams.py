"""A stdout or stderr that is closed, full or gone: no training ends, no loss is a success."""

import json
import os
import re
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from mlp.commands.streams import print_record, with_streams

ROOT = Path(__file__).resolve().parents[3]

slow = pytest.mark.slow
# What a shell can do to a program's streams.
REDIRECTIONS = {
    "stdout closed": ">&-",
    "stderr closed": "2>&-",
    "both closed": ">&- 2>&-",
    "all three closed": "<&- >&- 2>&-",
    "stdout full": ">/dev/full",
    "stderr full": "2>/dev/full",
    "both full": ">/dev/full 2>&1",
    "stdout for reading only": "1</dev/null",
    "stderr for reading only": "2</dev/null",
    "a log at the limit of its size": "2>>log",
}


def shell(words, redirection):
    return ["sh", "-c", f'ulimit -f 2048 && exec "$0" "$@" {redirection}', *words]


@contextmanager
def pipe(*, gone):
    """Give the writing end of a pipe: nobody reads it, or it is full and must not block."""
    reading, writing = os.pipe()
    if gone:
        os.close(reading)
    else:
        os.set_blocking(writing, False)
        while True:
            try:
                os.write(writing, b"x" * 65536)
            except BlockingIOError:
                break
    yield writing
    os.close(writing)
    if not gone:
        os.close(reading)


def run(words, cwd, **streams):
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | streams
    return subprocess.run(words, cwd=cwd, text=True, timeout=120, check=False, **streams)


def script(name, *options):
    return [sys.executable, str(ROOT / "scripts" / name), *map(str, options)]


@pytest.fixture(scope="module")
def train(letters):
    options = "--split 400 100 --hidden 5 --epochs 2 --device cpu --no-report --json --out run"
    return script("train.py", "--data", letters, *options.split())


@pytest.fixture(scope="module")
def whole(train, tmp_path_factory):
    """Train with streams that work; give the record and the files."""
    folder = tmp_path_factory.mktemp("whole")
    done = run(train, folder)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), {path.name for path in (folder / "run").iterdir()}


def check_whole(done, folder, whole):
    record, names = whole
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (folder / "run").iterdir()} == names
    found = json.loads((folder / "run" / "run.json").read_text())
    assert found["parameters_sha256"] == record["parameters_sha256"]
    rows = (folder / "run" / "metrics.csv").read_text().splitlines()
    assert [row.partition(",")[0] for row in rows] == ["epoch", "0", "1", "2"]


PLAIN = ("all three closed", "both full")


@pytest.mark.parametrize(
    "way", [way if way in PLAIN else pytest.param(way, marks=slow) for way in REDIRECTIONS]
)
def test_a_training_ends_with_all_its_files(train, whole, tmp_path, way):
    (tmp_path / "log").write_bytes(bytes(2048 * 512))
    done = run(shell(train, REDIRECTIONS[way]), tmp_path)
    check_whole(done, tmp_path, whole)
    if "stdout" in way:
        assert "warning: stdout: cannot be written (" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


@pytest.mark.parametrize("stream", [pytest.param("stdout", marks=slow), "stderr"])
@pytest.mark.parametrize("gone", [True, pytest.param(False, marks=slow)])
def test_a_training_ends_with_all_its_files_whatever_becomes_of_a_pipe(
    train, whole, tmp_path, stream, gone
):
    with pipe(gone=gone) as writing:
        done = run(train, tmp_path, **{stream: writing})
    check_whole(done, tmp_path, whole)
    if stream == "stdout":
        assert ("warning: " in done.stderr) == (not gone)


def test_no_file_of_a_run_gets_the_number_of_a_closed_stream(tmp_path):
    """Else what a library says there would be written into it."""
    code = (
        "import os; from mlp.commands.streams import with_streams\n"
        "def program():\n"
        "    file = os.open('file', os.O_RDWR | os.O_CREAT)\n"
        "    os.system('echo a library speaks; echo and complains >&2')\n"
        "    os.write(file, str(file > 2).encode())\n"
        "    return 0\n"
        "raise SystemExit(with_streams('p', program))"
    )
    words = ["env", f"PYTHONPATH={ROOT}", sys.executable, "-c", code]
    done = run(shell(words, "<&- >&- 2>&-"), tmp_path)
    assert (done.returncode, (tmp_path / "file").read_text()) == (0, "True")


# What was asked for, where it goes, and the exit status.
ASKED = [
    ("predict --json", ">/dev/full", 2),
    ("doctor --json", ">/dev/full", 2),
    ("export --to npz --json", ">/dev/full", 0),
    ("--help", ">/dev/full", 2),
    pytest.param("predict", ">/dev/full", 2, marks=slow),
    pytest.param("predict --json", ">&-", 2, marks=slow),
    pytest.param("predict", "2>/dev/full", 0, marks=slow),
    pytest.param("predict", "2>&-", 0, marks=slow),
    pytest.param("doctor", ">&-", 2, marks=slow),
    pytest.param("train --help", ">&-", 2, marks=slow),
    pytest.param("export --to npz", "2>&-", 0, marks=slow),
    pytest.param("train --no-such-option", "2>/dev/full", 2, marks=slow),
    pytest.param("predict nothing.npz", "2>&-", 2, marks=slow),
]


@pytest.mark.parametrize(("asked", "redirection", "status"), ASKED)
def test_output_that_is_lost_is_no_success(trained, tmp_path, asked, redirection, status):
    name, *options = asked.split()
    if name in ("predict", "export"):
        options = [str(trained[0]), *options]
    if name == "export":
        options += ["--out", "model.npz"]
    elif asked in ("predict", "predict --json"):
        options.append(str(ROOT / "data" / "glyphs.npz"))
    done = run(shell([sys.executable, "-m", "mlp", name, *options], redirection), tmp_path)
    assert done.returncode == status, done.stderr
    if status and redirection.startswith(">"):
        said = [line for line in done.stderr.splitlines() if not line.startswith("note: ")]
        assert len(said) == 1, done.stderr
        assert "error: stdout: cannot be written (" in said[0]
    assert "stderr" not in done.stdout
    if asked.startswith("export"):
        assert (tmp_path / "model.npz").exists()


def test_a_reader_that_has_seen_enough_is_no_error(trained):
    words = script("predict.py", trained[0], ROOT / "data" / "glyphs.npz")
    with pipe(gone=True) as writing:
        done = run(words, ROOT, stdout=writing)
    assert (done.returncode, done.stderr.count("accuracy")) == (0, 0)
    assert re.fullmatch("note: .* only its 11724 test rows are predicted\n", done.stderr)


def test_the_streams_of_a_notebook_are_left_alone(capsys):
    mine = sys.stdout, sys.stderr
    assert with_streams("p", lambda: print("said") or 3) == 3
    print_record('{"a": 1}')
    assert (sys.stdout, sys.stderr) == mine
    assert capsys.readouterr() == ('said\n{"a": 1}\n', "")


@pytest.mark.parametrize("options", [[], ["-u"]], ids=["buffered", "unbuffered"])
def test_text_is_written_as_python_writes_it(options, tmp_path):
    code = (
        "import sys, time; from mlp.commands.streams import with_streams\n"
        "def program():\n"
        "    print('ä\\udcff 字'); print('to people', file=sys.stderr, end='')\n"
        "    assert sys.stdout.fileno() == 1 and not sys.stderr.isatty()\n"
        "    return 5\n"
        "sys.exit(with_streams('p', program))"
    )
    words = [sys.executable, *options, "-c", code]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "latin-1"}
    done = subprocess.run(words, capture_output=True, env=environment, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (5, b"to people")
    assert done.stdout == b"\xe4\\udcff \\u5b57\n"

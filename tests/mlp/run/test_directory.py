"""The run directory: whose it is, and what marks it as a run."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from threading import Barrier

import pytest
from data_files import deep_folder

from mlp import FileError, TrainingConfig
from mlp.run import directory


def test_the_default_directory_is_named_by_the_time_and_numbered_if_taken(tmp_path, monkeypatch):
    class Clock:
        @staticmethod
        def now(zone):
            assert zone is UTC
            return datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(directory, "datetime", Clock)
    name = directory.default_directory("sweep-")
    names = [str(directory.create(name, numbered=True)) for _ in range(3)]
    first = "runs/sweep-2026-01-02T03-04-05Z"
    assert names == [first, f"{first}-2", f"{first}-3"]
    assert str(directory.default_directory()) == "runs/2026-01-02T03-04-05Z"


def test_a_hundred_that_begin_at_once_get_a_hundred_directories(tmp_path):
    begin = Barrier(100)

    def make(_):
        begin.wait()
        return directory.create(tmp_path / "runs" / "now", numbered=True)

    with ThreadPoolExecutor(100) as pool:
        made = set(pool.map(make, range(100)))
    assert set((tmp_path / "runs").iterdir()) == made
    assert len(made) == 100


# Forks processes which all wait for one word and then train or sweep, in one long second.
CROWD = """
import os, sys
from datetime import UTC, datetime
import jinja2, matplotlib.figure, safetensors.numpy
from mlp.commands import train, sweep
from mlp.run import directory
class Clock:
    now = datetime(2026, 1, 2, tzinfo=UTC).astimezone
directory.datetime = Clock
number, command, *options = sys.argv[1:]
waiting, begin = os.pipe()
children = []
for _ in range(int(number)):
    child = os.fork()
    if child == 0:
        os.close(begin)
        os.read(waiting, 1)
        os._exit({"train": train, "sweep": sweep}[command].main(options))
    children.append(child)
os.close(begin)
print(sorted({os.waitpid(child, 0)[1] for child in children}))
"""


@pytest.mark.slow
@pytest.mark.parametrize(("number", "command"), [(100, "train"), (4, "sweep")])
def test_processes_that_begin_in_one_second_share_no_directory(letters, tmp_path, number, command):
    options = f"--data {letters} --split 400 100 --epochs 1 --device cpu --threads 1 --quiet"
    words = [*options.split(), *(["--no-report"] if command == "train" else ["--grid", "hidden=4"])]
    done = subprocess.run(
        [sys.executable, "-c", CROWD, str(number), command, *words],
        cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("[0]\n", "")
    made = list((tmp_path / "runs").iterdir())
    first = f"{'sweep-' if command == 'sweep' else ''}2026-01-02T00-00-00Z"
    others = {f"{first}-{taken}" for taken in range(2, number + 1)}
    assert {path.name for path in made} == {first} | others
    last = "run.json" if command == "train" else "sweep.html"
    assert all((path / last).exists() for path in made)


def test_a_directory_that_must_be_new_is_not_looked_for_without_end(tmp_path):
    """Where `runs` is a link to nowhere every name seems to be taken and none can be made."""
    (tmp_path / "runs").symlink_to(tmp_path / "nowhere")
    with pytest.raises(FileError, match=r"now: cannot be made \(File exists\); choose another"):
        directory.create(tmp_path / "runs" / "now", numbered=True)


def test_one_process_at_a_time_has_it(tmp_path):
    with directory.locked(tmp_path):
        with pytest.raises(FileError, match="in use by another process; wait for it or choose"):
            directory.locked(tmp_path).__enter__()
        code = "import pathlib, sys; from mlp.run.directory import locked\n"
        code += "locked(pathlib.Path(sys.argv[1])).__enter__()"
        words = [sys.executable, "-c", code, str(tmp_path)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=60)
        assert "in use by another process" in done.stderr
    with directory.locked(tmp_path):
        pass  # it is free again


def test_a_file_system_without_locks_is_no_error(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(directory.fcntl, "flock", fail)
    with directory.locked(tmp_path):
        pass


def test_the_lock_is_let_go_where_the_run_fails(tmp_path):
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    with pytest.raises(ZeroDivisionError), directory.locked(tmp_path):
        raise ZeroDivisionError
    with directory.locked(tmp_path):
        pass
    assert (len(os.listdir("/proc/self/fd")) if before else 0) == before


@pytest.mark.parametrize(("name", "reason"), [("nowhere", "No such file"), ("file", "Not a dir")])
def test_what_is_no_directory_cannot_be_locked(tmp_path, name, reason):
    (tmp_path / "file").touch()
    with pytest.raises(FileError, match=rf"{name}: cannot be opened \({reason}"):
        directory.locked(tmp_path / name).__enter__()


def test_a_place_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    for place, reason in ((tmp_path / "file", "File exists"), (tmp_path / "file" / "a", "Not a")):
        with pytest.raises(FileError, match=rf"cannot be made \({reason}.*; choose another --out"):
            directory.create(place)
    directory.create(tmp_path / "a" / "b")
    directory.create(tmp_path / "a" / "b")  # which is there already
    with deep_folder(tmp_path, directory.create) as deep:
        assert deep.is_dir()


def test_the_place_of_a_held_directory_is_known_after_it_was_renamed(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    with directory.locked(run) as place:
        assert place.path == run
        run.rename(tmp_path / "other")
        assert place.path == tmp_path / "other"
        run.mkdir()
        (tmp_path / "other").rename(tmp_path / "third")
        assert place.path == tmp_path / "third"
        (tmp_path / "third").rmdir()
        with pytest.raises(FileError, match="third: was removed, or moved away"):
            _ = place.path


def test_a_config_marks_a_run_and_only_one_that_goes_on_may_write_it_again(tmp_path):
    config = TrainingConfig(hidden=(3, 2), epochs=7)
    directory.begin(tmp_path, config)
    assert directory.read_config(tmp_path / "config.json") == config
    message = f"{tmp_path}: holds a run already; choose another --out, or --resume {tmp_path}"
    with pytest.raises(FileError) as caught:
        directory.begin(tmp_path, config)
    assert str(caught.value) == message
    (tmp_path / "run.json").write_text("{}")
    directory.go_on(tmp_path, replace(config, epochs=9))
    assert directory.read_config(tmp_path / "config.json").epochs == 9
    assert not (tmp_path / "run.json").exists()


def test_a_record_that_cannot_be_removed_is_named(tmp_path):
    (tmp_path / "run.json").mkdir()
    with pytest.raises(FileError, match=r"run\.json: cannot be removed \("):
        directory.go_on(tmp_path, TrainingConfig())
    assert list(tmp_path.iterdir()) == [tmp_path / "run.json"]


@pytest.mark.parametrize("text", ["", "[]", '{"epochs": "x"}', "[" * 100_000])
def test_a_damaged_config_is_named_in_one_line(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(FileError, match=r"config\.json: ") as caught:
        directory.read_config(tmp_path / "config.json")
    assert "\n" not in str(caught.value)

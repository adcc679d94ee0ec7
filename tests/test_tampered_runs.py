"""Run directories that somebody has tampered with, given to every command that reads one.

It takes what is left, or refuses it in one line with status 2: no traceback, no hang, no gigabyte,
and nothing outside the directory is touched. `pytest -m "" tests/test_tampered_runs.py` tries
thousands.
"""

import copy
import json
import os
import random
import shutil
import socket
import struct
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from data_files import images_and_labels
from matplotlib.figure import Figure
from safetensors.numpy import save

from mlp.commands import export, predict, sweep, train
from mlp.run import checkpoint
from mlp.tensors import read_tensors

OPTIONS = ["--split", "30", "20", "--hidden", "3", "--epochs", "2", "--checkpoint-every", "1"]
OPTIONS += ["--device", "cpu", "--early-stopping", "9"]
NEWEST = "checkpoint/epoch-000000002.safetensors"
FILES = ["config.json", "run.json", "metrics.csv", "model.safetensors", "loss.png", "report.html"]
FILES += ["checkpoint", NEWEST, "checkpoint/epoch-000000001.safetensors"]
VALUES = [None, True, False, 0, 1, -1, 2**31 - 1, 2**63, 10**40, -(10**40), 0.5, 1e308, -0.0]
VALUES += [float("nan"), float("inf"), "", "x", "\0", "a\nb\x1b[31m", "\udcff", "é", "/dev/zero"]
VALUES += ["9" * 5000, [], [0], [1, 2], [[]], ["x"], [10**12], {}, {"a": 1}, [None] * 3]
CELLS = ["", "nan", "inf", "1e999", "x", "-1", "9" * 30, '"', "\0", "é", "1_000", "0x1", "\uff11"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Make a run as a sweep would, beside its data."""
    folder = tmp_path_factory.mktemp("whole")
    images, labels = images_and_labels()
    np.savez(folder / "rows.npz", images=images, labels=labels)
    run = folder / "out" / "momentum-0.9"
    options = ["--data", str(folder / "rows.npz"), *OPTIONS, "--quiet", "--no-report"]
    assert train.main([*options, "--out", str(run)]) == 0
    (run / "report.html").write_text("a report")
    return folder


def sweep_options(folder, out):
    data = str(folder / "rows.npz")
    return ["--grid", "momentum=0.9", "--out", str(out), "--data", data, *OPTIONS, "--quiet"]


def commands(folder, out, *, report=False):
    """Return what each command makes of a run directory, the only one of a sweep."""
    run, data = str(out / "momentum-0.9"), str(folder / "rows.npz")
    quiet = ["--quiet"] if report else ["--quiet", "--no-report"]
    return {
        "resume": lambda: train.main(["--resume", run, *quiet]),
        "extend": lambda: train.main(["--resume", run, "--epochs", "3", *quiet]),
        "predict": lambda: predict.main([run, data, "--device", "cpu"]),
        "export": lambda: export.main([run, "--to", "npz"]),
        "sweep": lambda: sweep.main(sweep_options(folder, out)),
    }


# ---- what is done to a file


def replaced(make):
    def tamper(path):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        make(path)

    return tamper


def of_size(size):
    def make(path):
        path.touch()
        os.truncate(path, size)

    return replaced(make)


def link(target):
    return replaced(lambda path: path.symlink_to(target))


def changed(change):
    """Change the bytes of a file; a folder is left as it is."""

    def tamper(path):
        if path.is_file():
            path.write_bytes(change(path.read_bytes()))

    return tamper


def make_socket(path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(path))  # whose path must be short


KINDS = {
    "missing": replaced(lambda path: None),
    "empty": replaced(Path.touch),
    "folder": replaced(Path.mkdir),
    "pipe": replaced(os.mkfifo),
    "socket": replaced(make_socket),
    "link to nowhere": link("nowhere"),
    "link to its folder": link("."),
    "link to the folder above": link(".."),
    "/dev/zero": link("/dev/zero"),
    "/dev/full": link("/dev/full"),
    "/dev/tty": link("/dev/tty"),
    "/proc/self/mem": link("/proc/self/mem"),
    "64 MiB of nothing": of_size(2**26),
    "1 GiB of nothing": of_size(2**30),
    "60 GiB of nothing": of_size(60 * 2**30),
    "with 8 GiB of nothing after it": lambda path: path.is_file() and os.truncate(path, 2**33),
    "with a mark of byte order": changed(lambda content: b"\xef\xbb\xbf" + content),
    "in UTF-16": changed(lambda content: content.decode("latin-1").encode("utf-16")),
    "brackets": changed(lambda content: b"[" * 10**6),
    "one long line": changed(lambda content: b"1," * 10**6),
    "blank lines": changed(lambda content: b"\n" * 10**6),
}


# ---- what is done to a field


def places(value, place=()):
    """Name every value within a JSON value; of lists the first two."""
    yield place
    children = value.items() if isinstance(value, dict) else ()
    if isinstance(value, list):
        children = enumerate(value[:2])
    for key, child in children:
        yield from places(child, (*place, key))


def with_value(document, place, value):
    """Put a value in a place, or remove what is there if the value is `KINDS`."""
    if not place:
        return {} if value is KINDS else value
    document = copy.deepcopy(document)
    inner = document
    for key in place[:-1]:
        inner = inner[key]
    if value is KINDS:
        del inner[place[-1]]
    else:
        inner[place[-1]] = value
    return document


def field_cases(document, write):
    """Yield a tampering for every field and value; `write` writes the document that comes of it."""
    for place in places(document):
        for value in (*VALUES, KINDS):
            if place[-1:] == ("epochs",) and isinstance(value, int) and value > 100:
                continue  # a wish that would be granted
            # Bound now, called later.
            yield lambda run, place=place, value=value: write(
                run, with_value(document, place, value)
            )


def cases(run):
    """Yield what tampers with a run directory, and which commands see it."""
    for name in FILES:
        for tamper in KINDS.values():
            yield lambda run, name=name, tamper=tamper: tamper(run / name), None
    for name in ("config.json", "run.json"):

        def write_json(run, document, name=name):
            (run / name).write_text(json.dumps(document))

        for tamper in field_cases(json.loads((run / name).read_text()), write_json):
            yield tamper, ("resume", "extend", "sweep")
    for name in ("model.safetensors", NEWEST):
        content = (run / name).read_bytes()
        end = 8 + struct.unpack("<Q", content[:8])[0]

        def write_header(run, document, name=name, data=content[end:]):
            header = json.dumps(document).encode()
            (run / name).write_bytes(struct.pack("<Q", len(header)) + header + data)

        for tamper in field_cases(json.loads(content[8:end]), write_header):
            yield tamper, ("resume", "extend", "predict", "export")
    arrays, metadata = read_tensors(run / NEWEST)

    def write_state(run, document):
        text = json.dumps(document)
        checksum = checkpoint._checksum(text, arrays)
        (run / NEWEST).write_bytes(save(arrays, {"state": text, "sha256": checksum}))

    for tamper in field_cases(json.loads(metadata["state"]), write_state):
        yield tamper, ("resume", "extend")
    lines = [line.split(",") for line in (run / "metrics.csv").read_text().splitlines()]

    def write_rows(run, rows):
        (run / "metrics.csv").write_text("\r\n".join(",".join(map(str, row)) for row in rows))

    for row in range(len(lines)):
        for column in range(len(lines[row])):
            for cell in CELLS:
                rows = with_value(lines, (row, column), cell)
                yield lambda run, rows=rows: write_rows(run, rows), ("resume", "sweep")


def attempt(whole, out, tamper, name, *, ended, capsys):
    """Tamper with a copy, run a command and judge what it says; return its exit status."""
    shutil.copytree(whole / "out", out)
    run = out / "momentum-0.9"
    tamper(run)
    if not ended:
        (run / "run.json").unlink(missing_ok=True)
    capsys.readouterr()
    started = time.process_time()
    tracemalloc.start()
    try:
        status = commands(whole, out)[name]()
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    err = capsys.readouterr().err
    assert time.process_time() - started < 10
    assert peak < 2**29
    assert status in (0, 2), err
    errors = [line for line in err.splitlines() if line.startswith(f"mlp {COMMAND[name]}: error: ")]
    assert len(errors) == (status == 2), err
    assert all(line.isprintable() for line in err.splitlines()), err
    shutil.rmtree(out)
    return status


COMMAND = {"resume": "train", "extend": "train"} | {n: n for n in ("predict", "export", "sweep")}


def attack(whole, tmp_path, monkeypatch, capsys, number):
    """Try so many of all tamperings with all commands that see them."""
    monkeypatch.chdir(tmp_path)
    # What is drawn has been checked before, and takes most of the time.
    monkeypatch.setattr("mlp.run.run.plot_history", lambda *_: None)
    monkeypatch.setattr("mlp.commands.sweep.write_picture", lambda *_: None)
    monkeypatch.setattr("mlp.run.sweep_page.svg", lambda *_: "")
    every = [
        (tamper, name, ended)
        for tamper, names in cases(whole / "out" / "momentum-0.9")
        for name in names or COMMAND
        for ended in (True, False)
        if ended or name != "sweep"  # which begins an unfinished run anew
    ]
    chosen = random.Random(number).sample(every, number)
    statuses = [
        attempt(whole, tmp_path / "out", tamper, name, ended=ended, capsys=capsys)
        for tamper, name, ended in chosen
    ]
    refused = statuses.count(2)
    print(f"\n{len(statuses)} tamperings: {refused} refused in one line, the rest without harm")
    assert len(statuses) // 10 < refused < len(statuses)


def test_tampered_runs_are_refused_in_one_line_or_do_no_harm(whole, tmp_path, monkeypatch, capsys):
    attack(whole, tmp_path, monkeypatch, capsys, 50)


@pytest.mark.slow
def test_many_tampered_runs_are_refused_in_one_line_or_do_no_harm(
    whole, tmp_path, monkeypatch, capsys
):
    attack(whole, tmp_path, monkeypatch, capsys, 2_000)


# ---- links out of the directory

WRITTEN = [*FILES[:-1], "accuracy.png", "model.npz"]  # by one of the commands
LINKED = [
    *((f"momentum-0.9/{name}", os.symlink) for name in WRITTEN),
    *((f"momentum-0.9/{name}", os.link) for name in WRITTEN if name != "checkpoint"),
    ("momentum-0.9", os.symlink),  # the others are told to use it, wherever it is
    *((name, os.symlink) for name in ("sweep.csv", "sweep.png", "sweep.html")),
]
linked = pytest.mark.parametrize(
    ("name", "link"), LINKED, ids=[f"{link.__name__} {name}" for name, link in LINKED]
)


def everything_in(folder):
    """Return what can be seen of all files in a folder."""
    return {
        path: (path.lstat().st_mtime_ns, path.lstat().st_mode, path.is_file() and path.read_bytes())
        for path in (folder, *sorted(folder.rglob("*")))
    }


def try_link(whole, folder, name, link, command, *, ended):
    """Let a name of a run stand for a file outside, of the same content, and run a command."""
    out, outside = folder / "out", folder / "outside"
    shutil.copytree(whole / "out", out)
    outside.mkdir()
    target, place = outside / "precious", out / name
    if place.exists():
        place.rename(target)
    else:
        target.write_text("precious")
    link(target, place)
    if not ended:
        (out / "momentum-0.9" / "run.json").unlink(missing_ok=True)
    before = everything_in(outside)
    assert commands(whole, out, report=True)[command]() in (0, 2)
    assert everything_in(outside) == before, (name, command)
    shutil.rmtree(out)
    shutil.rmtree(outside)


@linked
def test_nothing_outside_a_tampered_run_is_touched(whole, tmp_path, monkeypatch, name, link):
    """By the command that writes a file of this name."""
    monkeypatch.setattr(Figure, "savefig", lambda self, file, **_: file.write(b"."))
    for module in ("report", "sweep_page"):
        monkeypatch.setattr(f"mlp.run.{module}.svg", lambda *_: "")
    command = "export" if name.endswith("npz") else "extend" if "/" in name else "sweep"
    try_link(whole, tmp_path, name, link, command, ended=command == "sweep")


@pytest.mark.slow
@linked
def test_no_command_touches_anything_outside_a_tampered_run(whole, tmp_path, name, link):
    for command in COMMAND if "/" in name else ["sweep"]:
        for ended in (True, False):
            try_link(whole, tmp_path, name, link, command, ended=ended)

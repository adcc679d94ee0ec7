"""What users get wrong, and the one line they are told: the table in scripts/README.md.

pytest tests/test_bad_inputs.py --write-docs writes the table anew.
"""

import gzip
import io
import os
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

from mlp.commands.train import main

DOCUMENT = Path(__file__).resolve().parents[1] / "scripts" / "README.md"
BEGIN, END = "<!-- bad inputs:begin -->\n", "<!-- bad inputs:end -->\n"

LABELS = (np.arange(60) % 3).astype(np.uint8)
IMAGES = np.arange(60 * 12, dtype=np.uint32).astype(np.uint8).reshape(60, 4, 3)
FEATURES = IMAGES.reshape(60, 12).astype(np.float32)


def npz(path="rows.npz", **arrays):
    np.savez_compressed(path, **{"images": IMAGES, "labels": LABELS, **arrays})
    return ["--data", path]


def without(name):
    arrays = {"images": IMAGES, "labels": LABELS}
    del arrays[name]
    np.savez("rows.npz", **arrays)
    return ["--data", "rows.npz"]


def features(array, labels=LABELS):
    np.savez("rows.npz", features=array, labels=labels)
    return ["--data", "rows.npz"]


def cut(path="rows.npz", keep=0.5):
    npz()
    content = Path(path).read_bytes()
    Path(path).write_bytes(content[: int(keep * len(content))])
    return ["--data", path]


def written(name, content):
    Path(name).write_bytes(content)
    return ["--data", name]


def header_that_lies(shape, descr="|u1"):
    """Write an .npz whose images claim a shape that the file does not have."""
    npz()
    header = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    member = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + b"\0" * 100
    labels = io.BytesIO()
    np.save(labels, LABELS)
    with zipfile.ZipFile("rows.npz", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("images.npy", member)
        file.writestr("labels.npy", labels.getvalue())
    return ["--data", "rows.npz"]


def bomb():
    """Write an .npz of a few kilobytes that unpacks to 4 GB."""
    header = np.lib.format
    with zipfile.ZipFile("rows.npz", "w", zipfile.ZIP_DEFLATED) as file:
        with file.open("images.npy", "w", force_zip64=True) as member:
            head = {"descr": "|u1", "fortran_order": False, "shape": (60, 4, 3)}
            header.write_array_header_1_0(member, head)
            for _ in range(64):
                member.write(bytes(1 << 22))
        member = io.BytesIO()
        np.save(member, LABELS)
        file.writestr("labels.npy", member.getvalue())
    return ["--data", "rows.npz"]


def idx(images, suffix=""):
    Path("idx").mkdir()
    labels = struct.pack(">HBBI", 0, 8, 1, 60) + LABELS.tobytes()
    Path("idx", f"train-images-idx3-ubyte{suffix}").write_bytes(images)
    Path("idx", "train-labels-idx1-ubyte").write_bytes(labels)
    return ["--data", "idx"]


def idx_images(rows=60, kind=8, magic=0):
    return struct.pack(">HBBIII", magic, kind, 3, rows, 4, 3) + IMAGES.tobytes()


def png(width=3, height=4, data=None):
    def chunk(name, content):
        content = name + content
        return (
            struct.pack(">I", len(content) - 4) + content + struct.pack(">I", zlib.crc32(content))
        )

    rows = b"".join(b"\0" + bytes(min(width, 64)) for _ in range(min(height, 64)))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(rows) if data is None else data)
        + chunk(b"IEND", b"")
    )


def pictures(*files):
    """Write a folder of class folders: a and b, and the last picture in b."""
    for number, content in enumerate(files):
        folder = Path("letters", "b" if number == len(files) - 1 else "a")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.png").write_bytes(content)
    return ["--data", "letters"]


def linked_back():
    """Write class folders, and beside them a link to the folder that they are in."""
    options = pictures(png(), png())
    Path("letters", "c").symlink_to(Path("letters").resolve())
    return options


def pipes():
    """Write a class folder of pictures, and another whose only picture is a pipe."""
    options = pictures(png(), png())
    Path("letters", "b", "1.png").unlink()
    os.mkfifo(Path("letters", "b", "1.png"))
    return options


def parts(*names, classes="ab"):
    """Write class folders below folders of these names; `classes` are those of the last."""
    for name in names:
        for kind in classes if name == names[-1] else "ab":
            folder = Path("letters", name, kind)
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "0.png").write_bytes(png())
    return ["--data", "letters"]


def on_disk(images, labels=LABELS):
    Path("disk").mkdir()
    np.save("disk/images.npy", images)
    if labels is not None:
        np.save("disk/labels.npy", labels)
    return ["--data", "disk"]


def config(text):
    npz()
    Path("config.json").write_text(text)
    return ["--data", "rows.npz", "--config", "config.json"]


def finished_run(*more):
    npz()
    assert main(["--data", "rows.npz", *SMALL, "--out", "run", "--quiet", "--no-report"]) == 0
    return list(more)


def option(*words):
    return lambda: [*npz(), *words]


def table(text, encoding="utf-8"):
    return written("a.csv", text.encode(encoding))


SMALL = ["--split", "30", "20", "--hidden", "4", "--epochs", "5", "--device", "cpu"]
ZEROS = np.zeros(60, np.uint8)

# What is wrong, what makes it and gives the options, and the exit status.
CASES = [
    ("no such file", lambda: ["--data", "nothing.npz"], 2),
    ("an empty folder", lambda: [Path("empty").mkdir(), "--data", "empty"][1:], 2),
    ("an empty file", lambda: written("rows.npz", b""), 2),
    ("a text file", lambda: written("rows.txt", b"one,two\n"), 2),
    ("text named .npz", lambda: written("rows.npz", b"one,two\n"), 2),
    ("an .npz cut short", cut, 2),
    ("an .npz without images", lambda: without("images"), 2),
    ("an .npz without labels", lambda: without("labels"), 2),
    ("images of five channels", lambda: npz(images=np.zeros((60, 9, 8, 5), np.uint8)), 2),
    ("16-bit images", lambda: npz(images=IMAGES.astype(np.uint16) * 257), 2),
    ("pixels from -1 to 1", lambda: npz(images=IMAGES / 127.5 - 1), 2),
    ("pixels with fractions", lambda: npz(images=IMAGES / 2), 2),
    ("pixels that are NaN", lambda: npz(images=np.where(IMAGES == 7, np.nan, IMAGES / 255)), 2),
    ("no rows", lambda: npz(images=IMAGES[:0], labels=LABELS[:0]), 2),
    ("images without pixels", lambda: npz(images=np.zeros((60, 0, 3), np.uint8)), 2),
    ("more labels than rows", lambda: npz(labels=np.arange(61) % 3), 2),
    ("labels that are fractions", lambda: npz(labels=LABELS / 2), 2),
    ("labels that are quantities", lambda: npz(labels=np.arange(60) ** 2), 2),
    ("labels that are NaN", lambda: npz(labels=np.where(IMAGES[:, 0, 0] == 0, np.nan, LABELS)), 2),
    ("several ones in a one-hot row", lambda: npz(labels=np.ones((60, 3), np.uint8)), 2),
    ("too few class names", option("--class-names", "a", "b"), 2),
    ("one class only", lambda: npz(labels=ZEROS), 2),
    ("an empty label among texts", lambda: npz(labels=np.array(["a", "b", ""] * 20)), 2),
    ("labels that are objects", lambda: npz(labels=np.array(["a", "b", None] * 20)), 2),
    ("two arrays for the labels", lambda: npz(y=LABELS), 2),
    ("pickled objects", lambda: npz(images=np.array([{}] * 60, dtype=object)), 2),
    ("a header of 10^12 rows", lambda: header_that_lies((10**12, 28, 28)), 2),
    ("a header of negative rows", lambda: header_that_lies((-1, 4, 3)), 2),
    ("a header of objects", lambda: header_that_lies((60, 4, 3), "|O"), 2),
    ("more bytes than the header says", bomb, 2),
    ("features with NaN", lambda: features(np.where(FEATURES == 7, np.nan, FEATURES)), 2),
    ("features of one dimension", lambda: features(FEATURES[:, 0]), 2),
    ("rows of five dimensions", lambda: features(FEATURES.reshape(60, 4, 3, 1, 1)), 2),
    ("IDX with another magic number", lambda: idx(idx_images(magic=7)), 2),
    ("IDX of 32-bit integers", lambda: idx(idx_images(kind=12)), 2),
    ("IDX cut short", lambda: idx(idx_images()[:-1]), 2),
    ("IDX that claims 4 billion rows", lambda: idx(idx_images(rows=2**32 - 1)), 2),
    ("IDX without its header", lambda: idx(b"\0\0"), 2),
    ("gzip cut short", lambda: idx(gzip.compress(idx_images())[:-9], ".gz"), 2),
    ("PNG cut short", lambda: pictures(png(), png()[:-30]), 2),
    ("text named .png", lambda: pictures(png(), b"picture"), 2),
    ("PNG of 10^10 pixels", lambda: pictures(png(), png(100_000, 100_000)), 2),
    ("PNG whose data are damaged", lambda: pictures(png(), png(data=b"zzz")), 2),
    ("PNG of different sizes", lambda: pictures(png(), png(5, 6)), 2),
    ("pictures that are pipes", pipes, 2),
    ("a link to the folder it is in", linked_back, 2),
    ("a class that training has not", lambda: parts("train", "val", classes="abc"), 2),
    ("two folders for validation", lambda: parts("train", "val", "valid"), 2),
    ("a split beside validation rows", lambda: parts("train", "val", "test"), 2),
    ("images.npy without labels.npy", lambda: on_disk(IMAGES, None), 2),
    ("images.npy of floats", lambda: on_disk(IMAGES.astype(float)), 2),
    ("more rows asked for than there are", option("--split", "50", "20"), 2),
    ("a split of counts and shares", option("--split", "30", "0.2"), 2),
    ("shares of more than all", option("--split", "0.9", "0.2"), 2),
    ("a CSV whose labels nobody names", lambda: table("a,b\n1,0\n"), 2),
    ("a CSV with two columns of labels", lambda: table("a,y,label\n1,0,1\n"), 2),
    ("a column that is not there", lambda: [*table("a,b\n1,0\n"), "--label-column", "c"], 2),
    ("a CSV with a column of text", lambda: table("sex,age,label\nmale,22,1\n"), 2),
    ("a CSV with an empty cell", lambda: table("a,b,label\n1,2,0\n1,,1\n"), 2),
    ("a CSV with NA", lambda: table("a,b,label\n1,2,0\n1,NA,1\n"), 2),
    ("a CSV without a label in a line", lambda: table("a,b,label\n1,2,0\n1,2,\n"), 2),
    ("a CSV with a short line", lambda: table("a,b,label\n1,2,0\n1,2\n"), 2),
    ("quotes that never close", lambda: table('a,b,label\n1,2,0\n"1,2,1\n'), 2),
    ("a CSV of numbers to be predicted", lambda: table("a,y\n" + "1,0.5\n2,0.7\n" * 9), 2),
    ("a CSV in UTF-16", lambda: table("a,label\n1,0\n", "utf-16"), 2),
    ("a picture named .csv", lambda: written("a.csv", png()), 2),
    ("no width", option("--image-size", "28"), 2),
    ("another size for an .npz", option("--image-size", "5", "5"), 2),
    ("no hidden units", option("--hidden", "0"), 2),
    ("negative epochs", option("--epochs", "-1"), 2),
    ("half an epoch", option("--epochs", "0.5"), 2),
    ("batches of nothing", option("--batch-size", "0"), 2),
    ("a learning rate of 0", option("--learning-rate", "0"), 2),
    ("a learning rate of nan", option("--learning-rate", "nan"), 2),
    ("a momentum of 1", option("--momentum", "1"), 2),
    ("an unknown schedule", option("--schedule", "linear"), 2),
    ("an unknown dtype", option("--dtype", "float16"), 2),
    ("an unknown device", option("--device", "tpu"), 2),
    ("no threads", option("--threads", "0"), 2),
    ("a misspelt option", option("--learnin-rat", "1"), 2),
    ("no name for --out", option("--out", ""), 2),
    ("no name for --data", lambda: ["--data", ""], 2),
    ("a file in the place of --out", lambda: [*written("run", b"")[:0], *npz(), "--out", "run"], 2),
    ("an --out that holds a run", lambda: finished_run("--data", "rows.npz", "--out", "run"), 2),
    ("a --config that is not there", option("--config", "nothing.json"), 2),
    ("a --config that is no JSON", lambda: config("{"), 2),
    ("a --config of a list", lambda: config("[1]"), 2),
    ("an unknown option in --config", lambda: config('{"layers": 3}'), 2),
    ("a text for a number in --config", lambda: config('{"seed": "x"}'), 2),
    ("nothing to --resume", lambda: ["--resume", "nothing"], 2),
    ("--resume and --out", lambda: ["--resume", "run", "--out", "other"], 2),
    ("another rate in --resume", lambda: finished_run("--resume", "run", "--momentum", "0.5"), 2),
    ("a rate that is far too high", option("--learning-rate", "1e15", "--hidden", "50"), 4),
]  # fmt: skip


def answer(options, capsys):
    """Run train.py; give its exit status and what it said, which must be one line."""
    given = [*SMALL, *map(str, options)] if "--resume" not in options else list(map(str, options))
    try:
        status = main([*given, "--quiet", "--no-report"])
    except SystemExit as end:  # argparse
        status = end.code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("mlp train: error: "), err
    assert err.count("\n") == 1, err
    return status, err.removeprefix("mlp train: error: ").strip()


def row(name, status, message):
    return f"| {name} | {status} | {message.replace('|', chr(92) + '|')} |\n"


def documented():
    text = DOCUMENT.read_text()
    return text[text.index(BEGIN) + len(BEGIN) : text.index(END)]


@pytest.mark.parametrize(("name", "make", "expected"), CASES, ids=[case[0] for case in CASES])
def test_bad_input_is_answered_as_the_table_says(
    name, make, expected, tmp_path, monkeypatch, capsys, pytestconfig
):
    monkeypatch.chdir(tmp_path)
    options = make()
    capsys.readouterr()
    status, message = answer(options, capsys)
    assert status == expected
    assert str(tmp_path) not in message
    line = row(name, status, message)
    if pytestconfig.getoption("--write-docs"):
        ROWS.append(line)
    else:
        assert line in documented(), "run pytest tests/test_bad_inputs.py --write-docs"


ROWS: list[str] = []


def test_the_table_has_these_rows_and_no_others(pytestconfig):
    if pytestconfig.getoption("--write-docs"):
        head = "| what is wrong | exit status | what is said |\n| --- | --- | --- |\n"
        text = DOCUMENT.read_text()
        before, after = text[: text.index(BEGIN) + len(BEGIN)], text[text.index(END) :]
        DOCUMENT.write_text(before + head + "".join(ROWS) + after)
    names = [line.split(" | ")[0].removeprefix("| ") for line in documented().splitlines()[2:]]
    assert names == [case[0] for case in CASES]
    assert len(names) >= 40


def test_nothing_is_written_for_bad_input(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    options = npz(labels=ZEROS)
    assert main([*SMALL, *options, "--out", "run"]) == 2
    assert not (tmp_path / "run").exists()
    assert "labels must name at least 2 classes" in capsys.readouterr().err

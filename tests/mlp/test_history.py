"""The rows of a run: as they are written they read back, to the bit; and which of them is best."""

import math
import os

import pytest

from mlp import History, Metrics
from mlp import history as module
from mlp.files import FileError
from mlp.history import HistoryFile, best_row, read_history

NAN = math.nan
ROWS = [
    Metrics(0, 2.302585092994046, 0.1, 0.1 + 0.2, 1 / 3, 5e-324, 1.0, 0.0),
    Metrics(1, 1.7976931348623157e308, -0.0, NAN, NAN, NAN, NAN, 1e-9),
    Metrics(2, 1e22, 123456789.123456789, math.inf, 0.5, 2.0, 0.25, 3600.0),
]


def bits(rows):
    return [[float(value).hex() for value in row] for row in rows]


def test_rows_read_back_to_the_bit_however_they_were_written(tmp_path):
    path = tmp_path / "metrics.csv"
    with HistoryFile(path, ROWS[:1]) as file:
        for row in ROWS[1:]:
            file.write(row)
            assert bits(read_history(path)) == bits(ROWS[: row.epoch + 1])  # at once
    found = read_history(path)
    assert isinstance(found, History)
    assert bits(found) == bits(ROWS)
    assert [type(row.epoch) for row in found] == [int] * 3


def test_the_file_is_csv_with_empty_cells_where_there_is_nothing(tmp_path):
    path = tmp_path / "metrics.csv"
    with HistoryFile(path, ROWS):
        pass
    header, _, second, *_ = path.read_bytes().decode().split("\r\n")
    assert header == ",".join(Metrics._fields)
    assert second == "1,1.7976931348623157e+308,-0.0,,,,,1e-09"


def test_a_history_of_no_rows_has_a_header(tmp_path):
    with HistoryFile(tmp_path / "metrics.csv"):
        pass
    assert read_history(tmp_path / "metrics.csv") == ()


def test_what_was_there_before_is_replaced_and_a_link_is_not_followed(tmp_path):
    target, path = tmp_path / "target", tmp_path / "metrics.csv"
    target.write_text("precious")
    for name in ("metrics.csv", ".metrics.csv.part"):
        (tmp_path / name).symlink_to(target)
    with HistoryFile(path, ROWS[:1]) as file:
        file.write(ROWS[2])
    assert target.read_text() == "precious"
    assert bits(read_history(path)) == bits([ROWS[0], ROWS[2]])


def test_a_link_put_in_its_place_before_it_is_opened_is_not_followed(tmp_path, monkeypatch):
    target, path = tmp_path / "target", tmp_path / "metrics.csv"
    target.write_text("precious")
    monkeypatch.setattr(module, "write", lambda path, text: path.symlink_to(target))
    with pytest.raises(OSError, match="symbolic links"):
        HistoryFile(path, ROWS)
    assert target.read_text() == "precious"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a disk that is always full")
def test_a_full_disk_is_one_line_with_what_to_do(tmp_path):
    file = HistoryFile(tmp_path / "metrics.csv")
    file._file.close()
    file._file = open("/dev/full", "w")
    with file, pytest.raises(FileError, match=r"written \(No space left .*; make room, then --res"):
        file.write(ROWS[0])


LINE = "0,1,1,1,1,1,1,1"
HEADER = ",".join(Metrics._fields)
DAMAGED = {
    "empty": b"",
    "other columns": b"epoch,loss\r\n0,1\r\n",
    "no header": LINE.encode(),
    "a cell that is no number": f"{HEADER}\r\n0,1,1,x,1,1,1,1\r\n".encode(),
    "too few cells": f"{HEADER}\r\n0,1\r\n".encode(),
    "too many cells": f"{HEADER}\r\n{LINE},1\r\n".encode(),
    "no epoch": f"{HEADER}\r\n,1,1,1,1,1,1,1\r\n".encode(),
    "an endless epoch": f"{HEADER}\r\ninf,1,1,1,1,1,1,1\r\n".encode(),
    "half an epoch": f"{HEADER}\r\n0.5,1,1,1,1,1,1,1\r\n".encode(),
    "a blank line": f"{HEADER}\r\n\r\n".encode(),
    "no text": b"\xff\xfe",
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_file_is_named_in_one_line(tmp_path, name):
    (tmp_path / "metrics.csv").write_bytes(DAMAGED[name])
    with pytest.raises(FileError, match=r"metrics\.csv: is no ") as caught:
        read_history(tmp_path / "metrics.csv")
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileError, match=r"metrics\.csv: cannot be read"):
        read_history(tmp_path / "metrics.csv")


@pytest.mark.parametrize(
    ("losses", "best"),
    [
        ([3.0, 1.0, 2.0], 1),
        ([1.0, 1.0, 1.0], 0),  # the first of equal ones
        ([NAN, 2.0, 1.0, NAN], 2),
        ([math.inf, 2.0, math.inf], 1),
        ([-math.inf, 2.0], 1),
        ([0.0, -0.0], 0),
        ([NAN, NAN], None),  # no validation rows
        ([math.inf], None),
        ([], None),
    ],
)
def test_the_best_row_is_the_first_of_the_lowest_finite_validation_loss(losses, best):
    rows = [ROWS[0]._replace(epoch=epoch, valid_loss=loss) for epoch, loss in enumerate(losses)]
    found = best_row(rows)
    assert (None if found is None else found.epoch) == best


def test_a_notebook_is_shown_a_picture_of_the_curves():
    rows = [ROWS[0], ROWS[0]._replace(epoch=1, train_loss=1.5)]
    history = History(rows)
    assert history._repr_png_().startswith(b"\x89PNG")
    assert history.plot()._repr_png_().startswith(b"\x89PNG")  # without pyplot, too
    axes = history.plot().subfigs[0].axes[0]
    assert [line.get_label() for line in axes.lines][:3] == ["Training", "Validation", "Test"]

"""Files opened without trust, and replaced whole or not at all."""

import errno
import json
import os
import socket
from pathlib import Path

import pytest

from mlp import DataError, files
from mlp.files import (
    FileError,
    absolute,
    exists,
    open_regular,
    read_bytes,
    read_text,
    real_size,
    remove,
    remove_parts,
    replacing,
    sync,
    to_json,
    without_home,
    write,
    write_json,
)
from mlp.tensors import read_tensors


def test_a_file_is_written_whole_and_alone(tmp_path):
    write(tmp_path / "a", b"\0\xff")
    write(tmp_path / "b", "ä\n")
    write(tmp_path / "c", "lone \udcff surrogate")  # as a path may hold it
    write_json(tmp_path / "d", {"a": [1]})
    contents = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert contents == {
        "a": b"\0\xff",
        "b": "ä\n".encode(),
        "c": b"lone ? surrogate",
        "d": b'{\n  "a": [\n    1\n  ]\n}\n',
    }


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600)])
def test_the_mode_follows_the_umask_also_where_a_file_was_before(tmp_path, mask, mode):
    (tmp_path / "old").touch(0o666)
    before = os.umask(mask)
    try:
        write(tmp_path / "old", b"")
        write(tmp_path / "new", b"")
    finally:
        os.umask(before)
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in ("old", "new")] == [mode, mode]


@pytest.mark.parametrize("error", [OSError(28, "No space left"), ValueError("no"), FileError("f")])
def test_a_failure_leaves_the_file_that_was_there_and_nothing_else(tmp_path, error):
    write(tmp_path / "a", b"old")

    def fail():
        with replacing(tmp_path / "a") as file:
            file.write(b"half")
            raise error

    with pytest.raises(FileError if type(error) is OSError else type(error)) as caught:
        fail()
    if type(error) is OSError:
        message = f"{tmp_path / 'a'}: cannot be written (No space left); choose another --out"
        assert str(caught.value) == message
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"old"}


def test_the_data_are_on_the_disk_before_the_name_and_the_name_before_it_returns(
    tmp_path, monkeypatch
):
    done = []
    for name in ("fsync", "replace"):
        genuine = getattr(os, name)

        def noting(*given, name=name, genuine=genuine):
            done.append(name)
            return genuine(*given)

        monkeypatch.setattr(os, name, noting)
    write(tmp_path / "a", b"new")
    assert done == ["fsync", "replace", "fsync"]


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_a_link_put_under_the_new_files_name_in_advance_is_not_followed(
    tmp_path, monkeypatch, link
):
    target = tmp_path / "target"
    target.write_text("precious")
    monkeypatch.setattr(files.secrets, "token_hex", lambda size: "0" * 2 * size)
    link(target, tmp_path / f".a.{'0' * 16}.part")
    with pytest.raises(FileError, match="a: cannot be written"):
        write(tmp_path / "a", b"new")
    assert target.read_text() == "precious"
    assert not (tmp_path / "a").exists()


def test_a_link_in_a_files_place_is_replaced_and_its_target_stays(tmp_path):
    target = tmp_path / "target"
    target.write_text("precious")
    (tmp_path / "a").symlink_to(target)
    (tmp_path / ".a.part").symlink_to(target)  # a name of earlier versions
    write(tmp_path / "a", b"new")
    assert (target.read_text(), (tmp_path / "a").read_text()) == ("precious", "new")
    assert not (tmp_path / "a").is_symlink()


def test_names_of_new_files_cannot_be_foreseen(tmp_path):
    seen = set()
    for _ in range(3):
        with replacing(tmp_path / "a"):
            seen |= {path.name for path in tmp_path.iterdir()} - {"a"}
    assert len(seen) == 3
    assert all(files._PART.fullmatch(name) for name in seen)


def make_no_file(folder, kind):
    path = folder / kind
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "link to a pipe":
        os.mkfifo(folder / "somewhere")
        path.symlink_to(folder / "somewhere")
    return path


NO_FILES = ["pipe", "folder", "device", "link to a pipe"]


@pytest.mark.timeout(30)
@pytest.mark.parametrize("kind", NO_FILES)
@pytest.mark.parametrize("read", [open_regular, real_size, read_text, read_tensors])
def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path, read, kind):
    path = make_no_file(tmp_path, kind)
    with pytest.raises(FileError, match=f"{kind}: is no file") as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_a_socket_is_refused_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the path of a socket must be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        with pytest.raises(FileError, match="socket: cannot be read"):
            read_text(tmp_path / "socket")


def test_a_refused_file_is_not_left_open(tmp_path):
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    for _ in range(5):
        with pytest.raises(FileError):
            open_regular(tmp_path)
    assert (len(os.listdir("/proc/self/fd")) if before else 0) == before


def test_text_that_is_missing_too_long_or_no_utf_8_is_named_in_one_line(tmp_path, monkeypatch):
    path = tmp_path / "a"
    with pytest.raises(FileError, match=r"a: cannot be read \(No such file or directory\)"):
        read_text(path)
    path.write_bytes(b"\xff")
    with pytest.raises(FileError, match="a: is no text in UTF-8"):
        read_text(path)
    path.write_bytes(b"12345")
    monkeypatch.setattr(files, "_TEXT_LIMIT", 5)
    assert read_text(path) == "12345"
    path.write_bytes(b"123456")
    with pytest.raises(FileError, match="a: must have at most 5 bytes"):
        read_text(path)


def test_a_mark_of_byte_order_is_no_part_of_a_text(tmp_path):
    (tmp_path / "a").write_text("{}", encoding="utf-8-sig")
    assert read_text(tmp_path / "a") == "{}"
    (tmp_path / "a").write_text("\ufeff\ufeff{}")
    assert read_text(tmp_path / "a") == "\ufeff{}"


def test_a_file_of_bytes_is_read_to_its_limit(tmp_path):
    (tmp_path / "a").write_bytes(b"12345")
    assert read_bytes(tmp_path / "a", 5) == b"12345"
    with pytest.raises(FileError, match="a: must have at most 4 bytes"):
        read_bytes(tmp_path / "a", 4)


def test_a_hollow_file_counts_for_little_more_than_is_written_in_it(tmp_path):
    path = tmp_path / "a"
    for written, size in ((b"", 0), (b"1", 1), (b"1" * 4096, 2**36), (b"", 2**36)):
        path.write_bytes(written)
        os.truncate(path, size)
        found = real_size(path)
        if size == 2**36 and found == size:
            pytest.skip("this file system does not tell where its files have holes")
        assert found == size if size < 2**36 else found <= 2**10 * max(len(written), 1) * 64
    with path.open("r+b") as file:  # a hole that a copy makes where there are zeros
        file.truncate(2**20)
        file.seek(2**19)
        file.write(bytes(2**19))
    assert real_size(path) == 2**20


def refused(error):
    def refuse(*_, **__):
        raise OSError(error, os.strerror(error))

    return refuse


@pytest.mark.parametrize("read", [open_regular, real_size, read_text, read_tensors])
def test_what_may_not_be_read_is_said_as_that(tmp_path, monkeypatch, read):
    """Simulated: root may read everything."""
    write(tmp_path / "a", b"")
    monkeypatch.setattr(os, "open", refused(errno.EACCES))
    with pytest.raises(FileError, match=r"/a: cannot be read \(Permission denied\)$"):
        read(tmp_path / "a")


def test_whether_there_is_something_is_told_or_cannot_be(tmp_path, monkeypatch):
    write(tmp_path / "a", b"")
    assert exists(tmp_path / "a")
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("b", "a/b", "link"):
        assert not exists(tmp_path / name)
    monkeypatch.setattr(Path, "stat", refused(errno.EACCES))
    with pytest.raises(FileError, match=r"/a: cannot be read \(Permission denied\)$"):
        exists(tmp_path / "a")


def test_a_file_is_removed_or_named(tmp_path):
    write(tmp_path / "a", b"")
    for _ in range(2):  # nothing to remove is no error
        remove(tmp_path / "a")
        assert not (tmp_path / "a").exists()
    with pytest.raises(FileError, match="cannot be removed"):
        remove(tmp_path)


UNSYNCED = [errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EBADF]


@pytest.mark.parametrize("error", UNSYNCED)
def test_a_file_is_written_where_nothing_can_be_synced(tmp_path, monkeypatch, error):
    assert sync(tmp_path)
    monkeypatch.setattr(os, "fsync", refused(error))
    assert not sync(tmp_path)
    write(tmp_path / "a", b"content")
    assert (tmp_path / "a").read_bytes() == b"content"


@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC, errno.EDQUOT])
def test_a_disk_that_fails_is_not_taken_for_one_that_cannot_sync(tmp_path, monkeypatch, error):
    monkeypatch.setattr(os, "fsync", refused(error))
    with pytest.raises(FileError, match="a: cannot be written"):
        write(tmp_path / "a", b"content")
    assert list(tmp_path.iterdir()) == []


def test_json_is_strict_and_loses_no_digit():
    value = {"a": [1.5, float("nan"), (float("-inf"), 0.1)], "b": {"c": float("inf")}, "d": None}
    text = to_json(value)
    expected = {"a": [1.5, None, [None, 0.1]], "b": {"c": None}, "d": None}
    assert json.loads(text, parse_constant=pytest.fail) == expected
    assert "\n" not in text
    assert to_json({"a": 1}, indent=2) == '{\n  "a": 1\n}'


def test_only_parts_of_ones_own_are_removed(tmp_path):
    own = [f".metrics.csv.{'0a' * 8}.part", ".epoch-1.safetensors.part"]
    others = [
        ".metrics.csv.part",
        f"metrics.csv.{'0a' * 8}.part",
        f".metrics.csv.{'0A' * 8}.part",
        f".metrics.csv.{'0a' * 7}.part",
        f".metrics.csv.{'0a' * 8}.part.txt",
    ]
    for name in (*own, *others):
        (tmp_path / name).touch()
    folder, link = (tmp_path / f".{name}.{'1b' * 8}.part" for name in ("folder", "link"))
    folder.mkdir()
    link.symlink_to(tmp_path / others[0])
    remove_parts(tmp_path)
    kept = {path.name for path in tmp_path.iterdir()}
    assert kept == {*others, folder.name, link.name}
    remove_parts(tmp_path / "nowhere")  # there is nothing to remove


def test_a_place_that_is_not_there_is_named(tmp_path):
    message = r"nowhere/a: cannot be written \(No such file or directory\); choose another --out"
    with pytest.raises(FileError, match=message):
        write(tmp_path / "nowhere" / "a", b"")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/home/anna/rows.npz", "~/rows.npz"),
        ("/home/anna", "~"),
        ("the copy in /home/anna/mlp", "the copy in ~/mlp"),
        ("'--data=/home/anna/my rows.npz'", "'--data=~/my rows.npz'"),
        ("/home/annabel/rows.npz", "/home/annabel/rows.npz"),
        ("/home/anna.old/rows.npz", "/home/anna.old/rows.npz"),
        ("/backup/home/anna/rows.npz", "/backup/home/anna/rows.npz"),
        ("rows.npz", "rows.npz"),
    ],
)
def test_the_home_folder_is_not_named_in_what_is_shared(monkeypatch, text, shown):
    monkeypatch.setenv("HOME", "/home/anna")
    assert without_home(text) == shown
    if text.startswith("/"):
        assert absolute(shown) == text


@pytest.mark.parametrize("home", ["/", "", "relative"])
def test_a_home_that_names_nobody_stays(monkeypatch, home):
    monkeypatch.setenv("HOME", home)
    assert without_home("/a/rows.npz") == "/a/rows.npz"


def test_a_device_is_not_replaced(tmp_path):
    with pytest.raises(FileError, match="/dev/null: is a device; choose another --out"):
        write(Path("/dev/null"), b"")
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize("kind", [FileError, DataError])
def test_an_error_is_one_line_whatever_a_file_has_put_into_it(kind):
    error = kind("a\nb\x1b[2J\u2028c: is é")
    assert str(error) == r"a\nb\x1b[2J\u2028c: is é"

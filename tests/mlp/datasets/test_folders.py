"""Folders of class folders of PNG: what is a class and a picture, and what is neither."""

import numpy as np
import pytest
from bits import assert_same_bits
from data_files import SPLIT, images_and_labels, refuse, write_folders, write_png
from PIL import Image

from mlp import DataError, load
from mlp.datasets import errors


def test_folders_are_classes_by_name_and_their_pictures_are_rows(tmp_path):
    found = load(write_folders(tmp_path / "set"), split=SPLIT)
    assert found.class_names == ("A", "B", "C")
    assert (found.n_classes, found.image_shape) == (3, (5, 4))
    images, labels = images_and_labels()
    order = np.argsort(labels, kind="stable")[np.random.RandomState(521).permutation(60)]
    np.testing.assert_array_equal(found.train.features, images.reshape(60, 20)[order[:30]])
    np.testing.assert_array_equal(found.test.labels, labels[order[50:]])


def test_stray_files_and_linked_folders_are_no_classes(tmp_path):
    folder = write_folders(tmp_path / "set")
    expected = load(folder, split=SPLIT)
    (folder / "README.txt").write_text("about the letters")
    write_png(folder / "D.png", np.zeros((5, 4), np.uint8))
    write_png(tmp_path / "elsewhere" / "0.png", np.zeros((5, 4), np.uint8))
    (folder / "E").symlink_to(tmp_path / "elsewhere")
    (folder / "F").symlink_to(folder / "A")
    found = load(folder, split=SPLIT)
    assert (found.class_names, found.sha256) == (expected.class_names, expected.sha256)
    assert found.notes == expected.notes


def test_names_that_are_no_utf_8_are_names(tmp_path):
    named, unnamed = tmp_path / "named", tmp_path / "unnamed"
    for folder, classes in ((named, ["a", "b"]), (unnamed, ["\udce9", "\udcff"])):
        for number, name in enumerate(classes):
            for row in range(40):
                write_png(
                    folder / name / f"{name}{row:02}.png", np.full((3, 3), number + row, np.uint8)
                )
    found, expected = (load(folder, split=SPLIT) for folder in (unnamed, named))
    assert found.class_names == ("\udce9", "\udcff")
    assert_same_bits(found.train.features, expected.train.features)
    assert found.sha256 != expected.sha256


def test_what_is_no_png_by_its_name_or_is_a_link_is_passed_over(tmp_path):
    folder = write_folders(tmp_path / "set")
    expected = load(folder, split=SPLIT)
    (folder / "A" / "notes.txt").write_text("not a picture")
    (folder / "A" / "photo.jpg").write_bytes(b"\xff\xd8\xff")
    (folder / "A" / ".DS_Store").write_bytes(b"\0")
    (folder / "B" / "folder.png").mkdir()
    (folder / "B" / "link.png").symlink_to(folder / "A" / "000.png")
    (folder / "B" / "dangling.png").symlink_to(folder / "nowhere.png")
    found = load(folder, split=SPLIT)
    assert (found.sha256, found.notes) == (expected.sha256, expected.notes)


def test_a_name_in_capitals_is_a_png_too(tmp_path):
    folder = write_folders(tmp_path / "set")
    (folder / "A" / "000.png").rename(folder / "A" / "000.PNG")
    found = load(folder, split=SPLIT)
    assert sum(len(rows.labels) for rows in found.splits.values()) == 60


def test_unreadable_png_are_counted_and_named(tmp_path):
    folder = write_folders(tmp_path / "set")
    (folder / "B" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n nothing more")
    (folder / "B" / "empty.png").write_bytes(b"")
    found = load(folder, split=SPLIT)
    assert found.notes[0] == f"{folder}: 2 unreadable images left out: B/broken.png, B/empty.png"
    assert len(found.test.labels) == 10


def test_five_unreadable_png_are_named_and_names_cannot_write_to_the_terminal(tmp_path):
    folder = write_folders(tmp_path / "set")
    for name in ("0\n\x1b[2J", *"12345"):
        (folder / "A" / f"{name}.png").write_bytes(b"")
    note = load(folder, split=SPLIT).notes[0]
    assert note.isprintable()
    assert note.endswith(", A/1.png, A/2.png, A/3.png, A/4.png, ...")
    assert "6 unreadable images" in note


def test_bad_class_folders_are_named(tmp_path):
    folder = write_folders(tmp_path / "set")
    write_png(folder / "C" / "wide.png", np.zeros((5, 9), np.uint8))
    with pytest.raises(DataError, match=r"wide.png: must be of 4 x 5 pixels .* got 9 x 5"):
        load(folder, split=SPLIT)
    (folder / "C" / "wide.png").unlink()
    (folder / "D").mkdir()
    with pytest.raises(DataError, match="D: holds no readable PNG"):
        load(folder, split=SPLIT)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(DataError, match=r"neither IDX files .* nor class folders of PNG"):
        load(empty)


def test_a_picture_of_too_many_pixels_is_not_unpacked(tmp_path):
    folder = write_folders(tmp_path / "set")
    write_png(folder / "A" / "bomb.png", np.zeros((3000, 3000), np.uint8))
    assert "1 unreadable images left out: A/bomb.png" in load(folder, split=SPLIT).notes[0]


def test_images_of_a_folder_are_limited_together(tmp_path, monkeypatch):
    monkeypatch.setattr(errors, "EXPANDED_LIMIT", 5 * 10_000)
    for name in "AB":
        (tmp_path / name).mkdir()
        for index in range(3):
            Image.new("L", (100, 100)).save(tmp_path / name / f"{index}.png")
    refuse(tmp_path, "its images must take at most 50000 bytes")

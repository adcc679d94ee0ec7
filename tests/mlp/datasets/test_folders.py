"""Folders of class folders of pictures: what is a class and a picture, and what is neither."""

import os

import numpy as np
import pytest
from bits import assert_same_bits
from data_files import SPLIT, claimed_png, images_and_labels, refuse, write_folders, write_png
from PIL import Image

from mlp import DataError, load
from mlp.datasets import errors
from mlp.datasets.content import sha256_of


def test_folders_are_classes_by_name_and_their_pictures_are_rows(tmp_path):
    found = load(write_folders(tmp_path / "set"), split=SPLIT)
    assert found.class_names == ("A", "B", "C")
    assert (found.n_classes, found.image_shape) == (3, (5, 4))
    images, labels = images_and_labels()
    order = np.argsort(labels, kind="stable")[np.random.RandomState(521).permutation(60)]
    np.testing.assert_array_equal(found.train.features, images.reshape(60, 20)[order[:30]])
    np.testing.assert_array_equal(found.test.labels, labels[order[50:]])


def test_what_is_no_class_is_counted_in_a_note(tmp_path):
    folder = write_folders(tmp_path / "set")
    expected = load(folder, split=SPLIT)
    (folder / "README.txt").write_text("about the letters")
    write_png(folder / "D.png", np.zeros((5, 4), np.uint8))
    for name in (".ipynb_checkpoints", "__MACOSX", ".git"):
        write_png(folder / name / "0.png", np.zeros((5, 4), np.uint8))
    (folder / "empty").mkdir()
    (folder / "A" / "notes.txt").write_text("not a picture")
    (folder / "A" / ".DS_Store").write_bytes(b"\0")
    (folder / "A" / "deeper").mkdir()
    (folder / "B" / "dangling.png").symlink_to(folder / "nowhere.png")
    (folder / "B" / "round.png").symlink_to("round.png")
    os.mkfifo(folder / "C" / "pipe.png")
    found = load(folder, split=SPLIT)
    assert found.class_names == expected.class_names == ("A", "B", "C")
    assert_same_bits(found.train.features, expected.train.features)
    assert found.notes[0] == (
        f"{folder}: left out: "
        "4 hidden or system files and folders (.git, .ipynb_checkpoints, __MACOSX, A/.DS_Store); "
        "2 files outside class folders (D.png, README.txt); "
        "1 folders inside class folders (A/deeper); 1 files of other kinds (A/notes.txt); "
        "3 unreadable pictures (B/dangling.png, B/round.png, C/pipe.png); "
        "1 folders without pictures (empty)"
    )
    assert expected.notes == (f"{folder}: data set with SHA-256 {expected.sha256}",)


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


def test_links_are_followed_but_not_back(tmp_path):
    images, _ = images_and_labels()
    folder = write_folders(tmp_path / "set")
    for number in range(3):
        write_png(tmp_path / "elsewhere" / f"{number}.png", images[number])
    (folder / "D").symlink_to(tmp_path / "elsewhere")
    (folder / "A" / "link.png").symlink_to(tmp_path / "elsewhere" / "0.png")
    found = load(folder)
    assert found.class_names == ("A", "B", "C", "D")
    assert sum(len(rows.labels) for rows in found.splits.values()) == 60 + 3 + 1
    for target in (folder, tmp_path):
        (folder / "E").symlink_to(target)
        with pytest.raises(DataError, match="E: must not be a link to a folder that holds it"):
            load(folder)
        (folder / "E").unlink()


LAYOUTS = [
    ("train", "val", "test"),
    ("Training", "valid", "testing"),
    ("train", "validation"),
    ("train",),
]


@pytest.mark.parametrize("names", LAYOUTS)
def test_training_validation_and_test_folders_are_recognised(names, tmp_path):
    images, labels = images_and_labels(120)
    expected = {name: set() for name in names}
    for index, (image, label) in enumerate(zip(images, labels, strict=True)):
        name = names[index // 3 % len(names)]
        write_png(tmp_path / name / "ABC"[label] / f"{index:03}.png", image)
        expected[name].add(image.tobytes())
    dataset = load(tmp_path)
    found = {part: {row.tobytes() for row in rows[0]} for part, rows in dataset.splits.items()}
    assert list(found) == ["train", "valid", "test"]
    own = dict(zip(found, names, strict=False))
    for part, name in own.items():
        if part != "train":
            assert found[part] == expected[name]
    divided = found["train"].union(*(found[part] for part in found.keys() - own.keys()))
    assert divided == expected[names[0]]
    assert dataset.notes[0].startswith(f"{tmp_path}: its folders are taken as they are named: ")
    assert f"{names[0]} for training" in dataset.notes[0]


def test_what_parts_cannot_be_is_named(tmp_path):
    images, _ = images_and_labels()
    for part, kind in (("train", "A"), ("train", "B"), ("val", "C")):
        for number in range(3):
            write_png(tmp_path / part / kind / f"{number}.png", images[number])
    with pytest.raises(DataError, match="val/C: is no class of the training pictures"):
        load(tmp_path)
    (tmp_path / "val" / "C").rename(tmp_path / "val" / "A")
    with pytest.raises(DataError, match="has validation rows of its own; give it no split"):
        load(tmp_path, split=(2, 2))
    write_png(tmp_path / "valid" / "A" / "0.png", images[0])
    with pytest.raises(
        DataError, match="must have one folder for each part, got train, val, valid"
    ):
        load(tmp_path)


def test_a_name_in_capitals_is_a_png_too(tmp_path):
    folder = write_folders(tmp_path / "set")
    (folder / "A" / "000.png").rename(folder / "A" / "000.PNG")
    found = load(folder, split=SPLIT)
    assert sum(len(rows.labels) for rows in found.splits.values()) == 60


def test_unreadable_pictures_are_named_and_names_cannot_write_to_the_terminal(tmp_path):
    folder = write_folders(tmp_path / "set")
    for name in ("0\n\x1b[2J", *"12345"):
        (folder / "A" / f"{name}.png").write_bytes(b"\x89PNG\r\n\x1a\n nothing more")
    note = load(folder, split=SPLIT).notes[0]
    assert note.isprintable()
    assert "6 unreadable pictures" in note
    assert note.endswith(", A/1.png, A/2.png, A/3.png, A/4.png, ...)")


def test_bad_class_folders_are_named(tmp_path):
    folder = write_folders(tmp_path / "set")
    write_png(folder / "C" / "wide.png", np.zeros((5, 9), np.uint8))
    message = "must have one size, or be resized to one; got 2 sizes, 60 of 61 pictures have 5 x 4"
    with pytest.raises(DataError, match=message) as caught:
        load(folder, split=SPLIT)
    assert caught.value.mend == "--image-size 5 4 resizes all"
    assert "--" not in str(caught.value)
    (folder / "C" / "wide.png").unlink()
    (folder / "D").mkdir()
    (folder / "D" / "0.png").write_bytes(b"")
    with pytest.raises(DataError, match="D: holds no readable picture"):
        load(folder, split=SPLIT)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(DataError, match=r"neither IDX files .* nor class folders of pictures"):
        load(empty)


def test_pictures_of_all_formats_and_sizes_are_resized_when_asked(tmp_path):
    images, _ = images_and_labels()
    for index, suffix in enumerate(("png", "bmp", "gif", "tiff", "webp", "jpg") * 2):
        picture = Image.fromarray(images[index]).resize((4 * (1 + index % 3), 5 * (1 + index % 3)))
        path = tmp_path / "AB"[index // 6] / f"{index}.{suffix}"
        path.parent.mkdir(exist_ok=True)
        picture.save(path, **({"lossless": True} if suffix == "webp" else {}))
    found = load(tmp_path, image_size=(5, 4))
    assert found.image_shape == (5, 4)
    assert found.notes[0] == f"{tmp_path}: 8 pictures are resized to 5 x 4 (height x width)"
    assert sum(len(rows.labels) for rows in found.splits.values()) == 12
    with pytest.raises(DataError, match=r"must be a height and a width from 1 on, got \(0, 4\)"):
        load(tmp_path, image_size=[0, 4])
    with pytest.raises(DataError, match=r"got 3 sizes, 4 of 12 pictures have 5 x 4"):
        load(tmp_path)


def test_a_picture_of_too_many_pixels_is_not_unpacked(tmp_path):
    folder = write_folders(tmp_path / "set")
    (folder / "A" / "bomb.png").write_bytes(claimed_png(10_000, 10_000))
    assert "1 unreadable pictures (A/bomb.png)" in load(folder, split=SPLIT).notes[0]


def test_images_of_a_folder_are_limited_together(tmp_path, monkeypatch):
    monkeypatch.setattr(errors, "EXPANDED_LIMIT", 5 * 10_000)
    for name in "AB":
        (tmp_path / name).mkdir()
        for index in range(3):
            Image.new("L", (100, 100)).save(tmp_path / name / f"{index}.png")
    refuse(tmp_path, "its pictures must take at most 50000 bytes in memory")


def test_the_hash_is_found_without_looking_at_the_pictures(tmp_path, monkeypatch):
    folder = write_folders(tmp_path / "set")
    (folder / "A" / "broken.png").write_bytes(b"nothing")
    expected = load(folder, split=SPLIT).sha256
    monkeypatch.setattr("mlp.datasets.folders.decode", pytest.fail)
    assert sha256_of(folder) == expected

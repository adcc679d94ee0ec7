"""Which files are pictures of which class and part; folders themselves: test_folders.py."""

from data_files import write_png
from numpy import zeros

from mlp.datasets.listing import Listing


def test_pictures_are_listed_by_part_class_and_name_whatever_their_case(tmp_path):
    for name in ("test/b/1.PNG", "train/b/2.jpeg", "train/a/3.TIF", "train/a/1.webp"):
        write_png(tmp_path / name, zeros((2, 2), "u1"))
    listing = Listing(tmp_path)
    found = [
        (part, folder.name, [path.name for path in listing.pictures(folder)])
        for part, folder in listing.class_folders()
    ]
    assert found == [
        ("train", "a", ["1.webp", "3.TIF"]),
        ("train", "b", ["2.jpeg"]),
        ("test", "b", ["1.PNG"]),
    ]
    assert listing.note() == []


def test_folders_that_only_look_like_parts_are_classes(tmp_path):
    for name in ("train/1.png", "test/1.png"):  # pictures of trains and of tests
        write_png(tmp_path / name, zeros((2, 2), "u1"))
    listing = Listing(tmp_path)
    assert [(part, folder.name) for part, folder in listing.class_folders()] == [
        ("train", "test"),
        ("train", "train"),
    ]

"""Folders of class folders of pictures, also divided into training, validation and test folders."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..files import FileError, read_bytes
from .errors import DataError, expanded_limit
from .judge import Pair
from .listing import Listing
from .pictures import FILE_LIMIT, Picture, decode
from .transparency import choose_ground


class ClassFolders(NamedTuple):
    """What the folders hold."""

    parts: dict[str, Pair]  # of "train", "valid" and "test"; labels are numbers of the classes
    class_names: tuple[str, ...]
    ground: str  # what transparent pictures were laid on
    hashes: dict[str, str]  # SHA-256 by folder and file, of readable pictures and others
    notes: tuple[str, ...]


def read_class_folders(folder: Path, size: tuple[int, int] | None = None) -> ClassFolders:
    """Read ``folder/CLASS/*.png`` and the like, or ``folder/train/CLASS/*.png``.

    Links are followed. What is left out is counted in a note.

    Parameters
    ----------
    folder : Path
    size : (int, int), optional
        Height and width to resize all pictures to; without it they must have one size.

    Raises
    ------
    DataError
        A class whose pictures are all unreadable, pictures of different sizes, too many of them,
        or a link that leads back.
    """
    return _Reader(folder, size).read()


def hash_class_folders(folder: Path) -> dict[str, str]:
    """Return the hashes that `read_class_folders` gives, without looking at the pictures.

    Raises
    ------
    DataError
        See there.
    """
    listing = Listing(folder)
    return {
        listing.name(path): _hash(path)[0]
        for _, class_folder in listing.class_folders()
        for path in listing.pictures(class_folder)
    }


class _Reader:
    """Reads the pictures of a folder, and counts."""

    def __init__(self, folder: Path, size: tuple[int, int] | None) -> None:
        self.folder, self.size, self.listing = folder, size, Listing(folder)
        self.hashes: dict[str, str] = {}
        self.sizes: Counter[tuple[int, int]] = Counter()
        self.on_disk = self.in_memory = self.resized = 0

    def read(self) -> ClassFolders:
        names: list[str] = []
        pictures: dict[str, list[Picture]] = defaultdict(list)
        labels: dict[str, list[int]] = defaultdict(list)
        for part, class_folder in self.listing.class_folders():
            files = self.listing.pictures(class_folder)
            if not files:
                continue
            if part == "train":
                names.append(class_folder.name)
            elif class_folder.name not in names:
                raise DataError(f"{class_folder}: is no class of the training pictures")
            before = sum(self.sizes.values())
            found = [picture for path in files for picture in self._picture(path)]
            if before == sum(self.sizes.values()):
                raise DataError(
                    f"{class_folder}: holds no readable picture; every class folder must"
                )
            pictures[part] += found
            labels[part] += [names.index(class_folder.name)] * len(found)
        if not names:
            raise DataError(
                f"{self.folder}: holds neither IDX files (...images-idx3-ubyte) nor class folders "
                "of pictures"
            )
        self._check_sizes()
        every = [picture for found in pictures.values() for picture in found]
        ground = choose_ground(
            (one.grey[None], None if one.alpha is None else one.alpha[None]) for one in every
        )
        parts = {
            part: Pair(
                np.stack([picture.on(ground) for picture in found]),
                np.array(labels[part], np.int32),
            )
            for part, found in pictures.items()
        }
        notes = (*self.listing.notes, *self._notes(every, ground), *self.listing.note())
        return ClassFolders(parts, tuple(names), ground, self.hashes, notes)

    def _picture(self, path: Path) -> Iterator[Picture]:
        """Read a picture, unless it is unreadable or another has had another size."""
        digest, data = _hash(path)
        self.hashes[self.listing.name(path)] = digest
        try:
            picture = decode(data, str(path), self.size)
        except DataError:
            self.listing.leave_out("unreadable pictures", path)
            return
        self.sizes[picture.grey.shape[0], picture.grey.shape[1]] += 1
        self.on_disk += len(data)
        self.resized += picture.resized
        self.in_memory += picture.grey.size * (1 if picture.alpha is None else 2)
        if self.in_memory > expanded_limit(self.on_disk):
            raise DataError(
                f"{self.folder}: its pictures must take at most {expanded_limit(0)} bytes in "
                "memory, one a pixel",
                mend="--image-size H W makes them smaller",
            )
        if len(self.sizes) == 1:
            yield picture

    def _notes(self, pictures: list[Picture], ground: str) -> list[str]:
        notes = []
        if clear := sum(picture.alpha is not None for picture in pictures):
            notes.append(f"{self.folder}: {clear} pictures with transparency are laid on {ground}")
        if self.size is not None and self.resized:
            notes.append(
                f"{self.folder}: {self.resized} pictures are resized to {_words(self.size)}"
            )
        return notes

    def _check_sizes(self) -> None:
        if len(self.sizes) > 1:
            (size, count), total = self.sizes.most_common(1)[0], sum(self.sizes.values())
            raise DataError(
                f"{self.folder}: its pictures must have one size, or be resized to one; got "
                f"{len(self.sizes)} sizes, {count} of {total} pictures have {_words(size)}",
                mend=f"--image-size {size[0]} {size[1]} resizes all",
            )


def _hash(path: Path) -> tuple[str, bytes]:
    """Read a file, and hash it; one that cannot be read or is too large is as an empty one."""
    try:
        data = read_bytes(path, FILE_LIMIT)
    except FileError:
        data = b""
    return hashlib.sha256(data).hexdigest(), data


def _words(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]} (height x width)"

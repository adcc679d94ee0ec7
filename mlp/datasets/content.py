"""What a path holds, whatever its form."""

import hashlib
from collections.abc import Callable
from functools import partial
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from ..files import exists, open_regular
from .errors import DataError, named
from .folders import read_class_folders
from .idx import IDX_NAME, find_pairs, labels_file, read_idx_pair
from .judge import Pair
from .npz import is_archive, read_npz
from .on_disk import read_npy_folder


class Content(NamedTuple):
    """What a path holds, not yet judged.

    Attributes
    ----------
    pair : Pair
        Rows and labels.
    sha256 : callable
        Reads every byte once more: hashes the file, or the sorted list of names and hashes.
    test : Pair or None
        Test rows of its own.
    class_names : tuple of str
        Empty where it names none.
    notes : tuple of str
    """

    pair: Pair
    sha256: Callable[[], str]
    test: Pair | None = None
    class_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def read(path: Path) -> Content:
    """Read a data set, whatever its form.

    Raises
    ------
    DataError
        It is missing, damaged or of no form that is known.
    """
    with named(path):
        if not exists(path):
            raise DataError(f"{path}: no such file or folder; --data names the data set")
        if path.is_dir():
            return _read_folder(path)
        if is_archive(path):
            return Content(Pair(*read_npz(path)), partial(_sha256, path))
        if IDX_NAME.fullmatch(path.name):
            files = path, labels_file(path)
            return Content(Pair(*read_idx_pair(*files)), partial(_files_sha256, *files))
    raise DataError(
        f"{path}: is neither a whole .npz archive nor an IDX file of images; --data takes these, "
        "a folder with IDX files, or a folder of class folders of PNG"
    )


def _read_folder(folder: Path) -> Content:
    if exists(folder / "images.npy"):
        files = folder / "images.npy", folder / "labels.npy"
        note = f"{folder}: images stay on disk; labels and the rows' order take 13 bytes a row"
        pair = Pair(*read_npy_folder(*files))
        return Content(pair, partial(_files_sha256, *files), notes=(note,))
    if pairs := find_pairs(folder):
        pair, *test = (Pair(*read_idx_pair(*files)) for files in pairs)
        digest = partial(_files_sha256, *chain.from_iterable(pairs))
        return Content(pair, digest, test[0] if test else None)
    images, labels, names, hashes, notes = read_class_folders(folder)
    return Content(Pair(images, labels), partial(_combined_sha256, hashes), None, names, notes)


def _sha256(path: Path) -> str:
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _files_sha256(*files: Path) -> str:
    return _combined_sha256({file.name: _sha256(file) for file in files})


def _combined_sha256(hashes: dict[str, str]) -> str:
    lines = "".join(f"{name} {digest}\n" for name, digest in sorted(hashes.items()))
    return hashlib.sha256(lines.encode()).hexdigest()

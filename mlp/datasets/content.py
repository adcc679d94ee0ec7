"""What a path holds, whatever its form."""

import hashlib
from collections.abc import Callable
from functools import partial
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from ..files import exists, open_regular, stamp
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
        Reads every byte once more: hashes the file, or the sorted list of names and hashes. A
        DataError where a file is not the one any more whose rows were read.
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
            stamps = _stamps(path)
            pair = Pair(*read_npz(path))
            return Content(pair, partial(_unchanged, stamps, partial(_sha256, path)))
        if IDX_NAME.fullmatch(path.name):
            files = path, labels_file(path)
            stamps = _stamps(*files)
            pair = Pair(*read_idx_pair(*files))
            return Content(pair, partial(_unchanged, stamps, partial(_files_sha256, *files)))
    raise DataError(
        f"{path}: is neither a whole .npz archive nor an IDX file of images; --data takes these, "
        "a folder with IDX files, or a folder of class folders of PNG"
    )


def _read_folder(folder: Path) -> Content:
    if "images.npy" in {path.name for path in folder.iterdir()}:
        files = folder / "images.npy", folder / "labels.npy"
        note = f"{folder}: images stay on disk; labels and the rows' order take 13 bytes a row"
        stamps = _stamps(*files)
        pair = Pair(*read_npy_folder(*files))
        digest = partial(_unchanged, stamps, partial(_files_sha256, *files))
        return Content(pair, digest, notes=(note,))
    if pairs := find_pairs(folder):
        every = tuple(chain.from_iterable(pairs))
        stamps = _stamps(*every)
        pair, *test = (Pair(*read_idx_pair(*files)) for files in pairs)
        digest = partial(_unchanged, stamps, partial(_files_sha256, *every))
        return Content(pair, digest, test[0] if test else None)
    images, labels, names, hashes, notes = read_class_folders(folder)
    return Content(Pair(images, labels), partial(_combined_sha256, hashes), None, names, notes)


def _stamps(*files: Path) -> dict[Path, object]:
    return {file: stamp(file) for file in files if exists(file)}


def _unchanged(stamps: dict[Path, object], digest: Callable[[], str]) -> str:
    found = digest()
    for file, before in stamps.items():
        if stamp(file) != before:
            raise DataError(f"{file}: has changed while it was read; wait until it is whole")
    return found


def _sha256(path: Path) -> str:
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _files_sha256(*files: Path) -> str:
    return _combined_sha256({file.name: _sha256(file) for file in files})


def _combined_sha256(hashes: dict[str, str]) -> str:
    lines = "".join(f"{name} {digest}\n" for name, digest in sorted(hashes.items()))
    return hashlib.sha256(lines.encode(errors="surrogateescape")).hexdigest()

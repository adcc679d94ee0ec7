"""What a path holds, whatever its form."""

import hashlib
from collections.abc import Callable
from functools import partial
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from ..files import exists, open_regular, stamp
from .errors import DataError, named
from .idx import IDX_NAME, find_pairs, labels_file, read_idx_pair
from .judge import Pair
from .npz import is_archive, read_npz
from .on_disk import read_npy_folder
from .reading import Reading


class Content(NamedTuple):
    """What a path holds, not yet judged.

    Attributes
    ----------
    parts : dict of Pair
        Rows and labels as they are: of ``train``, and of ``valid`` and ``test`` where it has such
        rows of its own.
    sha256 : callable
        Reads every byte once more: hashes the file, or the sorted list of names and hashes. A
        DataError where a file is not the one any more whose rows were read.
    class_names : tuple of str
        Empty where it names none.
    feature_names : tuple of str
        Of a table's columns; empty where it names none.
    label_column : str or None
        Of a table that names its columns.
    table : bool
        Whether rows are features as people write them down, which training standardises.
    from_pictures : bool
        Whether its rows were files of pictures.
    ground : {"white", "black", ""}
        What its transparent pictures were laid on; empty where it has none.
    notes : tuple of str
    """

    parts: dict[str, Pair]
    sha256: Callable[[], str]
    class_names: tuple[str, ...] = ()
    feature_names: tuple[str, ...] = ()
    label_column: str | None = None
    table: bool = False
    from_pictures: bool = False
    ground: str = ""
    notes: tuple[str, ...] = ()


def read(path: Path, reading: Reading) -> Content:
    """Read a data set, whatever its form, as it is asked for.

    Raises
    ------
    DataError
        It is missing, damaged or of no form that is known.
    """
    with named(path):
        form, files = _form(path)
        digest = partial(_unchanged, _stamps(*files), partial(sha256_of, path))
        if form == "npz":
            return Content({"train": Pair(*read_npz(path))}, digest)
        if form == "npy":
            note = f"{path}: images stay on disk; labels and the rows' order take 13 bytes a row"
            return Content({"train": Pair(*read_npy_folder(*files))}, digest, notes=(note,))
        if form == "idx":
            pairs = (
                Pair(*read_idx_pair(*two)) for two in zip(files[::2], files[1::2], strict=True)
            )
            return Content(dict(zip(("train", "test"), pairs, strict=False)), digest)
        from .folders import read_class_folders  # brings Pillow, which nothing else needs

        parts, names, ground, hashes, notes = read_class_folders(path, reading.image_size)
    digest = partial(_combined_sha256, hashes)
    return Content(parts, digest, class_names=names, from_pictures=True, ground=ground, notes=notes)


def sha256_of(path: Path) -> str:
    """Hash a data set without taking it into memory, as `Content.sha256` does.

    Raises
    ------
    DataError
        It is missing, or of no form that is known.
    """
    with named(path):
        form, files = _form(path)
        if form == "npz":
            return _sha256(path)
        if form == "folders":
            from .folders import hash_class_folders

            return _combined_sha256(hash_class_folders(path))
        return _combined_sha256({file.name: _sha256(file) for file in files})


def _form(path: Path) -> tuple[str, list[Path]]:
    """Return the form of a data set, ``npz``, ``npy``, ``idx`` or ``folders``, and its files."""
    if not exists(path):
        raise DataError(f"{path}: no such file or folder", mend="--data names the data set")
    if not path.is_dir():
        if is_archive(path):
            return "npz", [path]
        if IDX_NAME.fullmatch(path.name):
            return "idx", [path, labels_file(path)]
        raise DataError(
            f"{path}: must be a whole .npz archive, an IDX file of images, a folder with IDX "
            "files, or a folder of class folders of pictures"
        )
    if "images.npy" in {file.name for file in path.iterdir()}:
        return "npy", [path / "images.npy", path / "labels.npy"]
    pairs = find_pairs(path)
    return ("idx" if pairs else "folders"), list(chain.from_iterable(pairs))


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


def _combined_sha256(hashes: dict[str, str]) -> str:
    lines = "".join(f"{name} {digest}\n" for name, digest in sorted(hashes.items()))
    return hashlib.sha256(lines.encode(errors="surrogateescape")).hexdigest()

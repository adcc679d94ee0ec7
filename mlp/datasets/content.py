"""What a path holds, whatever its form."""

import hashlib
from collections.abc import Callable
from functools import partial
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from ..files import exists, open_regular, stamp
from .arrays import find_arrays, to_train_on
from .errors import DataError, named
from .idx import ROW_RANKS, find_pairs, is_images, read_idx
from .idx import read_labels as read_idx_labels
from .judge import Pair
from .npz import is_archive, read_labels, read_names, read_rows
from .on_disk import read_npy_folder
from .reading import Reading
from .table import find_tables, is_table, read_tables


class Content(NamedTuple):
    """What a path holds, not yet judged.

    Attributes
    ----------
    parts : dict of Pair
        Rows and labels as they are: of ``train``, and of ``valid`` and ``test`` where it has such
        rows of its own.
    form : str
        What it was read as, in a few words.
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
    form: str
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
        if form == "folders":
            return _read_folders(path, reading)
        if form == "npy":
            note = f"{path}: images stay on disk; labels and the rows' order take 13 bytes a row"
            return Content(
                {"train": Pair(*read_npy_folder(*files))}, "arrays on disk", digest, notes=(note,)
            )
        if form == "idx":
            return _read_idx(path, reading, digest)
        if form == "table":
            return _read_tables(path, reading, digest)
        return _read_arrays(path, reading, digest)


def _read_arrays(path: Path, reading: Reading, digest: Callable[[], str]) -> Content:
    found = find_arrays(path)
    arrays, notes = to_train_on(path, found)
    beside = [file.name for file in found.files if file != path]
    if beside and not path.is_dir():
        notes.insert(0, f"{path}: read together with {', '.join(beside)}")
    parts = {part: Pair(read_rows(rows), read_labels(labels)) for part, (rows, labels) in arrays}
    names: dict[str, tuple[str, ...]] = {}
    for kind, source in (("class", found.class_names), ("feature", found.feature_names)):
        try:
            names[kind] = () if source is None else read_names(source)
        except DataError as error:
            notes.append(f"{error}; its {kind} names are left out")
    columns, shape = names.get("feature", ()), parts["train"].rows.shape
    if columns and (shape != (shape[0], len(columns)) or reading.image_size is not None):
        notes.append(f"{path}: its {len(columns)} feature names do not fit the rows: left out")
        columns = ()
    return Content(
        parts,
        "arrays in one file" if len(found.files) == 1 else f"arrays in {len(found.files)} files",
        digest,
        class_names=names.get("class", ()),
        feature_names=columns,
        notes=tuple(notes),
    )


def _read_idx(path: Path, reading: Reading, digest: Callable[[], str]) -> Content:
    pairs = find_pairs(path)
    parts: dict[str, Pair] = {}
    notes: list[str] = []
    for part, (images, labels_of) in pairs.items():
        rows = read_idx(images, *ROW_RANKS)
        labels, note = read_idx_labels(labels_of)
        parts[part] = Pair(rows, labels)
        notes += [note] if note else []
    others = [pair.images.name for part, pair in pairs.items() if part != "train"]
    if others and not path.is_dir():
        notes.insert(0, f"{path}: read together with {', '.join(others)}")
    if "emnist" in pairs["train"].images.name.lower() and not reading.transpose:
        notes.append(f"{path}: EMNIST's pictures lie on their side; --transpose stands them up")
    return Content(parts, "IDX files", digest, notes=tuple(notes))


def _read_tables(path: Path, reading: Reading, digest: Callable[[], str]) -> Content:
    files, note = find_tables(path) if path.is_dir() else ({"train": path}, "")
    found = read_tables(files, reading)
    return Content(
        found.parts,
        "a table" if len(found.parts) == 1 else f"tables in {len(found.parts)} files",
        digest,
        feature_names=found.feature_names,
        label_column=found.label_column,
        table=found.standardise,
        notes=(*([note] if note else []), *found.notes),
    )


def _read_folders(path: Path, reading: Reading) -> Content:
    from .folders import read_class_folders  # brings Pillow, which nothing else needs

    parts, names, ground, hashes, notes = read_class_folders(path, reading.image_size)
    digest = partial(_combined_sha256, hashes)
    form = "class folders of pictures"
    return Content(
        parts, form, digest, class_names=names, from_pictures=True, ground=ground, notes=notes
    )


def sha256_of(path: Path) -> str:
    """Hash a data set without taking it into memory, as `Content.sha256` does.

    Raises
    ------
    DataError
        It is missing, or of no form that is known.
    """
    with named(path):
        form, files = _form(path)
        if files == [path]:
            return _sha256(path)
        if form == "folders":
            from .folders import hash_class_folders

            return _combined_sha256(hash_class_folders(path))
        return _combined_sha256({file.name: _sha256(file) for file in files})


def _form(path: Path) -> tuple[str, list[Path]]:
    """Return a data set's form, and its files where they are known.

    A form is ``npz``, one archive of several arrays; ``arrays``, files of one array each; ``npy``,
    whose images stay on disk; ``idx``, ``table`` or ``folders``.
    """
    if not exists(path):
        raise DataError(f"{path}: no such file or folder", mend="--data names the data set")
    folder = path if path.is_dir() else path.parent
    on_disk = [folder / "images.npy", folder / "labels.npy"]
    if path.is_dir():
        if exists(on_disk[0]):
            return "npy", on_disk
        if pairs := find_pairs(path):
            return "idx", list(chain.from_iterable(pairs.values()))
        if _holds_pictures(path):
            return "folders", []
        if arrays := find_arrays(path).files:
            return "arrays", arrays
        tables = list(find_tables(path)[0].values())
        return ("table" if tables else "folders"), tables
    if path == on_disk[0]:
        return "npy", on_disk
    if path.suffix.lower() == ".npy" or is_archive(path):
        files = find_arrays(path).files or [path]
        return ("npz" if files == [path] else "arrays"), files
    if is_images(path):
        return "idx", list(chain.from_iterable(find_pairs(path).values()))
    if is_table(path):
        return "table", [path]
    raise DataError(
        f"{path}: must be a whole .npz archive, an IDX file of images, a table as CSV, a folder "
        "with IDX files, or a folder of class folders of pictures"
    )


def _holds_pictures(path: Path) -> bool:
    """Return whether there are class folders of pictures, which any arrays only lie beside."""
    if not any(file.is_dir() for file in path.iterdir()):
        return False
    from .listing import Listing  # brings Pillow

    listing = Listing(path)
    return any(listing.pictures(folder) for _, folder in listing.class_folders())


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

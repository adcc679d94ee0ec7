"""Which arrays of ``.npz`` and ``.npy`` files are rows and labels of which part."""

from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from .errors import DataError
from .naming import is_systems, part_of, understand
from .npz import NUMBERS, TEXTS, Archive, Source, is_archive
from .roles import Candidate, Found, assign

SUFFIXES = (".npy", ".npz")
_LISTED, _SHOWN = 9, 60  # arrays that a message names, characters of each
_ROWS = "rows (images, features, data or x)"


class ToPredict(NamedTuple):
    """Rows that are to be predicted, their labels where there are any, and what to say of that."""

    rows: Source
    labels: Source | None
    note: str = ""


def find_arrays(path: Path, prefer: str = "images") -> Found:
    """Find rows and labels by name: in an archive, or in files of one array each.

    An archive of several arrays is a data set by itself. An ``.npy`` file, and an archive of one
    array, is one together with the files beside it that are named like it: ``x_train.npy`` with
    ``y_train.npy``, ``kmnist-train-imgs.npz`` with ``kmnist-train-labels.npz``; and so is a folder
    of these, or of archives that are named as parts are.

    Parameters
    ----------
    path : Path
        An ``.npz`` or ``.npy`` file, or a folder.
    prefer : {"images", "features"}
        Which of these are the rows where an archive has both.

    Returns
    -------
    Found
        Without parts, where no name is understood.

    Raises
    ------
    DataError
        Two arrays have one role, or a folder holds several data sets.
    """
    candidates = [] if path.is_dir() else _candidates(path)
    if len(candidates) > 1:
        return assign(path, candidates, prefer)
    found = _in_files(path, prefer)
    return found if found.parts or not path.is_dir() else _in_archives(path, prefer)


def rows_to_predict(path: Path, prefer: str = "images") -> ToPredict:
    """Find the rows of a file that are to be predicted, and their labels where it has them.

    Those of the test part where there is one, else of the validation part, else of the training
    part. An array that is alone in its file is rows, whatever its name.

    Parameters
    ----------
    path : Path
        An ``.npz`` or ``.npy`` file.
    prefer : {"images", "features"}
        See `find_arrays`.

    Raises
    ------
    DataError
        No array is understood as rows, or several are.
    """
    alone = _alone(path) if is_archive(path) else Source(path)
    try:
        found = find_arrays(path, prefer)
    except DataError as error:
        if alone is None:
            raise
        return ToPredict(alone, None, f"{error}; its rows are predicted without labels")
    if alone is not None:
        beside = (labels for rows, labels in found.parts.values() if rows == alone)
        return ToPredict(alone, next(beside, None))
    there = [found.parts[part] for part in ("test", "valid", "train") if part in found.parts]
    every = [(rows, labels) for rows, labels in there if rows is not None]
    if every:
        rows, labels = every[0]
        note = f"{path}: of its arrays {rows.shown} is predicted" if len(every) > 1 else ""
        return ToPredict(rows, labels, note)
    raise DataError(_not_understood(path, _ROWS))


def to_train_on(
    path: Path, found: Found
) -> tuple[list[tuple[str, tuple[Source, Source]]], list[str]]:
    """Return the parts that have rows and labels, training first, and notes of what is left out.

    The only part is for training, whatever its name.

    Raises
    ------
    DataError
        There are no training rows with labels.
    """
    notes = []
    whole: dict[str, tuple[Source, Source]] = {}
    for part, (rows, labels) in found.parts.items():
        if rows is not None and labels is not None:
            whole[part] = rows, labels
        elif only := rows or labels:
            lacks = "labels" if rows else "rows"
            notes.append(f"{path}: {only.shown} is left out: there are no {lacks} for it")
    if len(whole) == 1 and "train" not in found.parts:
        part, pair = whole.popitem()
        whole["train"] = pair
        notes.append(f"{path}: {pair[0].shown} is divided: there are no training rows beside it")
    if "train" not in whole:
        raise DataError(_not_understood(path, f"{_ROWS} and labels (labels, label, y or target)"))
    if found.others:
        notes.append(f"{path}: left out: {_some([*map(_cut, found.others)])}")
    return list(whole.items()), notes


def _not_understood(path: Path, wanted: str) -> str:
    """Return the message that lists the arrays of a file, and says which names are wanted."""
    wanted = (
        f"{path}: must have arrays named as {wanted}, or those of a part as in x_train and "
        "test_images"
    )
    if path.is_dir() or not (names := sorted(_names(path))):
        return f"{wanted}; one in each .npy or .npz file"
    shapes: list[str] = []
    with Archive(path) as archive:
        for name in names[:_LISTED]:
            try:
                with archive.open(name, NUMBERS + TEXTS) as array:
                    shapes.append(f"{_cut(name)} {array.shape}")
            except DataError:
                shapes.append(_cut(name))
    return f"{wanted}; got {_some([*shapes, *names[_LISTED:]])}"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more


def _cut(name: str) -> str:
    return name if len(name) <= _SHOWN else f"{name[:_SHOWN]}..."


def _names(path: Path) -> list[str]:
    """Return the names of an archive's arrays; none of another file."""
    if not is_archive(path):
        if path.suffix.lower() == ".npz":
            raise DataError(f"{path}: must be a whole .npz archive")
        return []
    with Archive(path) as archive:
        return list(archive.names)


def _alone(path: Path) -> Source | None:
    """Return a file's only array, if it has only one."""
    if path.suffix.lower() == ".npy":
        return Source(path)
    names = _names(path)
    return Source(path, names[0]) if len(names) == 1 else None


def _in_files(path: Path, prefer: str) -> Found:
    """Find the files of one array each that are a data set with this one, or in this folder."""
    whole = path.is_dir()
    folder, wanted = (path, None) if whole else (path.parent, understand(path.stem))
    sets: dict[str, list[Candidate]] = {}
    texts: list[Candidate] = []  # names of classes and features
    for file in sorted(folder.iterdir()):
        name = understand(file.stem)
        if name is None or file.suffix.lower() not in SUFFIXES or is_systems(file.name):
            continue
        of_all = name.role.endswith("names")
        if not (whole or of_all or (wanted and name.of == wanted.of)) or not file.is_file():
            continue
        if (source := _alone(file)) is not None:
            ours = texts if of_all else sets.setdefault(name.of, [])
            ours.append(Candidate(file.name, name, source))
    first = {of: [one.shown for one in found if _is_rows(one)] for of, found in sets.items()}
    sets = {of: found for of, found in sets.items() if first[of]}
    if len(sets) > 1:
        listed = ", ".join(first[of][0] for of in list(sets)[:_LISTED])
        raise DataError(f"{folder}: holds several data sets; name a file of one of them: {listed}")
    return assign(folder, chain(*sets.values(), texts), prefer) if sets else Found({})


def _is_rows(candidate: Candidate) -> bool:
    return candidate.name is not None and candidate.name.role == "rows"


def _in_archives(folder: Path, prefer: str) -> Found:
    """Find the archives of a folder: one, or one for each part, which their names say."""
    candidates = []
    for file in sorted(folder.glob("*.[nN][pP][zZ]")):
        if not is_systems(file.name) and file.is_file():
            part = part_of(file.stem)
            for one in _candidates(file):
                name = one.name
                if name is not None and part is not None and name.part == "train":
                    name = name._replace(part=part)
                shown = f"{file.name}: {one.shown}"
                candidates.append(Candidate(shown, name, one.source))
    return assign(folder, candidates, prefer)


def _candidates(path: Path) -> list[Candidate]:
    """Return the arrays of an archive."""
    candidates = []
    for text in _names(path):
        name = understand(text)
        known = name is not None and not name.of
        candidates.append(Candidate(text, name if known else None, Source(path, text)))
    return candidates

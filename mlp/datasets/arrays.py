"""Which arrays of ``.npz`` and ``.npy`` files are rows and labels of which part."""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from .errors import DataError
from .naming import WORDS, Name, is_systems, understand
from .npz import NUMBERS, TEXTS, Archive, Source, is_archive

SUFFIXES = (".npy", ".npz")
_LISTED, _SHOWN = 9, 60  # arrays that a message names, characters of each
_ROWS = "rows (images, features, data or x)"


class Arrays(NamedTuple):
    """Rows and labels of one part; None where there are none."""

    rows: Source | None
    labels: Source | None


class Found(NamedTuple):
    """The arrays of a data set.

    Attributes
    ----------
    parts : dict of Arrays
        Of ``train``, ``valid`` and ``test``; arrays whose names have no word for a part are of
        ``train``.
    class_names, feature_names : Source or None
    others : tuple of str
        Names that are not understood.
    """

    parts: dict[str, Arrays]
    class_names: Source | None = None
    feature_names: Source | None = None
    others: tuple[str, ...] = ()

    @property
    def files(self) -> list[Path]:
        """The files that hold them."""
        pairs = itertools.chain.from_iterable(self.parts.values())
        every = (*pairs, self.class_names, self.feature_names)
        return sorted({source.file for source in every if source is not None})


class _Candidate(NamedTuple):
    shown: str
    name: Name | None
    source: Source


def find_arrays(path: Path, prefer: str = "images") -> Found:
    """Find rows and labels by name: in an archive, or in files of one array each.

    An archive of several arrays is a data set by itself. An ``.npy`` file, and an archive of one
    array, is one together with the files beside it that are named like it: ``x_train.npy`` with
    ``y_train.npy``, ``kmnist-train-imgs.npz`` with ``kmnist-train-labels.npz``; and so is a folder
    of these.

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
    names = [] if path.is_dir() else _names(path)
    if len(names) < 2:
        return _in_files(path, prefer)
    candidates = []
    for text in names:
        name = understand(text)
        known = name is not None and not name.of
        candidates.append(_Candidate(text, name if known else None, Source(path, text)))
    return _assign(path, candidates, prefer)


def rows_to_predict(path: Path, prefer: str = "images") -> tuple[Source, Source | None]:
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
    alone = _alone(path)
    found = find_arrays(path, prefer)
    if alone is not None:
        beside = (labels for rows, labels in found.parts.values() if rows == alone)
        return alone, next(beside, None)
    for part in ("test", "valid", "train"):
        rows, labels = found.parts.get(part, Arrays(None, None))
        if rows is not None:
            return rows, labels
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
        listed = ", ".join(found.others[:_LISTED]) + (
            ", ..." if len(found.others) > _LISTED else ""
        )
        notes.append(f"{path}: left out: {listed}")
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
                    shapes.append(f"{name[:_SHOWN]} {array.shape}")
            except DataError:
                shapes.append(name)
    return f"{wanted}; got {_some([*shapes, *names[_LISTED:]])}"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(name[:_SHOWN] for name in names[:_LISTED]) + more


def _names(path: Path) -> list[str]:
    """Return the names of an archive's arrays; none of another file."""
    if not is_archive(path):
        return []
    with Archive(path) as archive:
        return list(archive.names)


def _alone(path: Path) -> Source | None:
    """Return a file's only array, if it has only one."""
    if path.suffix.lower() == ".npy":
        return Source(path)
    if not (names := _names(path)) and path.suffix.lower() == ".npz":
        raise DataError(f"{path}: is no whole .npz archive")
    return Source(path, names[0]) if len(names) == 1 else None


def _in_files(path: Path, prefer: str) -> Found:
    """Find the files of one array each that are a data set with this one, or in this folder."""
    whole = path.is_dir()
    folder, wanted = (path, None) if whole else (path.parent, understand(path.stem))
    sets: dict[str, list[_Candidate]] = {}
    texts: list[_Candidate] = []  # names of classes and features
    for file in sorted(folder.iterdir()):
        name = understand(file.stem)
        if name is None or file.suffix.lower() not in SUFFIXES or is_systems(file.name):
            continue
        of_all = name.role.endswith("names")
        if not (whole or of_all or (wanted and name.of == wanted.of)) or not file.is_file():
            continue
        if (source := _alone(file)) is not None:
            ours = texts if of_all else sets.setdefault(name.of, [])
            ours.append(_Candidate(file.name, name, source))
    first = {of: next((one.shown for one in sets[of] if _is_rows(one)), "") for of in sets}
    sets = {of: found for of, found in sets.items() if first[of]}
    if len(sets) > 1:
        listed = ", ".join(first[of] for of in list(sets)[:_LISTED])
        raise DataError(f"{folder}: holds several data sets; name a file of one of them: {listed}")
    for found in sets.values():
        return _assign(folder, found + texts, prefer)
    return Found({})


def _is_rows(candidate: _Candidate) -> bool:
    return candidate.name is not None and candidate.name.role == "rows"


def _assign(where: Path, candidates: list[_Candidate], prefer: str) -> Found:
    """Give every array its role."""
    by_role: dict[tuple[str, str], list[_Candidate]] = {}
    others: list[str] = []
    for one in candidates:
        if one.name is None:
            others.append(one.shown)
        else:
            by_role.setdefault((one.name.part, one.name.role), []).append(one)
    if classes := by_role.pop(("train", "classes"), []):
        role = "class names" if ("train", "labels") in by_role else "labels"
        if ("train", role) in by_role:
            others += [one.shown for one in classes]
        else:
            by_role["train", role] = classes
    chosen = {key: _one(where, key, found, prefer) for key, found in by_role.items()}
    taken = set(chosen.values())
    others += [one.shown for every in by_role.values() for one in every if one.source not in taken]
    parts = {
        part: Arrays(chosen.get((part, "rows")), chosen.get((part, "labels")))
        for part in WORDS
        if {(part, "rows"), (part, "labels")} & chosen.keys()
    }
    class_names, feature_names = (
        chosen.get(("train", role)) for role in ("class names", "feature names")
    )
    return Found(parts, class_names, feature_names, tuple(others))


def _one(where: Path, key: tuple[str, str], found: list[_Candidate], prefer: str) -> Source:
    """Return the one array of a role."""
    names = [one.shown for one in found]
    if len(names) > 1 and set(names) != {"images", "features"}:
        part, role = key
        raise DataError(
            f"{where}: both {names[0]} and {names[1]} are named as the {role} of the "
            f"{WORDS[part]} part; leave one of them out"
        )
    return found[names.index(prefer) if len(names) > 1 else 0].source

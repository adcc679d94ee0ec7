"""Reading a data set from a path: whatever its form, judged once, divided, its rows looked at."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..installation import LETTERS
from .content import read
from .dataset import Dataset, pick
from .duplicates import count_repeated
from .errors import DataError, named
from .on_disk import FileRows
from .preparation import learn
from .raw import judge_raw
from .reading import Reading, checked_names, checked_size
from .rows import Rows
from .split import TASK_SPLIT, Cut, Split, cut

KNOWN_SETS = dict.fromkeys(
    (
        "8e45bdcec78839265e6d6ce5e8a734158b80ee475d063344f9ae9d5a8c05edb6",  # notMNIST.npz
        "c3f9bb29c508286190f6376f9de08c8c03e9b23d5054d984df36aa2206469ce6",  # glyphs.npz
    ),
    tuple("ABCDEFGHIJ"),
)


def load(
    path: str | Path = LETTERS,
    *,
    split: Split | None = None,
    split_seed: int = 521,
    image_size: tuple[int, int] | None = None,
    transpose: bool = False,
    label_column: str | None = None,
    class_names: Sequence[str] | None = None,
    standardize: bool | None = None,
    sha256: str | None = None,
) -> Dataset:
    """Read a data set and split it.

    Rows are permuted by NumPy's legacy generator, as the task does it. Of the embedded letters and
    the task's own file, 10,000 train, 6,000 validate and the rest tests. Of any other, 70 % of
    every class train, 15 % validate and 15 % test; beside test rows of its own 85 % train and 15 %
    validate. What ``split`` leaves besides test rows of the data's own is left out.

    Parameters
    ----------
    path : str or Path, optional
        The embedded letters by default; an ``.npz`` with rows (``images``, ``features``, ``data``,
        ``x``) and labels (``labels``, ``y``, ``target``), also of parts (``x_train``,
        ``test_labels``); such arrays in files of their own, ``.npy`` or ``.npz``, or their folder;
        a table as CSV, plain or gzip, or a folder with ``train.csv`` and maybe ``test.csv``;
        IDX files, plain or gzip, or their folder; a folder of class folders of pictures, or of
        ``train``, ``valid`` and ``test`` folders of these; a folder with ``images.npy`` and
        ``labels.npy``, whose images stay on disk. A leading ``~`` is the home folder.
    split : (int, int) or (float, float), optional
        Training and validation rows, each at least 1; or shares of every class.
    split_seed : int
        In [0, 2**32).
    image_size : (int, int), optional
        Height and width that a folder's pictures are resized to, and that flat rows of pixels have.
    transpose : bool
        Whether pictures in arrays lie on their side, and are to be stood up.
    label_column : str, optional
        The column of a table that holds the labels: its name, or without a header its number from
        1 on. By default it is the one named label, class, target, species or y in any case.
    class_names : sequence of str, optional
        Names for the classes, in the order of their sorted labels; names that are the labels give
        the order of the classes.
    standardize : bool, optional
        Whether the network's input has mean 0 and deviation 1 in every column of the training
        rows; by default where they are a table's features.
    sha256 : str, optional
        The data's hash, where it is known already: to find it every byte is read once more.

    Raises
    ------
    DataError
        Anything wrong with the data, in one line that names the file.

    Warns
    -----
    ScaleWarning
        Gradient descent will hardly learn from features as they are scaled.
    """
    name, file = str(path), Path(os.path.expanduser(path))
    names = checked_names(class_names)
    reading = Reading(checked_size(image_size), transpose, label_column, names)
    content = read(file, reading)
    pairs, preparation, ground, notes = judge_raw(
        content.parts,
        name,
        reading,
        known=content.class_names,
        from_pictures=content.from_pictures,
    )
    n_classes = len(preparation.class_names)
    if sha256 is None:  # last, because it reads every byte
        with named(file):
            sha256 = content.sha256()
    known = sha256 in KNOWN_SETS
    if known and not names:
        preparation = replace(preparation, class_names=KNOWN_SETS[sha256])
    parts = cut(
        pairs["train"].labels,
        TASK_SPLIT if known and split is None else split,
        split_seed,
        has_valid="valid" in pairs,
        has_test="test" in pairs,
        class_names=preparation.class_names,
        name=name,
    )
    rows = {"train": pick(pairs["train"], parts.train, n_classes)}
    absent = sorted(set(range(n_classes)) - set(np.unique(rows["train"].labels).tolist()))
    if absent:
        shown = ", ".join(preparation.class_names[k] for k in absent[:9])
        shown += ", ..." if len(absent) > 9 else ""
        raise DataError(
            f"{name}: class {shown} has no training rows; the split must give more of them",
            mend="without --split every class is divided by shares",
        )
    for part, index in (("valid", parts.valid), ("test", parts.rest)):
        if part in pairs:
            rows[part] = pick(pairs[part], slice(None), n_classes)
        else:
            rows[part] = pick(pairs["train"], index, n_classes)
    preparation = replace(
        preparation,
        ink="auto" if known else "light",
        crop=known and preparation.image_size is not None,
        label_column=content.label_column,
        feature_names=content.feature_names or None,
    )
    if standardize is None:
        standardize = content.table
    left_out = len(parts.rest) if "test" in pairs else 0
    return Dataset(
        **rows,
        preparation=learn(
            preparation,
            rows["train"],
            standardize=standardize,
            ground=content.ground or ground,
        ),
        path=name,
        sha256=sha256,
        form=content.form,
        notes=(*content.notes, *notes, *_notes(name, sha256, parts, left_out, rows)),
        split=split,
        split_seed=split_seed,
    )


def _notes(name: str, sha256: str, parts: Cut, left_out: int, rows: dict[str, Rows]) -> list[str]:
    notes = []
    if left_out:
        notes.append(
            f"{name}: {left_out} rows are left out; a split of {len(parts.train) + left_out} and "
            f"{len(parts.valid)} trains on them too"
        )
    if sha256 in KNOWN_SETS:
        return notes
    if not isinstance(rows["train"].features, FileRows):
        repeated = {
            word: count_repeated(rows["train"].features, rows[part].features)
            for part, word in (("valid", "validation"), ("test", "test"))
        }
        if any(repeated.values()):
            counts = " and ".join(f"{n} {word} rows" for word, n in repeated.items() if n)
            notes.append(f"{name}: {counts} are also among the training rows, to the bit")
    return [*notes, f"{name}: data set with SHA-256 {sha256}"]

"""Rows and labels in any of the forms that people have, made those that training takes."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from .classes import assign
from .judge import Pair, check_all
from .parts import take
from .preparation import Preparation
from .reading import Reading

NOT_TRANSPOSED = "only pictures in arrays can be transposed"  # in a note, where others were to be


class Judged(NamedTuple):
    """What training takes, and what is known of it.

    Attributes
    ----------
    pairs : dict of Pair
        By part, as `judge.check_all` wants them.
    preparation : Preparation
        Classes, size of pictures and what was done to them; the rest is not known yet.
    ground : {"white", "black", ""}
        What transparent pictures were laid on; empty where there were none.
    notes : tuple of str
    """

    pairs: dict[str, Pair]
    preparation: Preparation
    ground: str
    notes: tuple[str, ...]


def judge_raw(
    parts: Mapping[str, Pair],
    name: str,
    reading: Reading,
    *,
    known: tuple[str, ...] = (),
    from_pictures: bool = False,
) -> Judged:
    """Judge rows and labels as they were read, and make them what training takes.

    Parameters
    ----------
    parts : mapping
        ``train``, and ``valid`` and ``test`` where there are such rows. See `shapes` and `labels`.
    name : str
        What a message begins with.
    reading : Reading
        What the user says.
    known : tuple of str
        Names of the classes that the data have themselves.
    from_pictures : bool
        Whether the rows come from files of pictures, which lie as they are to.

    Raises
    ------
    DataError
        They cannot be trained on.
    """
    taken = take(
        {part: pair.rows for part, pair in parts.items()},
        name,
        size=reading.image_size,
        transpose=reading.transpose and not from_pictures,
    )
    labels = {part: pair.labels for part, pair in parts.items()}
    asked, mixed = reading.class_names, False
    if from_pictures and asked != known and set(asked) == set(known):  # another order of folders
        place = np.array([asked.index(one) for one in known])
        labels = {part: place[one] for part, one in labels.items()}
        known, asked, mixed = asked, (), True
    classes = assign(
        labels,
        {part: len(rows) for part, rows in taken.rows.items()},
        name,
        known=known,
        asked=asked,
        are_classes=reading.label_column is not None,
    )
    made = {
        part: Pair(rows, classes.labels[part], parts[part].weights)
        for part, rows in taken.rows.items()
    }
    pairs, _ = check_all(made, name)
    notes = [*taken.notes, *classes.notes]
    if reading.transpose and not taken.transposed:
        what = "pictures in files stand as they are" if from_pictures else "these are features"
        notes.append(f"{name}: {NOT_TRANSPOSED}; {what}")
    train = pairs["train"].rows
    size = (train.shape[1], train.shape[2]) if train.ndim == 3 else None
    # Class folders that were given other names are still known by their own.
    own = known if mixed or (from_pictures and classes.names != known) else classes.own
    preparation = Preparation(classes.names, size, labels=own, transposed=taken.transposed)
    return Judged(pairs, preparation, taken.ground, tuple(notes))

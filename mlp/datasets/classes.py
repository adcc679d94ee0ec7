"""Which class is which label: decided by the training rows, recognised in all others."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from .errors import DataError, of_part
from .labels import Labels, read_labels
from .preparation import NAMES_LIMIT, Preparation

_SHOWN = 6  # labels in a message
_REMEMBERED = 2**10  # unknown labels, after which no block adds others
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")


class Classes(NamedTuple):
    """The labels of a data set as numbers of classes.

    Attributes
    ----------
    labels : dict of (N,) integers
        By part.
    names : tuple of str
        One for every class.
    own : tuple of str or None
        What the data's own labels say, where that is not the number of the class.
    notes : tuple of str
    """

    labels: dict[str, np.ndarray]
    names: tuple[str, ...]
    own: tuple[str, ...] | None
    notes: tuple[str, ...]


def assign(
    raw: Mapping[str, np.ndarray],
    n_rows: Mapping[str, int],
    name: str,
    *,
    known: Sequence[str] = (),
    asked: Sequence[str] = (),
    are_classes: bool = False,
) -> Classes:
    """Make the labels of a data set numbers of classes.

    Parameters
    ----------
    raw : mapping
        Labels as they are, of ``train``, and of ``valid`` and ``test`` where there are such.
    n_rows : mapping
        How many rows each part has.
    name : str
        What a message begins with.
    known : sequence of str
        Names of the classes that the data have themselves. They are the order of the classes where
        the labels are such names, or numbers below their count.
    asked : sequence of str
        Names that the user gives, in the order of the sorted labels, or of the classes where the
        labels are these names; then `known` does not count, but for its order.
    are_classes : bool
        Whether the user has said that the labels are classes, however many there are.

    Raises
    ------
    DataError
        They are no labels, quantities rather than classes, missing, or unknown in training; or the
        names do not fit.
    """
    every = {part: read_labels(raw[part], n_rows[part], of_part(name, part)) for part in raw}
    for part, labels in every.items():
        if len(gone := np.flatnonzero(labels.which < 0)):
            raise DataError(
                f"{of_part(name, part)}: row {gone[0]} has no label; leave such rows out"
            )
    train = every["train"]
    if not (are_classes or asked):
        _check_kind(train, name)
    known = tuple(one.strip() for one in known)
    given = tuple(asked or known)
    # Numbers of the file's own names come before names that are numbers; see `_order`.
    named = {*train.texts} <= {*known} and not {*train.texts} <= {*_numbers(len(known))}
    if given != known and sorted(given) == sorted(known) and not named:
        raise DataError(
            f"{name}: class_names must be in the order of its own, {_shown(known)}, or left out"
        )
    keys, names = _order(train, given, name, complete=given == known)
    if len(keys) * max(map(len, keys + names), default=0) > NAMES_LIMIT:
        raise DataError(f"{name}: its {len(keys)} labels or class names are too long for a model")
    found = {}
    for part, labels in every.items():
        if len(labels.values) and labels.texts == keys:
            found[part] = labels.which
            continue
        to_class = _matched(labels, keys)
        if len(unknown := np.flatnonzero(to_class < 0)):
            raise DataError(
                f"{of_part(name, part)}: labels must be among those of the training rows, "
                f"{_shown(keys)}; got {_shown([labels.texts[k] for k in unknown])}"
            )
        found[part] = to_class[labels.which]
    own = None if keys == _numbers(len(keys)) else keys
    return Classes(found, names, own, tuple(_notes(train, keys, name)))


def recognise(
    raw: np.ndarray, n_rows: int, preparation: Preparation, name: str
) -> tuple[np.ndarray, str]:
    """Find the classes of other rows' labels, as a model knows them.

    Parameters
    ----------
    raw : array
        See `read_labels`. Labels are the data's own, or else names of classes; one-hot rows with as
        many columns as there are classes have these in their columns.
    n_rows : int
    preparation : Preparation
        Of the model.
    name : str
        What a message begins with.

    Returns
    -------
    classes : (N,) integers
        -1 where a row's label is missing or of no class.
    note : str
        What labels are of no class; or nothing.
    """
    unplaced = Unplaced()
    return unplaced.recognise(raw, n_rows, preparation, name), unplaced.note(name)


class Unplaced:
    """Recognises the labels of rows that come in blocks, and remembers those of no class."""

    def __init__(self) -> None:
        self._unknown: dict[str, None] = {}  # in order
        self._missing = 0

    def recognise(
        self, raw: np.ndarray, n_rows: int, preparation: Preparation, name: str
    ) -> np.ndarray:
        """Return the classes of a block's labels; see the function `recognise`."""
        labels, names = read_labels(raw, n_rows, name), preparation.class_names
        own = preparation.labels or _numbers(len(names))
        either = _matched(labels, own), _matched(labels, names)
        to_class = max(either, key=lambda classes: int((classes >= 0).sum()))
        self._missing += int((labels.which < 0).sum())
        if len(self._unknown) < _REMEMBERED:
            unknown = np.flatnonzero(to_class < 0)
            self._unknown |= dict.fromkeys(labels.texts[k] for k in unknown)
        classes: np.ndarray = np.append(to_class, -1)[labels.which]
        return classes

    def note(self, name: str) -> str:
        """Return what labels of all blocks are of no class; or nothing."""
        said = []
        if self._unknown:
            said.append(f"the model knows no label {_shown([*self._unknown])}")
        if self._missing:
            said.append(f"{self._missing} rows have no label")
        note = f"{name}: {', and '.join(said)}; such rows are predicted without one"
        return note if said else ""


def _check_kind(labels: Labels, name: str) -> None:
    """Check that labels are those of classes, and not quantities."""
    if labels.fraction is not None:
        what = f"fractions such as {labels.fraction}"
    elif labels.looks_like_quantities:
        what = f"{len(labels.values)} distinct numbers in {len(labels.which)} rows"
    else:
        return
    raise DataError(
        f"{name}: labels must be classes, got {what}, as for regression; if they are classes, name "
        "them",
        mend="--class-names, or --label-column of a table, says that they are",
    )


def _order(
    labels: Labels, given: tuple[str, ...], name: str, *, complete: bool
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the labels' texts in the order of their classes, and the names of these.

    Parameters
    ----------
    labels : Labels
    given : tuple of str
        Names, or nothing.
    name : str
        What a message begins with.
    complete : bool
        Whether labels may tell by themselves that `given` has a class without rows.
    """
    keys = labels.texts
    if not given:
        return keys, keys
    if len(set(given)) < len(given) or not all(given):
        raise DataError(f"{name}: class_names must all be different, and none empty")
    # Names that a user gives are the order where they are the labels; those that a file brings are
    # names of 0, 1, ... first, as of digits that begin with 1 and end with 0.
    numbers = _numbers(len(given))
    for order in (numbers, given) if complete else (given, numbers):
        if set(keys) <= set(order):
            if len(keys) == len(order):
                return order, given
            if complete:
                absent = [said for key, said in zip(order, given, strict=True) if key not in keys]
                raise DataError(
                    f"{name}: {len(given)} class names, but no training rows of {_shown(absent)}",
                    mend="--class-names names the classes that there are",
                )
    if len(keys) != len(given):
        raise DataError(
            f"{name}: class_names must be {len(keys)} for labels {_shown(keys)}, got {len(given)}"
        )
    return keys, given


def _numbers(count: int) -> tuple[str, ...]:
    return tuple(map(str, range(count)))


def _matched(labels: Labels, keys: Sequence[str]) -> np.ndarray:
    """Return the class of every distinct label, (V,); -1 where there is none."""
    if labels.columns == len(keys):
        return labels.values
    number = {key: index for index, key in enumerate(keys)}
    return np.array([number.get(text, -1) for text in labels.texts], np.int64)


def _notes(labels: Labels, keys: tuple[str, ...], name: str) -> Iterator[str]:
    if keys != _numbers(len(keys)):
        yield f"{name}: labels {_shown(keys)} are classes 0 to {len(keys) - 1}"
    elif labels.columns:
        yield f"{name}: labels are one-hot rows; a class is the number of its column"


def _shown(texts: Sequence[str]) -> str:
    """Return some texts, as one would say them."""
    whole = [int(text) for text in texts if _WHOLE.fullmatch(text)]
    if len(whole) == len(texts) > 2 and whole == list(range(whole[0], whole[0] + len(whole))):
        return f"{texts[0]} to {texts[-1]}"
    return ", ".join(texts if len(texts) <= _SHOWN else [*texts[: _SHOWN - 2], "...", texts[-1]])

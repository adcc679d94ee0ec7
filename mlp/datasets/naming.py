"""What names say: which array or file holds rows or labels, of which part, of which set."""

import re
from typing import NamedTuple

PARTS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "valid"),
    **dict.fromkeys(("test", "testing", "t10k"), "test"),
}
WORDS = {"train": "training", "valid": "validation", "test": "test"}  # of parts, in messages
_ROLES = {
    **dict.fromkeys(("images", "image", "imgs", "img", "x", "data", "features"), "rows"),
    **dict.fromkeys(("labels", "label", "y", "target", "targets", "classes"), "labels"),
}
# Names that are understood as they stand. `classes` may be labels of the rows, or the classes.
_WHOLE = {
    "classes": "classes",
    **dict.fromkeys(("class_names", "label_names", "target_names"), "class names"),
    **dict.fromkeys(("feature_names", "columns"), "feature names"),
}
_SEPARATOR = re.compile(r"[-_.\s]+")
# Words that are written together: xtrain, trainImages. Any word may stand before the last pattern.
_PART, _ROLE = "|".join(PARTS), "|".join(_ROLES)
_JOINED = re.compile(f"(?:({_PART})({_ROLE})|({_ROLE})({_PART})|(.+)(images|labels))")
# What systems and tools leave beside what is meant; besides names that begin with a dot.
_SYSTEM = {
    *("__macosx", "__pycache__", "@eadir", "$recycle.bin", "system volume information"),
    *("lost+found", "thumbs.db", "desktop.ini"),
}


class Name(NamedTuple):
    """What a name says.

    Attributes
    ----------
    role : {"rows", "labels", "classes", "class names", "feature names"}
    part : {"train", "valid", "test"}
        ``train`` where it names none.
    of : str
        The other words of the name, which name the set: ``emnist-letters``; empty where there are
        none.
    """

    role: str
    part: str
    of: str


def understand(name: str) -> Name | None:
    """Return what a name says, without its suffixes; None where it is not understood.

    A name has a word for its role, and may have one for its part, in any order and case:
    ``x_train``, ``trainImages``, ``kmnist-test-imgs``. The last word for a role decides:
    ``image_labels`` are labels; but ``data`` is one only where there is no other.
    """
    if (whole := _WHOLE.get(name.lower())) is not None:
        return Name(whole, "train", "")
    words = _words(name)
    roles = [word for word in words if word in _ROLES]
    parts = {PARTS[word] for word in words if word in PARTS}
    if not roles or len(parts) > 1:
        return None
    role = [word for word in roles if word != "data"] or roles
    others = (word for word in words if word and word not in _ROLES and word not in PARTS)
    return Name(_ROLES[role[-1]], parts.pop() if parts else "train", "-".join(others))


def part_of(name: str) -> str | None:
    """Return the part that a name says, whatever else it says; None where it says none, or two."""
    parts = {PARTS[word] for word in _words(name) if word in PARTS}
    return parts.pop() if len(parts) == 1 else None


def _words(name: str) -> list[str]:
    words: list[str] = []
    for word in _SEPARATOR.split(name.lower()):
        joined = None if word in _ROLES or word in PARTS else _JOINED.fullmatch(word)
        words += [one for one in joined.groups() if one] if joined else [word]
    return words


def is_systems(name: str) -> bool:
    """Return whether a file or folder is hidden, or one that systems leave, by its name."""
    return name.startswith(".") or name.lower() in _SYSTEM

"""How an option is declared: its default, its help, what its values are, what depends on it."""

import math
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import Field, field
from numbers import Integral, Real
from types import UnionType
from typing import Any, NamedTuple, get_args, get_origin


class Domain(NamedTuple):
    """The values of an option.

    Attributes
    ----------
    check : callable
        Whether a value is one of them.
    expected : str
        What they are, in words.
    argument : dict
        What argparse needs: ``type``, ``metavar``, ``nargs``.
    """

    check: Callable[[Any], bool]
    expected: str
    argument: dict[str, Any]


_ANYTHING = Domain(lambda value: True, "", {})


def path() -> Domain:
    """Return the domain of paths; an empty one would be the folder that the program runs in."""
    return Domain(lambda value: value != "", "the name of a file or folder", {"metavar": "PATH"})


def one_of(*names: str) -> Domain:
    """Return the domain of some words."""
    *others, last = names
    expected = f"{', '.join(others)} or {last}" if others else last
    return Domain(lambda value: value in names, expected, {"metavar": "|".join(names)})


def whole(least: int, metavar: str = "N") -> Domain:
    """Return the domain of the whole numbers from `least` on."""
    argument = {"type": int, "metavar": metavar}
    return Domain(lambda value: value >= least, f"at least {least}", argument)


def real(check: Callable[[float], bool], expected: str, metavar: str) -> Domain:
    """Return the domain of finite numbers for which `check` holds."""
    argument = {"type": float, "metavar": metavar}
    return Domain(lambda value: math.isfinite(value) and check(value), expected, argument)


def option(
    default: Any,
    help: str,
    domain: Domain = _ANYTHING,
    *,
    weights: bool = True,
    resume: bool = False,
) -> Any:
    """Declare one field of a configuration.

    Parameters
    ----------
    default
        None where the option may be left open; a bool has no value on the command line.
    help : str
    domain : Domain
    weights : bool
        Whether it changes the weights that training ends with.
    resume : bool
        Whether it may be another when a run goes on, although it changes the weights.
    """
    metadata = {"help": help, "domain": domain, "weights": weights, "resume": resume or not weights}
    return field(default=default, metadata=metadata)


def taken(value: Any, one: Field[Any]) -> Any:
    """Return what a program means: NumPy's numbers, lists, one layer's units, "full", a path."""
    kinds = get_args(one.type) or (one.type,)
    if one.name == "batch_size" and isinstance(value, str) and value == "full":
        return None
    if tuples := _tuples(one.type):
        if _is_whole(value) and Ellipsis in tuples[0]:
            value = (value,)
        if isinstance(value, str | Mapping) or not isinstance(value, Iterable):
            return value
        return tuple(_plain(item) for item in value)
    if str in kinds and isinstance(value, os.PathLike):
        return os.fspath(value)
    if int in kinds and _is_whole(value):
        return int(value)
    if float in kinds and not isinstance(value, bool) and isinstance(value, Real):
        return float(value)
    return value


def _tuples(kind: Any) -> list[tuple[Any, ...]]:
    """Return what the tuples hold that a type allows: ``(int, ...)`` or ``(float, float)``."""
    kinds = get_args(kind) if get_origin(kind) is UnionType else (kind,)
    return [get_args(one) for one in kinds if get_origin(one) is tuple]


def _plain(item: Any) -> Any:
    if isinstance(item, bool) or not isinstance(item, Real):
        return item
    return int(item) if isinstance(item, Integral) else float(item)


def _is_whole(value: Any) -> bool:
    return not isinstance(value, bool) and isinstance(value, Integral)


_EXAMPLES = {
    "hidden": (100,),
    "batch_size": 64,
    "split": (0.8, 0.1),
    "image_size": (32, 32),
}


def example(one: Field[Any]) -> str:
    """Say how a value of an option is written in a program, where its kind alone tells it."""
    value = _EXAMPLES.get(one.name, one.default)
    if value is None and int in get_args(one.type):
        value = 1
    return "" if value is None else f"; write {one.name}={value!r}, for example"


def is_kind(value: Any, kind: Any) -> bool:
    """Return whether a value read from JSON is of an option's type; a float may be written 1."""
    if isinstance(value, tuple):
        return any(all(type(item) is one[0] for item in value) for one in _tuples(kind))
    kinds = get_args(kind) if get_origin(kind) is UnionType else (kind,)
    return type(value) in kinds or (type(value) is int and float in kinds)

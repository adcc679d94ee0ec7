"""How an option is declared: its default, its help, what its values are, what depends on it."""

import math
from collections.abc import Callable
from dataclasses import field
from typing import Any, NamedTuple


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

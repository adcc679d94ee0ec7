"""Every option of a training run, once: name, default, unit, check.

The command line and ``config.json`` are made from these fields.
"""

import argparse
import dataclasses
import json
import math
import re
import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, get_args, get_origin

from .installation import LETTERS
from .optimizer import SCHEDULES


def _option(
    default: Any,
    text: str,
    check: Callable[[Any], bool] = lambda value: True,
    expected: str = "",
    *,
    weights: bool = True,
    resume: bool = False,
    **argument: Any,
) -> Any:
    """Declare one option.

    Parameters
    ----------
    default
    text : str
        The help.
    check, expected
        What a value must be, as a function and in words.
    weights : bool
        Whether it changes the weights that training ends with.
    resume : bool
        Whether it may be another when a run goes on, although it changes the weights.
    **argument
        What argparse needs besides.
    """
    return field(
        default=default,
        metadata={
            "help": text,
            "check": check,
            "expected": expected,
            "weights": weights,
            "resume": resume or not weights,
            "argument": argument,
        },
    )


def _positive(value: float) -> bool:
    return value > 0 and math.isfinite(value)


def _not_negative(value: float) -> bool:
    return value >= 0 and math.isfinite(value)


def _at_least_1(value: int | None) -> bool:
    return value is None or value >= 1


def _batch_size(text: str) -> int | None:
    return None if text == "full" else int(text)


@dataclass(frozen=True)
class TrainingConfig:
    """What a training run depends on. Attributes are documented by their ``help`` texts.

    Raises
    ------
    ValueError
        A value out of its range; the message names the option.
    """

    data: str = _option(
        str(LETTERS),
        "data set: an .npz file, a folder with IDX files, or a folder of class folders of PNG",
        resume=True,  # the same data may lie elsewhere; the hash is compared
        metavar="PATH",
    )
    device: str = _option(
        "auto",
        "auto takes a usable GPU, else the CPU; cuda falls back where there is no GPU at all",
        lambda value: re.fullmatch(r"auto|cpu|cuda(:\d+)?", value) is not None,
        "auto, cpu, cuda or cuda:N",
        weights=False,
        metavar="auto|cpu|cuda|cuda:N",
    )
    strict_device: bool = _option(False, "never fall back to another device", weights=False)
    tf32: bool = _option(False, "let a GPU round float32 products to TF32: faster, less exact")
    hidden: tuple[int, ...] = _option(
        (1000,),
        "units of each hidden layer",
        lambda value: len(value) >= 1 and all(1 <= units < 2**31 for units in value),
        "one or more numbers from 1 to 2**31 - 1",
        type=int,
        nargs="+",
        metavar="UNITS",
    )
    epochs: int = _option(
        200,
        "passes over the training rows",
        lambda value: value >= 0,
        "at least 0",
        resume=True,
        type=int,
        metavar="N",
    )
    batch_size: int | None = _option(
        None,
        "rows a step; full is all training rows",
        _at_least_1,
        "full or at least 1",
        type=_batch_size,
        metavar="N|full",
    )
    learning_rate: float = _option(
        0.1,
        "alpha, on the gradient of the average loss",
        _positive,
        "a finite number above 0",
        type=float,
        metavar="ALPHA",
    )
    schedule: str = _option(
        "constant",
        "how the learning rate goes over the run",
        lambda value: value in SCHEDULES,
        "constant, cosine or one-cycle",
        metavar="|".join(SCHEDULES),
    )
    momentum: float = _option(
        0.9, "gamma", lambda v: 0 <= v < 1, "in [0, 1)", type=float, metavar="GAMMA"
    )
    nesterov: bool = _option(False, "look ahead along the velocity")
    l2: float = _option(
        0.0,
        "coefficient of half the squared norm of the weights",
        _not_negative,
        "finite and not negative",
        type=float,
        metavar="LAMBDA",
    )
    velocity_init: float = _option(
        1e-5, "every velocity at the start", math.isfinite, "finite", type=float, metavar="NU"
    )
    dtype: str = _option(
        "float32",
        "precision of parameters and products",
        lambda value: value in ("float32", "float64"),
        "float32 or float64",
        metavar="float32|float64",
    )
    seed: int = _option(
        421,
        "seed of the weights and of the order of mini-batches",
        lambda value: value >= 0,
        "at least 0",
        type=int,
        metavar="N",
    )
    split_seed: int = _option(
        521,
        "seed of the split, for NumPy's legacy generator",
        lambda value: 0 <= value < 2**32,
        "in [0, 2**32)",
        type=int,
        metavar="N",
    )
    split: tuple[int, int] = _option(
        (10_000, 6_000),
        "training and validation rows; the rest is test",
        lambda value: len(value) == 2 and all(rows >= 1 for rows in value),
        "two numbers of at least 1",
        type=int,
        nargs=2,
        metavar=("TRAIN", "VALID"),
    )
    threads: int | None = _option(
        None,
        "threads on a CPU; the weights do not depend on it (default: the cores this process has)",
        _at_least_1,
        "at least 1",
        weights=False,
        type=int,
        metavar="N",
    )
    shard_rows: int | None = _option(
        None,
        "rows a shard; the weights' last bits depend on it (default: from the run and its device)",
        _at_least_1,
        "at least 1",
        type=int,
        metavar="N",
    )
    reference: str | None = _option(
        None,
        "train the same network in another framework, which chooses its own device and threads",
        lambda value: value in (None, "keras"),
        "keras",
        metavar="keras",
    )
    early_stopping: int | None = _option(
        None,
        "stop after this many epochs without a lower validation loss, and keep the best weights",
        _at_least_1,
        "at least 1",
        type=int,
        metavar="PATIENCE",
    )
    checkpoint_every: int | None = _option(
        None,
        "epochs between checkpoints (default: none but the one of an interrupted run)",
        _at_least_1,
        "at least 1",
        weights=False,
        type=int,
        metavar="N",
    )

    def __post_init__(self) -> None:
        for option in fields(self):
            value = getattr(self, option.name)
            if not option.metadata["check"](value):
                raise ValueError(
                    f"{flag(option.name)} must be {option.metadata['expected']}, "
                    f"got {_written(value)}"
                )

    def to_json(self) -> str:
        """Write the options as a JSON object, one a line."""
        return json.dumps(dataclasses.asdict(self), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "TrainingConfig":
        """Read what `to_json` wrote; options that are not there get their defaults.

        Raises
        ------
        ValueError
            No such object, an unknown option, a value of another type or out of its range.
        """
        values = json.loads(text)
        if not isinstance(values, dict):
            raise ValueError("must be a JSON object of options")
        options = {option.name: option for option in fields(cls)}
        for name, value in values.items():
            if name not in options:
                raise ValueError(f"has no option {name!r}")
            kind = options[name].type
            value = tuple(value) if isinstance(value, list) else value
            if not _is_kind(value, kind):
                expected = getattr(kind, "__name__", str(kind))
                raise ValueError(f"{name} must be {expected}, got {value!r}")
            try:
                values[name] = float(values[name]) if kind is float else value
            except OverflowError as error:
                raise ValueError(f"{name} must be a finite number") from error
        return cls(**values)


def _is_kind(value: Any, kind: Any) -> bool:
    """Return whether a value read from JSON is of an option's type; a float may be written 1."""
    if get_origin(kind) is tuple:
        return isinstance(value, tuple) and all(type(item) is int for item in value)
    kinds = get_args(kind) or (kind,)
    return type(value) in kinds or (type(value) is int and float in kinds)


def flag(name: str) -> str:
    """Return an option's spelling on the command line: ``batch_size`` is ``--batch-size``."""
    return "--" + name.replace("_", "-")


def differences(a: TrainingConfig, b: TrainingConfig) -> dict[str, dataclasses.Field[Any]]:
    """Return the options in which two configurations differ, by name, in alphabetic order."""
    options = {option.name: option for option in fields(TrainingConfig)}
    return {name: options[name] for name in sorted(options) if getattr(a, name) != getattr(b, name)}


def add_arguments(
    parser: argparse.ArgumentParser,
    names: Iterable[str] | None = None,
    defaults: TrainingConfig | None = None,
) -> None:
    """Add options of `TrainingConfig` to a parser; one that is not given leaves no attribute.

    Parameters
    ----------
    parser : argparse.ArgumentParser
    names : iterable of str, optional
        Which options; all of them by default.
    defaults : TrainingConfig, optional
        What the help says of the defaults; see `from_arguments`.
    """
    base = defaults or TrainingConfig()
    for option in fields(TrainingConfig):
        if names is not None and option.name not in names:
            continue
        text = option.metadata["help"]
        if option.default is False:
            parser.add_argument(
                flag(option.name), action="store_true", default=argparse.SUPPRESS, help=text
            )
            continue
        if "default:" not in text and option.name != "reference":
            value = getattr(base, option.name)
            default = "the embedded letters" if value == str(LETTERS) else _written(value)
            text += f" (default: {default})"
        parser.add_argument(
            flag(option.name), default=argparse.SUPPRESS, help=text, **option.metadata["argument"]
        )


def from_arguments(
    arguments: argparse.Namespace, base: TrainingConfig | None = None
) -> TrainingConfig:
    """Make the configuration from the options that were given; `base` has the others.

    Raises
    ------
    ValueError
        See `TrainingConfig`.
    """
    values: dict[str, Any] = {}
    for option in fields(TrainingConfig):
        if hasattr(arguments, option.name):
            value = getattr(arguments, option.name)
            values[option.name] = tuple(value) if isinstance(value, list) else value
    return dataclasses.replace(base or TrainingConfig(), **values)


def command_line(config: TrainingConfig) -> str:
    """Return the options of ``mlp train`` that give this configuration, quoted for a shell."""
    words = []
    for option in fields(config):
        value = getattr(config, option.name)
        if value == option.default:
            continue
        # No option without a value can have been set: all of those are None by default.
        if value is True or isinstance(value, tuple):
            words += [flag(option.name), *map(str, value if value is not True else ())]
        else:  # with "=", because a value may begin with "-"
            words.append(f"{flag(option.name)}={value}")
    return shlex.join(words)


def _written(value: Any) -> str:
    if value is None:
        return "full"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return " ".join(map(str, value))
    return str(value)

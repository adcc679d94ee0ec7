"""Every option of a training run, once: name, default, unit, check.

The command line and ``config.json`` are made from these fields.
"""

import argparse
import dataclasses
import json
import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

from .datasets.split import is_split
from .installation import LETTERS
from .optimizer import SCHEDULES
from .options import Domain, example, is_kind, one_of, option, path, real, taken, whole


def batch_size(text: str) -> int | None:
    """Return the batch size that a text names; None for ``full``."""
    return None if text == "full" else int(text)


def split_part(text: str) -> int | float:
    """Return the number of rows, or the share, that a text names."""
    return int(text) if text.lstrip("+-").isdigit() else float(text)


_DEVICE = Domain(
    lambda value: re.fullmatch(r"auto|cpu|cuda(:\d+)?", value) is not None,
    "auto, cpu, cuda or cuda:N",
    {"metavar": "auto|cpu|cuda|cuda:N"},
)
_HIDDEN = Domain(
    lambda value: len(value) >= 1 and all(1 <= units < 2**31 for units in value),
    "one or more numbers from 1 to 2**31 - 1",
    {"type": int, "nargs": "+", "metavar": "UNITS"},
)
_BATCH = Domain(
    lambda value: value >= 1,
    "full or at least 1",
    {"type": batch_size, "metavar": "N|full"},
)
_SPLIT = Domain(
    is_split,
    "two numbers of at least 1, or two shares of at most 1 in all",
    {"type": split_part, "nargs": 2, "metavar": ("TRAIN", "VALID")},
)
_SIZE = Domain(
    lambda value: len(value) == 2 and all(1 <= side <= 2**13 for side in value),
    "a height and a width from 1 to 8192",
    {"type": int, "nargs": 2, "metavar": ("HEIGHT", "WIDTH")},
)
_NAMES = Domain(
    # One that begins with "-" would be an option on the command line.
    lambda value: len(set(value)) == len(value) >= 2 and all(name[:1] not in "-" for name in value),
    "at least two names, all different, none empty or beginning with -",
    {"nargs": "+", "metavar": "NAME"},
)
_THREADS = Domain(
    lambda value: 1 <= value <= 1024,
    "from 1 to 1024",  # more than any machine has cores; every one is started
    {"type": int, "metavar": "N"},
)
_LEGACY_SEED = Domain(
    lambda value: 0 <= value < 2**32, "in [0, 2**32)", {"type": int, "metavar": "N"}
)


@dataclass(frozen=True)
class TrainingConfig:
    """What a training run depends on. Attributes are documented by their ``help`` texts.

    Raises
    ------
    ValueError
        A value out of its range; the message names the option.
    """

    data: str = option(
        str(LETTERS),
        "data set: an .npz file, a table as CSV, a folder with IDX files, or a folder of class "
        "folders of pictures",
        path(),
        resume=True,  # the same data may lie elsewhere; their hash is compared
    )
    device: str = option(
        "auto",
        "auto takes a usable GPU, else the CPU; cuda falls back where there is no GPU at all",
        _DEVICE,
        weights=False,
    )
    strict_device: bool = option(False, "never fall back to another device", weights=False)
    tf32: bool = option(False, "let a GPU round float32 products to TF32: faster, less exact")
    hidden: tuple[int, ...] = option((1000,), "units of each hidden layer", _HIDDEN)
    epochs: int = option(200, "passes over the training rows", whole(0), resume=True)
    batch_size: int | None = option(None, "rows a step; full is all training rows", _BATCH)
    learning_rate: float = option(
        0.1,
        "alpha, on the gradient of the average loss",
        real(lambda value: value > 0, "a finite number above 0", "ALPHA"),
    )
    schedule: str = option(
        "constant", "how the learning rate goes over the run", one_of(*SCHEDULES)
    )
    momentum: float = option(0.9, "gamma", real(lambda value: 0 <= value < 1, "in [0, 1)", "GAMMA"))
    nesterov: bool = option(False, "look ahead along the velocity")
    l2: float = option(
        0.0,
        "coefficient of half the squared norm of the weights",
        real(lambda value: value >= 0, "finite and not negative", "LAMBDA"),
    )
    velocity_init: float = option(
        1e-5, "every velocity at the start", real(lambda value: True, "finite", "NU")
    )
    dtype: str = option(
        "float32", "precision of parameters and products", one_of("float32", "float64")
    )
    seed: int = option(421, "seed of the weights and of the order of mini-batches", whole(0))
    split_seed: int = option(521, "seed of the split, for NumPy's legacy generator", _LEGACY_SEED)
    split: tuple[int, int] | tuple[float, float] | None = option(
        None,
        "training and validation rows, or shares of every class such as 0.8 0.1; the rest is test "
        "(default: 10000 6000 for the embedded letters and the task's own file, else 0.7 0.15, "
        "beside test rows of the data's own 0.85 0.15)",
        _SPLIT,
    )
    image_size: tuple[int, int] | None = option(
        None,
        "resize the pictures of a folder (default: they must have one size), or take flat rows of "
        "pixels as pictures of this size",
        _SIZE,
    )
    transpose: bool = option(
        False, "lay the pictures of arrays on their side, as EMNIST's need it to stand upright"
    )
    label_column: str | None = option(
        None,
        "the column of a table that holds the labels; without a header its number from 1 on "
        "(default: label, class, target, species or y)",
        Domain(lambda value: value != "", "the name of a column", {"metavar": "NAME"}),
    )
    class_names: tuple[str, ...] | None = option(
        None,
        "names for the classes, in the order of their sorted labels (default: those labels)",
        _NAMES,
    )
    class_weight: str | None = option(
        None,
        "balanced: every training row counts n / (classes * rows of its class), so that all "
        "classes together count the same (default: every row counts once)",
        one_of("balanced"),
    )
    standardize: bool | None = option(
        None,
        "give every column of the training rows mean 0 and deviation 1 before training (default: "
        "only where the data are a table of features)",
    )
    threads: int | None = option(
        None,
        "threads on a CPU; the weights do not depend on it (default: the cores this process has)",
        _THREADS,
        weights=False,
    )
    shard_rows: int | None = option(
        None,
        "rows a piece; the weights' last bits depend on it (default: from the run and its device)",
        whole(1),
    )
    reference: str | None = option(
        None,
        "train the same network in another framework, which chooses its own device and threads",
        one_of("keras"),
    )
    early_stopping: int | None = option(
        None,
        "stop after this many epochs without a lower validation loss, and keep the best weights "
        "(default: train all epochs, keep the last)",
        whole(1, "PATIENCE"),
    )
    checkpoint_every: int | None = option(
        None,
        "epochs between checkpoints (default: none but the one of an interrupted run)",
        whole(1),
        weights=False,
    )

    def __post_init__(self) -> None:
        for one in fields(self):
            value, domain = taken(getattr(self, one.name), one), one.metadata["domain"]
            object.__setattr__(self, one.name, value)
            if value is None and one.default is None:
                continue
            kind_is_right = is_kind(value, one.type)
            if not kind_is_right or not domain.check(value):
                got = _written(value) if kind_is_right else f"{value!r}{example(one)}"
                expected = domain.expected or "True or False"
                raise ValueError(f"{flag(one.name)} must be {expected}, got {got}")

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
        options = {one.name: one for one in fields(cls)}
        for name, value in values.items():
            if name not in options:
                raise ValueError(f"has no option {name!r}")
            kind = options[name].type
            value = tuple(value) if isinstance(value, list) else value
            if not is_kind(value, kind):
                expected = getattr(kind, "__name__", str(kind))
                raise ValueError(f"{name} must be {expected}, got {value!r}")
            try:
                values[name] = float(values[name]) if kind is float else value
            except OverflowError as error:
                raise ValueError(f"{name} must be a finite number") from error
        return cls(**values)


def flag(name: str) -> str:
    """Return an option's spelling on the command line: ``batch_size`` is ``--batch-size``."""
    return "--" + name.replace("_", "-")


def differences(a: TrainingConfig, b: TrainingConfig) -> dict[str, dataclasses.Field[Any]]:
    """Return the options in which two configurations differ, by name, in alphabetic order."""
    options = {one.name: one for one in fields(TrainingConfig)}
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
    for one in fields(TrainingConfig):
        if names is not None and one.name not in names:
            continue
        meaning, argument = one.metadata["help"], one.metadata["domain"].argument
        if one.default is False:
            argument = {"action": "store_true"}
        elif one.type == bool | None:
            argument = {"action": argparse.BooleanOptionalAction}
        elif "default:" not in meaning and one.name != "reference":
            value = getattr(base, one.name)
            default = "the embedded letters" if value == str(LETTERS) else _written(value)
            meaning += f" (default: {default})"
        parser.add_argument(flag(one.name), default=argparse.SUPPRESS, help=meaning, **argument)


def from_arguments(
    arguments: argparse.Namespace,
    base: TrainingConfig | None = None,
    names: Iterable[str] | None = None,
) -> TrainingConfig:
    """Make the configuration from the options that were given; `base` has the others.

    `names` are those that `add_arguments` has added; all of them by default.

    Raises
    ------
    ValueError
        See `TrainingConfig`.
    """
    values: dict[str, Any] = {}
    for one in fields(TrainingConfig):
        if hasattr(arguments, one.name) and (names is None or one.name in names):
            value = getattr(arguments, one.name)
            values[one.name] = tuple(value) if isinstance(value, list) else value
    return dataclasses.replace(base or TrainingConfig(), **values)


def command_line(config: TrainingConfig) -> str:
    """Return the options of ``mlp train`` that give this configuration, quoted for a shell."""
    words = []
    for one in fields(config):
        value = getattr(config, one.name)
        if value == one.default:
            continue
        # No option without a value can have been set: all of those are None by default.
        if value is False:
            words.append(flag(f"no_{one.name}"))
        elif value is True or isinstance(value, tuple):
            words += [flag(one.name), *map(str, value if value is not True else ())]
        else:  # with "=", because a value may begin with "-"
            words.append(f"{flag(one.name)}={value}")
    return shlex.join(words)


def _written(value: Any) -> str:
    if value is None:
        return "full"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return " ".join(map(str, value))
    return str(value) or "''"

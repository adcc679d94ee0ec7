"""What the parameters of `mlp.estimator` mean: options of training, weights, rows held out.

`import mlp` does not load this module.
"""

from collections.abc import Mapping
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split

from .config import TrainingConfig
from .datasets import Rows
from .datasets.judge import check_weights
from .datasets.weights import balanced

# Options of training, and scikit-learn's names for them.
_NAMES = {
    "hidden": "hidden_layer_sizes",
    "epochs": "max_iter",
    "learning_rate": "learning_rate_init",
    "schedule": "learning_rate",
    "nesterov": "nesterovs_momentum",
    "l2": "alpha",
    "early_stopping": "n_iter_no_change",
    **{name: name for name in ("batch_size", "momentum", "device", "threads")},
}


def training_config(estimator: Any) -> TrainingConfig:
    """Check the parameters. `l2` is still `alpha`, and a batch may have more rows than X.

    Raises
    ------
    ValueError, TypeError
        One of them is out of its range; the message begins with its name.
    """
    values = {option: getattr(estimator, name) for option, name in _NAMES.items()}
    values["hidden"] = tuple(np.ravel(estimator.hidden_layer_sizes).tolist())
    values["batch_size"] = 200 if estimator.batch_size == "auto" else estimator.batch_size
    for option in ("hidden", "epochs", "batch_size", "early_stopping"):
        if not all(isinstance(value, Integral) for value in np.ravel(values[option]).tolist()):
            raise TypeError(f"{_NAMES[option]} must be whole numbers, got {values[option]!r}")
    if not estimator.early_stopping:
        values["early_stopping"] = None
    elif not 0 < estimator.validation_fraction < 1:
        share = estimator.validation_fraction
        raise ValueError(f"validation_fraction must be in (0, 1): {share}")
    try:
        return TrainingConfig(**values, velocity_init=0.0)
    except ValueError as error:  # it begins with the name of the command line's option
        option, rest = str(error).split(" ", 1)
        name = _NAMES[option.removeprefix("--").replace("-", "_")]
        raise ValueError(f"{name} {rest}") from error


def row_weights(
    labels: np.ndarray, classes: np.ndarray, sample_weight: Any, class_weight: Any
) -> np.ndarray | None:
    """Return what every row counts: its own weight times that of its class; None is once each.

    Parameters
    ----------
    labels : (N,) integers in [0, K)
    classes : (K,) what they stand for
    sample_weight : (N,) numbers, or None
    class_weight : "balanced", a mapping of classes to numbers, or None
        Classes that it does not name count 1. As in scikit-learn it may name classes that are not
        there, if it names all that are.

    Raises
    ------
    ValueError
        They are something else.
    """
    weights = None
    if sample_weight is not None:
        weights = check_weights(np.asarray(sample_weight), len(labels), "fit")
    if class_weight is None:
        return weights
    if isinstance(class_weight, Mapping):
        by_class = _named(class_weight, classes.tolist())
    elif isinstance(class_weight, str) and class_weight == "balanced":
        by_class = balanced(labels, len(classes), weights)
    else:
        raise ValueError(f"class_weight must be a dict, 'balanced' or None, got {class_weight!r}")
    both = np.asarray(by_class[labels] * (1.0 if weights is None else weights))
    if not both.any():
        raise ValueError("sample_weight and class_weight must not be zero together for all rows")
    return both


def _named(class_weight: Mapping[Any, Any], classes: list[Any]) -> np.ndarray:
    unknown = [name for name in class_weight if name not in classes]
    if unknown and len(class_weight) - len(unknown) < len(classes):
        raise ValueError(f"class_weight must name classes of y, {classes}, got {unknown}")
    values = [class_weight.get(name, 1.0) for name in classes]
    try:
        weights = np.array(values, np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"class_weight must give numbers, got {values}") from error
    if not (np.isfinite(weights) & (weights >= 0)).all():
        raise ValueError(f"class_weight must be finite and not negative, got {values}")
    return weights


def hold_out(rows: Rows, share: float, seed: int) -> tuple[Rows, Rows]:
    """Divide rows into those to train on and those held out, the same share of every class.

    The one row of a class that has no other is trained on.

    Raises
    ------
    ValueError
        There are too few rows, or those of one part count nothing.
    """
    labels = rows.labels
    alone = np.bincount(labels)[labels] == 1
    others = np.flatnonzero(~alone)
    train, held_out = train_test_split(
        others, test_size=share, random_state=seed, stratify=labels[others]
    )
    train = np.concatenate([train, np.flatnonzero(alone)])
    for index, part in ((train, "to train on"), (held_out, "held out")):
        if rows.weights is not None and not rows.weights[index].any():
            raise ValueError(
                f"sample_weight must not be zero for all rows {part}; choose another random_state "
                "or validation_fraction"
            )
    return rows.take(train), rows.take(held_out)

"""Whether a data set can be trained on, and whether options agree with what they are given with."""

import re
from dataclasses import fields

from array_api_compat import device

from .config import TrainingConfig
from .datasets import Dataset
from .datasets.judge import check_rows
from .datasets.raw import NOT_TRANSPOSED
from .device import device_kind
from .files import absolute
from .history import SPLITS


def check_trainable(dataset: Dataset, config: TrainingConfig) -> None:
    """Check rows that nobody has judged yet, and what only rows and options can be wrong in.

    Raises
    ------
    ValueError
        Early stopping without validation rows; labels out of range, NaN, values beyond the dtype,
        other numbers of rows than of labels.
    """
    if config.early_stopping is not None and dataset.valid is None:
        raise ValueError("early stopping needs validation rows, and this data set has none")
    for part, rows in dataset.splits.items():
        name = f"{dataset.path}: {SPLITS[part].lower()} rows"
        check_rows(rows, dataset.n_classes, config.dtype, name)


def check_agreement(dataset: Dataset, config: TrainingConfig) -> None:
    """Check that no option that was set contradicts what training is given; defaults never do.

    Raises
    ------
    ValueError
    """
    default = {one.name: one.default for one in fields(TrainingConfig)}
    if config.reference is not None:
        raise ValueError(
            f"reference={config.reference!r} asks for another framework; call "
            "mlp.keras_reference.train_keras"
        )
    if config.data != default["data"]:
        if absolute(config.data) != absolute(dataset.path):
            raise ValueError(
                f"data={config.data!r} is not the data set that was given, {dataset.path!r}; leave "
                "data out, or pass mlp.load(config.data)"
            )
    if config.standardize and dataset.preparation.mean is None:
        raise ValueError(
            "standardize=True is for the data set, which was not standardised; pass it to mlp.load "
            "or Dataset.from_arrays"
        )
    if config.standardize is False and dataset.preparation.mean is not None:
        raise ValueError(
            "standardize=False is for the data set, which was standardised; pass it to mlp.load or "
            "Dataset.from_arrays"
        )
    for name in ("split", "split_seed"):
        asked, was = getattr(config, name), getattr(dataset, name)
        if asked not in (default[name], was):
            raise ValueError(
                f"{name}={asked} is for the data set, whose {name} was {was}; pass it to mlp.load"
            )
    if config.image_size not in (None, dataset.image_shape):
        raise ValueError(
            f"image_size={config.image_size} is for the data set, whose pictures are "
            f"{dataset.image_shape}; pass it to mlp.load"
        )
    why_not = any(NOT_TRANSPOSED in note for note in dataset.notes)
    if config.transpose and not (dataset.preparation.transposed or why_not):
        raise ValueError(
            "transpose=True is for the data set, whose pictures were not; pass it to mlp.load or "
            "Dataset.from_arrays"
        )
    if config.class_names not in (None, dataset.class_names):
        raise ValueError(
            f"class_names={config.class_names} is for the data set, whose classes are "
            f"{dataset.class_names}; pass it to mlp.load or Dataset.from_arrays"
        )
    if config.device != default["device"]:
        labels = dataset.train.labels
        kind, where = device_kind(labels), str(device(labels))
        number = re.search(r"(\d+)\D*$", where)
        used = kind if kind == "cpu" or number is None else f"{kind}:{number[1]}"
        if config.device not in (kind, used):
            raise ValueError(
                f"device={config.device!r} is not where the rows are, on {used}; leave device out, "
                f"or pass dataset.to(mlp.choose_device({config.device!r}))"
            )

"""Train on the stand-in for CuPy, in a process of its own, and print what a GPU would have done.

python cuda_training.py CONFIG_JSON prints as JSON, among others, how many calls of each kind and
launches of each kernel every epoch made. "device" in CONFIG_JSON is the number of a device, on
which a thread of its own trains: device 0 is current there, as in every new thread.
"""

import json
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "kernels"))
import fake_cupy

cupy = fake_cupy.install()

import array_api_compat.cupy as xp  # noqa: E402 (only after the stand-in is in place)
import numpy as np  # noqa: E402

from mlp import Classifier, Dataset, Preparation, Rows, TrainingConfig, train  # noqa: E402
from mlp.device import Device, to_numpy  # noqa: E402
from mlp.model import named_arrays  # noqa: E402
from mlp.team import Team  # noqa: E402
from mlp.work import Work, step_kind  # noqa: E402


def dataset(weighted):
    rng = np.random.default_rng(0)
    splits = []
    for rows in (300, 90, 60):
        labels = (np.arange(rows) % 4).astype(np.uint8)
        features = np.clip(labels[:, None] * 50 + rng.integers(0, 90, (rows, 20)), 0, 255)
        weights = None
        if weighted and rows != 60:  # test rows have none
            weights = rng.uniform(0.1, 3.0, rows) * (rng.uniform(size=rows) < 2 / 3)
        splits.append(Rows(features.astype(np.uint8), labels, weights))
    return Dataset(*splits, Preparation(tuple("ABCD"), scale=1 / 255))


def predictions(dataset, parameters):
    return (
        Classifier.of(parameters, dataset)
        ._replace(parameters=parameters)
        .predict_probabilities(dataset.train.features)
    )


def main(options):
    number = options.pop("device", 0)
    options["hidden"] = tuple(options["hidden"])
    host = dataset(options.pop("weighted", False))
    config = TrainingConfig(**options)
    device = Device(xp, cupy.cuda.Device(number), "cuda", "cuda", f"cuda:{number}", "stand-in")
    moved = host.to(device)
    epochs, launches = [], []

    def on_epoch(state):
        epochs.append(Counter(kind for kind, _ in fake_cupy.recorded))
        names = [name.partition("<")[0] for kind, name in fake_cupy.recorded if kind == "launch"]
        launches.append(Counter(names))
        fake_cupy.recorded.clear()

    with ThreadPoolExecutor(1) as thread:
        state = thread.submit(train, moved, config, on_epoch=on_epoch).result()
        predicted = thread.submit(predictions, moved, state.parameters).result()
        zero = thread.submit(Work, moved, config, Team(1)).result()._zero
    on_host = train(host, replace(config, shard_rows=config.shard_rows or 65_536))
    differences = [
        float(np.abs(to_numpy(array) - named_arrays(on_host.parameters)[name]).max())
        for name, array in named_arrays(state.parameters).items()
    ]
    print(
        json.dumps(
            {
                "step": step_kind(config, moved),
                "epochs": epochs,
                "launches": launches,
                "on_device": all(
                    isinstance(array, cupy.ndarray) and array.device.id == number
                    for array in (*named_arrays(state.parameters).values(), predicted, zero)
                ),
                "losses": [row[1:-1] for row in state.history],
                "losses_on_host": [row[1:-1] for row in on_host.history],
                "difference": max(differences),
            }
        )
    )


main(json.loads(sys.argv[1]))

"""What training on the GPU computes, and the memory it takes."""

import gc
from dataclasses import replace
from itertools import pairwise

import numpy as np

from mlp import Dataset, Parameters, TrainingConfig, choose_device, train
from mlp.device import to_numpy
from mlp.model import named_arrays, parameters_sha256
from mlp.training import network_sizes
from verification.bits import EXPECTED, trained_sha256
from verification.setup import Setup, Values

MOST_EPOCHS_RESUMED = 6
MINI_BATCH_EPOCHS = 1  # longer ones drift apart: each of many steps carries the rounding on


def compare_bits(setup: Setup) -> Values:
    """Train the small network whose bits are known before any card has run it."""
    return {
        dtype: {"expected": expected, "found": trained_sha256(setup.device, dtype)}
        for dtype, expected in EXPECTED.items()
    }


def compare_with_numpy(setup: Setup, dtype: str) -> Values:
    """Train on the GPU and with NumPy, from the same weights on the same rows."""
    dataset = setup.dataset.to(setup.device)
    found = {}
    for name, size, epochs in (
        ("full batch", None, setup.config.epochs),
        ("mini-batches", setup.config.batch_size, MINI_BATCH_EPOCHS),
    ):
        config = replace(setup.config, dtype=dtype, batch_size=size, epochs=epochs)
        ours = train(dataset, config)
        theirs = train(setup.dataset, replace(config, device="cpu"))
        mine, other = (
            np.array([row[1:-1:2] for row in state.history])  # the losses of the splits
            for state in (ours, theirs)
        )
        there = ~np.isnan(other[0])
        found[name] = {
            "epochs": epochs,
            "loss": float(np.max(np.abs(mine[:, there] / other[:, there] - 1))),
            "parameters": _difference(ours.parameters, theirs.parameters),
        }
    return found


def compare_tf32(setup: Setup) -> Values:
    """Multiply without TF32, with it and without it again, in one process."""
    a, b = np.random.default_rng(0).standard_normal((2, 512, 512), dtype=np.float32)
    exact = a.astype(np.float64) @ b.astype(np.float64)
    errors, recorded = [], []
    for tf32 in (False, True, False):
        device = choose_device(setup.device.used, strict=True, tf32=tf32)
        product = to_numpy(device.put(a) @ device.put(b))
        errors.append(float(np.linalg.norm(product - exact) / np.linalg.norm(exact)))
        recorded.append(device.tf32)
    capability = int(setup.device.handle.compute_capability)
    return {"errors": errors, "recorded": recorded, "compute_capability": capability}


def resume(setup: Setup) -> Values:
    """Train in one go, and in two; give both hashes of the weights."""
    dataset = setup.dataset.to(setup.device)
    epochs = min(MOST_EPOCHS_RESUMED, setup.config.epochs)
    hashes = {}
    for size in (None, setup.config.batch_size):
        whole = replace(setup.config, epochs=epochs, batch_size=size)
        once = train(dataset, whole)
        half = train(dataset, replace(whole, epochs=epochs // 2))
        twice = train(dataset, whole, state=half)
        found = [parameters_sha256(state.parameters) for state in (once, twice)]
        hashes[str(size or "full")] = found
    return {"epochs": epochs, "hashes": hashes}


def measure_memory(setup: Setup) -> Values:
    """Measure what training takes from the device at most: CuPy's pool keeps what it once took."""
    import cupy

    found = {}
    for size in (None, setup.config.batch_size):
        config = replace(setup.config, batch_size=size, epochs=2)
        gc.collect()
        pool = cupy.get_default_memory_pool()
        pool.free_all_blocks()
        before = pool.total_bytes()
        train(setup.dataset.to(setup.device), config)
        found[str(size or "full")] = {
            "peak_bytes": pool.total_bytes() - before,
            "needed_bytes": needed_bytes(setup.dataset, config),
        }
    return found


def needed_bytes(dataset: Dataset, config: TrainingConfig) -> int:
    """Count the arrays that must be there at once in the largest part of an epoch.

    All rows as they are given; weights and velocities, and with the full batch gradients; and of
    the rows computed at once their input and every layer's output, with gradients twice the layers.
    """
    sizes, size = network_sizes(dataset, config), np.dtype(config.dtype).itemsize
    splits = dataset.splits
    rows = sum(one.features.nbytes + one.labels.nbytes for one in splits.values())
    weights = size * sum(a * b + b for a, b in pairwise(sizes))
    held_out = max((len(one.labels) for name, one in splits.items() if name != "train"), default=0)
    step = len(splits["train"].labels) if config.batch_size is None else config.batch_size
    training = step * (sizes[0] + 2 * sum(sizes[1:]))
    computed = size * max(training, held_out * sum(sizes))
    return int(rows + (3 if config.batch_size is None else 2) * weights + computed)


def _difference(ours: Parameters, theirs: Parameters) -> float:
    """Return the largest ``norm(ours - theirs) / norm(theirs)`` of any array."""
    pairs = zip(named_arrays(ours).values(), named_arrays(theirs).values(), strict=True)
    return float(np.max([np.linalg.norm(to_numpy(a) - b) / np.linalg.norm(b) for a, b in pairs]))

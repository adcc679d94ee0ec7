"""Checks of what training on the GPU computes, and of the memory it takes."""

import gc
from dataclasses import replace
from importlib.metadata import version
from platform import python_version

import numpy as np

from mlp import Parameters, train
from mlp.device import to_numpy
from mlp.model import named_arrays, parameters_sha256
from verification.setup import Setup, Values

MOST_EPOCHS_RESUMED = 6


def describe_device(setup: Setup) -> Values:
    """Collect what the numbers of the other checks depend on."""
    import cupy

    properties = cupy.cuda.runtime.getDeviceProperties(setup.device.handle.id)
    return {
        "name": properties["name"].decode(),
        "compute_capability": [properties["major"], properties["minor"]],
        "memory_bytes": properties["totalGlobalMem"],
        "driver": cupy.cuda.runtime.driverGetVersion(),
        "runtime": cupy.cuda.runtime.runtimeGetVersion(),
        "nvrtc": list(cupy.cuda.nvrtc.getVersion()),
        "cupy": cupy.__version__,
        "numpy": np.__version__,
        "python": python_version(),
        "array-api-mlp": version("array-api-mlp"),
    }


def compare_with_numpy(setup: Setup, dtype: str) -> Values:
    """Train on the GPU and with NumPy, from the same weights on the same rows."""
    config = replace(setup.config, dtype=dtype)
    ours = train(setup.dataset.to(setup.device), config)
    theirs = train(setup.dataset, config)
    mine, other = (
        np.array([row[1:-1:2] for row in state.history])  # the losses of the splits
        for state in (ours, theirs)
    )
    there = ~np.isnan(other[0])
    return {
        "epochs": config.epochs,
        "loss": float(np.max(np.abs(mine[:, there] / other[:, there] - 1))),
        "parameters": _difference(ours.parameters, theirs.parameters),
    }


def measure_memory(setup: Setup) -> Values:
    """Measure what training takes from the device at most: CuPy's pool keeps what it once took."""
    import cupy

    gc.collect()
    pool = cupy.get_default_memory_pool()
    pool.free_all_blocks()
    before = pool.total_bytes()
    train(setup.dataset.to(setup.device), setup.config)
    return {"peak_bytes": pool.total_bytes() - before}


def resume(setup: Setup) -> Values:
    """Train in one go, and in two; give both hashes of the weights."""
    dataset = setup.dataset.to(setup.device)
    epochs = min(MOST_EPOCHS_RESUMED, setup.config.epochs)
    hashes = {}
    for name, batch_size in (("full", None), ("128", 128)):
        whole = replace(setup.config, epochs=epochs, batch_size=batch_size)
        once = train(dataset, whole)
        half = train(dataset, replace(whole, epochs=epochs // 2))
        twice = train(dataset, whole, state=half)
        hashes[name] = [parameters_sha256(state.parameters) for state in (once, twice)]
    return {"epochs": epochs, "hashes": hashes}


def _difference(ours: Parameters, theirs: Parameters) -> float:
    """Return the largest ``norm(ours - theirs) / norm(theirs)`` of any array."""
    pairs = zip(named_arrays(ours).values(), named_arrays(theirs).values(), strict=True)
    return float(np.max([np.linalg.norm(to_numpy(a) - b) / np.linalg.norm(b) for a, b in pairs]))

"""The training path on CUDA, without a GPU: what it computes, and how many calls it makes."""

import ast
import inspect
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tolerances import TRAINING

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [*sorted((ROOT / "mlp").glob("*.py")), ROOT / "kernels" / "reference.py"]
DATASET = (300, 90, 60)  # rows, see cuda_training.py

needs_compiler = pytest.mark.skipif(
    shutil.which("g++") is None, reason="g++ is missing: the kernels cannot run on this CPU"
)


def train_on_the_stand_in(**options):
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("cuda_training.py")), json.dumps(options)],
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


RUNS = {
    "one piece": ("full batch", {"hidden": [16]}),
    "three hidden layers": ("full batch", {"hidden": [16, 9, 8]}),
    "several shards": ("full batch", {"hidden": [16], "shard_rows": 50}),
    "mini-batches": ("by rows", {"hidden": [16], "batch_size": 70, "shard_rows": 69}),
    "fused steps": ("fused", {"hidden": [16], "batch_size": 70, "nesterov": True, "l2": 1e-3}),
    "weighted batches": ("by rows", {
        "hidden": [16], "batch_size": 70, "weighted": True, "class_weight": "balanced",
    }),
    "weighted, full batch": ("full batch", {"hidden": [16], "shard_rows": 50, "weighted": True}),
    "everything": ("by rows", {
        "hidden": [16, 8], "batch_size": 70, "shard_rows": 40, "nesterov": True, "l2": 1e-3,
        "early_stopping": 9,
    }),
}  # fmt: skip


@needs_compiler
@pytest.mark.parametrize("name", RUNS)
def test_training_gives_numpys_numbers_within_the_budget_of_calls(name):
    step, options = RUNS[name]
    options = {"epochs": 3, "dtype": "float64", **options}
    run = train_on_the_stand_in(**options)
    assert run["step"] == step
    assert run["on_device"]
    np.testing.assert_allclose(run["losses"], run["losses_on_host"], **TRAINING["float64"])
    assert run["difference"] < TRAINING["float64"]["rtol"]
    # The first epoch draws the weights, the last only measures.
    for epoch, launches in zip(run["epochs"][1:-1], run["launches"][1:-1], strict=True):
        if step == "fused":
            check_fused_budget(epoch, launches, options)
        else:
            check_budget(epoch, options)


def check_fused_budget(epoch, launches, options):
    """Four launches a step, no product and no sum; all else is once an epoch."""
    steps = -(-DATASET[0] // options["batch_size"])
    parts = ("forward", "loss", "backward", "update")
    for part in parts:
        assert launches.pop(f"minibatch_{part}") == steps
    assert set(launches) == {"bias_relu", "softmax_cross_entropy_row"}  # of the held-out rows
    assert epoch["gemm"] == 2 * 2
    assert epoch["reduction"] == 3 * 2  # the losses and the correct predictions of every split
    assert epoch["synchronisation"] == 1
    assert epoch["transfer"] == 2
    assert epoch["cast"] == 8 + 2  # a copy of the state; the held-out rows
    assert epoch["operator"] == 2 * 2  # which are scaled, and their logits' bias added
    assert epoch["function"] == 1  # packing what is read


def check_budget(epoch, options):
    """Compare an epoch's calls with the budget; a piece and a layer cost what they must."""
    layers = len(options["hidden"])
    shard_rows = options.get("shard_rows", 65_536)
    batch = options.get("batch_size", DATASET[0])
    batches = [min(batch, DATASET[0] - start) for start in range(0, DATASET[0], batch)]
    cut = [-(-rows // shard_rows) for rows in batches]  # training shards, batch by batch
    held_out = [-(-rows // shard_rows) for rows in DATASET[1:]]
    products = sum(cut) * (3 * layers + 2) + sum(held_out) * (layers + 1)
    others = (
        sum(cut) * (7 + 3 * layers)
        + sum(pieces - 1 for pieces in cut) * (2 * (layers + 1) + 2)
        + sum(held_out) * (6 + layers)
        + sum(pieces - 1 for pieces in held_out) * 2
        + len(batches) * 2 * (layers + 1)  # momentum
        + 6  # packing what is read
        + 4 * (layers + 1)  # a copy of the state: what the caller has seen is the caller's
    )
    if "batch_size" in options:
        others += sum(cut) * 2  # gathers
    if "weighted" in options:
        # A cast, and the products of losses and gradients; of a mini-batch the weights' gather.
        others += 3 * (sum(cut) + held_out[0]) + sum(cut) * ("batch_size" in options)
    if "early_stopping" in options:
        others += 2 * (layers + 1)  # a copy of the best weights
    kinds = set(epoch) - {"gemm", "allocation", "view", "synchronisation", "transfer"}
    assert epoch["gemm"] <= products
    assert sum(epoch[kind] for kind in kinds) <= others
    assert epoch["launch"] >= len(batches) * 2 * (layers + 1) + sum(cut) * (1 + 3 * layers)
    assert epoch["synchronisation"] == 1
    # What is read, and for mini-batches the order that is sent.
    assert epoch["transfer"] == 1 + ("batch_size" in options)


@needs_compiler
@pytest.mark.parametrize(
    "name", ["several shards", "mini-batches", "weighted batches", "fused steps", "everything"]
)
def test_every_call_is_made_with_the_device_of_the_rows_current(name):
    """In a new thread that is device 0, whose kernels would be given addresses of device 1."""
    options = {"epochs": 2, "dtype": "float64", **RUNS[name][1]}
    second = train_on_the_stand_in(**options, device=1)
    assert second["on_device"]
    assert second["losses"] == train_on_the_stand_in(**options)["losses"]


@needs_compiler
def test_float32_trains_too():
    run = train_on_the_stand_in(hidden=[16], epochs=3)
    np.testing.assert_allclose(run["losses"], run["losses_on_host"], **TRAINING["float32"])


def is_namespace(node):
    """Return whether an expression is the namespace: xp, self._xp or array_namespace(...)."""
    if isinstance(node, ast.Call):
        return getattr(node.func, "id", "") == "array_namespace"
    return (node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")) in (
        "xp",
        "_xp",
    )


def names_of_the_namespace(tree):
    """Find every ``xp.name``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and is_namespace(node.value):
            yield node.attr


def calls_of_the_namespace(tree):
    """Find every ``xp.name(...)``: its name, number of positional arguments and keywords."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if is_namespace(node.func.value):
                keywords = tuple(keyword.arg for keyword in node.keywords)
                yield node.func.attr, len(node.args), keywords


def test_every_name_and_keyword_exists_in_cupys_namespace():
    xp = pytest.importorskip("array_api_compat.cupy", reason="CuPy is not installed")
    trees = [ast.parse(path.read_text()) for path in SOURCES]
    names = {name for tree in trees for name in names_of_the_namespace(tree)}
    assert names >= {"exp", "sum", "take_along_axis", "asarray", "stack", "float64", "argmax"}
    for name in names - {"__array_namespace_info__", "__name__"}:
        assert hasattr(xp, name), name
    for name, arguments, keywords in sorted(
        {c for tree in trees for c in calls_of_the_namespace(tree)}
    ):
        function = getattr(xp, name)
        if isinstance(function, np.ufunc | type(xp.exp)):
            assert arguments <= function.nin, name
            assert not keywords, name
            continue
        if name == "__array_namespace_info__":
            continue
        inspect.signature(function).bind(*[None] * arguments, **dict.fromkeys(keywords))

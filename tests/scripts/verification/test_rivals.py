"""Epochs of ours against others'."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from benchmarks.sameness import LossError
from peers import PeerError
from tolerances import RIVAL
from verification import NotRunError, rivals

from mlp import TrainingConfig

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.slow
def test_one_of_the_others_is_raced_in_a_process_of_its_own(letters):
    """Plain NumPy on the CPU in the place of a framework on the GPU."""
    config = TrainingConfig(
        data=str(letters), split=(200, 60), hidden=(12,), batch_size=64, device="cpu", epochs=99
    )
    job = {"name": "notebook", "config": dataclasses.asdict(config), "rounds": 2}
    path = os.pathsep.join([str(ROOT / "scripts"), str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-c", rivals._RACE, json.dumps(job)],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["ours"]["low"] <= found["ours"]["median"] <= found["ours"]["high"]
    assert found["theirs / ours"]["median"] > 0
    ours, theirs = (np.array(found["scores"][who])[0, ::2] for who in ("ours", "theirs"))
    np.testing.assert_allclose(theirs, ours, **RIVAL)
    assert min(found["peak_bytes"].values()) > 0


def test_who_is_absent_fails_or_differs_is_told_and_passed_over(setup, monkeypatch):
    def check(name):
        if name == "jax":
            raise PeerError("jax is not installed")

    def run(setup, *words, most):
        job = json.loads(words[-1])
        assert job["config"]["device"] == "cuda"
        failed = job["name"] == "torch-graph" and job["config"]["batch_size"] is None
        answer = json.dumps({"of": [job["name"], job["config"]["batch_size"]]})
        return subprocess.CompletedProcess(words, int(failed), answer, "capture failed\n")

    monkeypatch.setattr(rivals, "check", check)
    monkeypatch.setattr(rivals, "run", run)
    found = rivals.race(setup)
    assert found == {
        "torch, batches of 64": {"of": ["torch", 64]},
        "torch, full batch": {"of": ["torch", None]},
        "torch-graph, batches of 64": {"of": ["torch-graph", 64]},
        "torch-graph, full batch": {"not_run": "capture failed"},
        "jax, batches of 64": {"not_run": "jax is not installed"},
        "jax, full batch": {"not_run": "jax is not installed"},
    }
    assert len(rivals.race(dataclasses.replace(setup, quick=True))) == 3
    monkeypatch.setattr(rivals, "RIVALS", ["jax"])
    with pytest.raises(NotRunError, match="jax is not installed"):
        rivals.race(setup)


def test_another_training_is_told_from_a_failure(setup, monkeypatch):
    def check_training(*arguments):
        raise LossError("torch: training loss 2, ours 1")

    monkeypatch.setattr(rivals, "check_training", check_training)
    found = rivals.compare("torch", setup.config, 1)
    assert found == {"differs": "torch: training loss 2, ours 1"}

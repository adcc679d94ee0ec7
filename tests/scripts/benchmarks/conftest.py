"""A small training for contestants."""

import pytest
from benchmarks import rounds

from mlp import TrainingConfig


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(rounds, "PAUSE_SECONDS", 0)


@pytest.fixture
def config(letters):
    return TrainingConfig(
        data=str(letters), split=(400, 100), hidden=(8,), epochs=50, threads=1, device="cpu"
    )

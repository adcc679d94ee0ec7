"""What the tests of the verification share."""

import time
from types import SimpleNamespace

import pytest
from verification import Setup

from mlp import TrainingConfig


@pytest.fixture
def setup(letters):
    config = TrainingConfig(data=str(letters), split=(200, 60), hidden=(12,), batch_size=64)
    device = SimpleNamespace(used="cuda:0", handle=SimpleNamespace(id=0))
    return Setup(device, None, config, 1, 2**16, "", False, time.monotonic() + 300)


@pytest.fixture
def path(monkeypatch, tmp_path):
    """Return a folder that is searched for programs before all others."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder

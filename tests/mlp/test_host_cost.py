"""The project's own Python in a mini-batch step on a GPU stays small."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.optional,
    pytest.mark.skipif(importlib.util.find_spec("cupy") is None, reason="CuPy is not installed"),
]


def test_a_fused_step_takes_little_python_and_a_quarter_of_that_of_a_step_by_rows():
    """Relative to a loop of Python on the same core, as best of many rounds: about 0.02."""
    script = Path(__file__).with_name("host_cost.py")
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    cost = json.loads(done.stdout)
    assert cost["fused"] <= 0.05 * cost["loop"], cost
    assert cost["fused"] <= 0.25 * cost["by rows"], cost

"""What a run's last bits depend on: named, compared, and seen where no name tells."""

import os
import subprocess
import sys

import numpy as np
import pytest

from mlp.device import choose_device
from mlp.run import environment
from mlp.run.environment import describe_environment, doubts


def test_it_names_cpu_blas_and_versions():
    found = describe_environment(choose_device("cpu"))
    assert all(found.values())
    assert found["device"] == "cpu"
    assert found["library"] == f"numpy {np.__version__}"
    assert found == describe_environment(choose_device("cpu"))


def test_nothing_is_doubted_where_nothing_differs():
    found = describe_environment(choose_device("cpu"))
    assert doubts(found, found) == []


@pytest.mark.parametrize("name", describe_environment(choose_device("cpu")))
def test_every_name_is_compared(name):
    now = describe_environment(choose_device("cpu"))
    (line,) = doubts(now | {name: "another"}, now)
    assert line == f"{name} was another and is {now[name]}: the last bits may differ from one run's"
    (line,) = doubts({key: value for key, value in now.items() if key != name}, now)
    assert f"did not record: {name}: the last bits may differ" in line


def test_a_blas_that_cannot_be_held_is_doubted(monkeypatch):
    monkeypatch.setattr("mlp.blas.libraries", list)
    now = describe_environment(choose_device("cpu"))
    assert doubts(now, now) == [
        "NumPy's BLAS cannot be held to one thread: the last bits may differ from one run's"
    ]


def described(**variables):
    code = "from mlp import choose_device\nfrom mlp.run.environment import describe_environment\n"
    code += "print(*map('='.join, describe_environment(choose_device('cpu')).items()), sep='\\n')"
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | variables, capture_output=True, check=True,
        text=True,
    )  # fmt: skip
    return dict(line.split("=", 1) for line in done.stdout.splitlines())


def test_other_instructions_for_numpy_are_seen():
    here = described()
    found = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    if not found:
        pytest.skip("NumPy has one set of instructions for this processor: none can be disabled")
    there = described(NPY_DISABLE_CPU_FEATURES=" ".join(found))
    assert here["CPU features"] != there["CPU features"]
    lines = doubts(here, there)
    assert any(line.startswith("CPU features was") for line in lines)


def test_the_sample_sees_what_no_name_tells(monkeypatch):
    before = environment.sample()
    original = np.exp
    monkeypatch.setattr(np, "exp", lambda x: np.nextafter(original(x), x.dtype.type(0)))
    assert environment.sample() != before

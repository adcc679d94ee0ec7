"""What fake programs of NVIDIA's report."""

import dataclasses
import re
import subprocess
from pathlib import Path

import fake_tools
import pytest
from verification import NotRunError, tools

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def tool(monkeypatch, path):
    """Have a tool find what is said, and run nothing."""

    def find(text, said=""):
        def run(setup, *arguments, before):
            log = Path(before[before.index("--log-file") + 1])
            log.write_text(text)
            return subprocess.CompletedProcess(arguments, 0, said, "")

        fake_tools.compute_sanitizer(path)
        fake_tools.ncu(path)
        monkeypatch.setattr(tools, "run", run)

    return find


RACE = """\
========= COMPUTE-SANITIZER
========= Error: Race reported between Write access at void relu_backward<float, (int)4>+0x9a0
=========     and Read access at void relu_backward<float, (int)4>+0xb10 [96 hazards]
========= RACECHECK SUMMARY: 1 hazard displayed (1 error, 0 warnings)
"""
OUTSIDE = """\
========= Invalid __global__ read of size 4 bytes
=========     at 0x1d0 in /tmp/x.cu:41:void minibatch_update<float, unsigned char>(T2 *)
=========     by thread (31,0,0) in block (3,0,0)
=========     Host Frame: [0x2d3e6f] in /usr/lib/libcuda.so.1
========= ERROR SUMMARY: 2 errors
"""
ELSEWHERE = """\
========= Uninitialized __global__ memory read of size 4 bytes
=========     at 0x80 in cub::DeviceReduceKernel
========= ERROR SUMMARY: 5 errors
"""


@pytest.mark.parametrize(
    ("text", "reports", "named"),
    [
        (fake_tools.NO_ERRORS, 0, []),
        (RACE, 1, ["relu_backward"]),
        (OUTSIDE, 2, ["minibatch_update"]),
        (ELSEWHERE, 5, []),
    ],
    ids=["none", "race", "outside", "of another's kernel"],
)
def test_what_the_sanitizer_reports_is_counted_where_it_is_of_our_kernels(
    setup, tool, text, reports, named
):
    tool(text)
    found = tools.sanitize(setup, "racecheck")
    assert (found["reports"], found["kernels"]) == (reports, named)
    assert found["first"] == (text.splitlines()[1 if text == RACE else 0] if reports else "")


def test_tools_that_cannot_run_say_so(setup, tool, path):
    tool("no driver\n", "Unable to start\n")
    with pytest.raises(NotRunError, match="gives no summary: Unable to start"):
        tools.sanitize(setup, "memcheck")
    with pytest.raises(NotRunError, match="shows nothing: Unable to start"):
        tools.measure_dram(setup)
    tool(fake_tools.LOCKED)
    with pytest.raises(NotRunError, match="needs an administrator"):
        tools.measure_dram(setup)
    for program in path.iterdir():
        program.unlink()
    with pytest.raises(NotRunError, match="ncu is not installed"):
        tools.measure_dram(setup)
    quick = dataclasses.replace(setup, quick=True)
    for check in (tools.measure_dram, lambda setup: tools.sanitize(setup, "racecheck")):
        with pytest.raises(NotRunError, match="left out by --quick"):
            check(quick)


def test_ncus_shares_are_read_by_kernel(setup, tool):
    tool(fake_tools.NCU)
    found = tools.measure_dram(setup)
    assert found == {"shares": {"bias_relu": 0.915, "momentum_update": 0.8825}}


def test_the_tools_know_every_kernel():
    sources = "".join(path.read_text() for path in (ROOT / "kernels").glob("*.cu"))
    names = re.findall(r"__global__ void(?: __launch_bounds__\([^)]*\))?\s+(\w+)", sources)
    assert set(names) == set(tools.KERNELS)

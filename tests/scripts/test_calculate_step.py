"""What is counted of a mini-batch step: instructions in PTX, launches, the epoch's time."""

import re
import subprocess
import sys
from pathlib import Path

import nvrtc
import pytest
from ptx import Kernel

ROOT = Path(__file__).resolve().parents[2]

# Adds 1 for every number below its argument that is no multiple of 4, and for every thread but 0.
LOOP = """(
    .param .u32 loop_param_0
)
{
    .reg .pred %p<4>;
    ld.param.u32 %r1, [loop_param_0];
    mov.u32 %r2, %tid.x;
    mov.u32 %r3, 0;
    setp.eq.s32 %p1, %r2, 0;
    @%p1 bra $L__BB0_2;
    add.s32 %r3, %r3, 1;
$L__BB0_2:
    and.b32 %r4, %r1, 3;
    setp.eq.s32 %p2, %r4, 0;
    @%p2 bra $L__BB0_3;
    add.s32 %r3, %r3, 1;
$L__BB0_3:
    add.s32 %r1, %r1, -1;
    setp.gt.s32 %p3, %r1, 0;
    @!%p3 bra $L__BB0_4;
    bra.uni $L__BB0_2;
$L__BB0_4:
    ret;
}"""


@pytest.mark.parametrize(("thread", "turns"), [(0, 1), (0, 9), (5, 9)])
def test_a_thread_is_followed_through_loops_and_branches(thread, turns):
    counts = Kernel(LOOP).count([turns], {"tid.x": thread})
    kept = sum(number % 4 != 0 for number in range(1, turns + 1))
    assert counts["add"] == (thread != 0) + kept + turns
    assert counts["setp"] == 1 + 2 * turns
    assert counts["bra"] == 1 + 2 * turns + (turns - 1)
    assert counts["ld"] == 1


def test_a_thread_that_never_ends_is_an_error():
    forever = LOOP.replace("add.s32 %r1, %r1, -1;", "add.s32 %r1, %r1, 1;")
    with pytest.raises(RuntimeError, match="has not ended after 1000 instructions"):
        Kernel(forever).count([1], {"tid.x": 0}, most=1000)


@pytest.mark.optional
@pytest.mark.skipif(not nvrtc.libraries(), reason="no NVRTC wheel is installed")
def test_the_epoch_on_a_large_card_is_calculated_within_its_bound(tmp_path):
    """Four launches, of which the two products add 100 million terms each, 32 an instruction."""
    page = tmp_path / "page.md"
    page.write_text("<!-- calculated step:begin -->\n<!-- calculated step:end -->\n")
    script = ROOT / "scripts" / "calculate_step.py"
    done = subprocess.run(
        [sys.executable, str(script), "--out", str(page)],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=ROOT,
    )
    assert (done.returncode, done.stderr) == (0, "")
    text = page.read_text()
    rows = re.findall(r"^\| `minibatch_(\w+)<.*?\| ([\d,]+) \| [\d.]+ \| [\d.]+ \|$", text, re.M)
    assert [name for name, _ in rows] == ["forward", "loss", "backward", "update"]
    instructions = {name: int(count.replace(",", "")) for name, count in rows}
    terms = 128 * 784 * 1000 / 32
    for name in ("forward", "update"):
        assert terms < instructions[name] < 2.5 * terms
    milliseconds = re.search(r"\*\*([\d.]+) ms, calculated\*\*", text)
    assert float(milliseconds[1]) <= 4

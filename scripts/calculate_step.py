"""Calculate how long a mini-batch step takes on a GPU, from what can be counted without one.

python scripts/calculate_step.py
python scripts/calculate_step.py --out table.md

Counted: the launches of a step, from the code that makes them; the instructions that their warps
execute, by following the compiled kernels (PTX for Hopper) thread by thread; and the bytes of the
arrays that each must read and write. Calculated, with the constants below: the time of a step and
of an epoch. Nothing is measured. It writes the table of kernels/README.md and needs an NVRTC wheel.
"""

import importlib
import math
import sys
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import numpy as np
import nvrtc
from markdown import table, write_marked
from ptx import Kernel

from kernels.sources import cuda_source
from mlp.commands.errors import guarded
from mlp.commands.parser import Parser, Status

README = Path(__file__).resolve().parent.parent / "kernels" / "README.md"
# The network of the task, in float32 from bytes.
ROWS, BATCH, INPUTS, UNITS, CLASSES = 10_000, 128, 784, 1000, 10

ARCHITECTURE = 90
# An H100 with SXM5: multiprocessors, warp instructions each issues a cycle, cycles a second, and
# bytes a second of its memory.
MULTIPROCESSORS, ISSUED, CLOCK, BANDWIDTH = 132, 4, 1.755e9, 3.35e12
# What a launch takes the host; what passes between two kernels that wait for each other; and the
# project's own Python a step, all assumed.
LAUNCH, GAP, PYTHON = 5e-6, 2.5e-6, 15e-6


@dataclass(frozen=True)
class Launch:
    """One launch of a step: its kernel, geometry and arguments, with 0 for every array."""

    name: str
    grid: tuple[int, ...]
    block: tuple[int, ...]
    arguments: tuple[float, ...]


@dataclass(frozen=True)
class Shaped:
    """What the launching code asks of an array."""

    shape: tuple[int, ...]
    dtype: np.dtype
    device: Any = field(default_factory=nullcontext)  # which launches make the current one


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = Parser("calculate_step.py", __doc__)
    help = "Markdown file (default: kernels/README.md)"
    parser.add_argument("--out", type=Path, default=README, metavar="FILE", help=help)
    options = parser.parse_args(arguments)
    return guarded("calculate_step.py", lambda: report(options.out))


def report(readme: Path) -> int:
    """Count, calculate, and write the table."""
    libraries = nvrtc.libraries()
    if not libraries:
        raise ModuleNotFoundError("no NVRTC is installed; pip install nvidia-cuda-nvrtc-cu12")
    lines = [["launch", "blocks", "threads", "warp instructions", "MB", "us"]]
    lines.append(["---", *["---:"] * 5])
    device = 0.0
    launches = launches_of_a_step()
    for launch in launches:
        instructions = warp_instructions(launch, libraries[0])
        blocks = math.prod(launch.grid)
        # The busiest multiprocessor has so many blocks; its warps share its schedulers.
        busiest = -(-blocks // MULTIPROCESSORS) * instructions
        moved = bytes_moved(launch.name.partition("<")[0])
        seconds = max(busiest / ISSUED / CLOCK, moved / BANDWIDTH)
        device += seconds + GAP
        lines.append(
            [
                f"`{launch.name}`",
                *(f"{blocks:,}", f"{math.prod(launch.block)}", f"{blocks * instructions:,}"),
                *(f"{moved / 1e6:.2f}", f"{seconds * 1e6:.1f}"),
            ]
        )
    host = len(launches) * LAUNCH + PYTHON
    step, steps = max(device, host), -(-ROWS // BATCH)
    text = (
        f"{table(lines)}\n\n"
        f"A step of {BATCH} rows: {len(launches)} launches, {device * 1e6:.0f} us of the device "
        f"with its gaps, {host * 1e6:.0f} us of the host. An epoch of {ROWS:,} rows, "
        f"{steps} steps: **{steps * step * 1e3:.1f} ms, calculated**."
    )
    write_marked(readme, "calculated step", text)
    return Status.DONE


def launches_of_a_step() -> list[Launch]:
    """Let the launching code do a step whose launches are noted instead of made."""
    # In the place of CuPy, which need not be installed; of it the code asks for nothing else.
    stand_in = SimpleNamespace(ndarray=Shaped, empty=lambda shape, dtype: Shaped(shape, dtype))
    sys.modules["cupy"] = cast(ModuleType, stand_in)
    cuda_minibatch = importlib.import_module("kernels.cuda_minibatch")
    noted: list[Launch] = []

    def kernel(source: str, name: str) -> Callable[..., None]:
        def launch(grid: tuple[int, ...], block: tuple[int, ...], values: Any) -> None:
            plain = (0.0 if isinstance(value, Shaped) else value.item() for value in values)
            noted.append(Launch(name, grid, block, tuple(plain)))

        return launch

    cuda_minibatch.kernel = kernel  # type: ignore[attr-defined]
    real, byte = np.dtype(np.float32), np.dtype(np.uint8)
    layers = (
        (Shaped((INPUTS, UNITS), real), Shaped((UNITS,), real)),
        (Shaped((UNITS, CLASSES), real), Shaped((CLASSES,), real)),
    )
    rows = (Shaped((ROWS, INPUTS), byte), Shaped((ROWS,), byte))
    order, steps = Shaped((ROWS,), np.dtype(np.int64)), [(slice(0, BATCH), 0.1)]
    rule = {"scale": 1 / 255, "momentum": 0.9, "l2": 0.0, "nesterov": False}
    for _ in cuda_minibatch.minibatch_steps(*rows, order, steps, layers, layers, **rule):
        pass
    return noted


def warp_instructions(launch: Launch, library: nvrtc.Nvrtc) -> int:
    """Count what the warps of the first block execute together, which no block exceeds.

    Of every warp the first and the last lane are followed, and the longer way counts.
    """
    operation = launch.name.partition("<")[0]
    text = library.ptx(cuda_source(operation), [launch.name], ARCHITECTURE)[launch.name]
    kernel = Kernel(text)
    block = (*launch.block, 1, 1)[:3]
    sizes = {f"ntid.{axis}": size for axis, size in zip("xyz", block, strict=True)}
    places = dict.fromkeys(("ctaid.x", "ctaid.y", "ctaid.z"), 0)
    total, threads = 0, math.prod(block)
    for first in range(0, threads, 32):
        counts = []
        for thread in {first, min(first + 31, threads - 1)}:
            index = np.unravel_index(thread, block[::-1])[::-1]
            tid = {f"tid.{axis}": int(i) for axis, i in zip("xyz", index, strict=True)}
            counts.append(kernel.count(launch.arguments, {**sizes, **places, **tid}).total())
        total += max(counts)
    return total


def bytes_moved(operation: str) -> int:
    """Count the bytes of the arrays that a launch must read and write once."""
    pixels, hidden = BATCH * INPUTS, 4 * BATCH * UNITS
    weights, last = 4 * (INPUTS + 1) * UNITS, 4 * (UNITS + 1) * CLASSES
    dlogits = 4 * BATCH * CLASSES
    return {
        "minibatch_forward": pixels + weights + hidden,
        "minibatch_loss": hidden + last + dlogits,
        "minibatch_backward": 2 * hidden + dlogits + 4 * last,
        "minibatch_update": pixels + hidden + 4 * weights,
    }[operation]


if __name__ == "__main__":
    sys.exit(main())

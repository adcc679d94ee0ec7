"""The card: what it is, and what it does while something is measured."""

import csv
import re
import shutil
import statistics
import subprocess
import time
from platform import python_version
from types import TracebackType

import numpy as np

from mlp import __version__
from verification.setup import Setup, Values

# CUDA's numbers of a device's attributes.
_MULTIPROCESSORS, _MEMORY_KHZ, _BUS_BITS, _L2_BYTES = 16, 36, 37, 38
SAMPLE_MS = 200
BUSY_WHILE_IDLE = 10  # percent of use, while this process does nothing

# Bits of the driver's reasons for a lower clock: each is something that slows a card down.
REASONS = {
    0x04: "power cap",
    0x08: "hardware slowdown",
    0x20: "temperature",
    0x40: "temperature, by hardware",
    0x80: "power brake",
}
# Newer drivers have another name for them.
_REASON_FIELDS = ("clocks_event_reasons.active", "clocks_throttle_reasons.active")
_NUMBERS = ("clocks.sm", "clocks.max.sm", "clocks.mem", "temperature.gpu", "power.draw")


def describe_card(setup: Setup) -> Values:
    """Collect what the numbers of the other checks depend on, while the card has nothing to do."""
    import cupy

    runtime, number = cupy.cuda.runtime, setup.device.handle.id
    properties = runtime.getDeviceProperties(number)
    return {
        "name": properties["name"].decode(),
        "compute_capability": [properties["major"], properties["minor"]],
        "multiprocessors": runtime.deviceGetAttribute(_MULTIPROCESSORS, number),
        "memory_bytes": properties["totalGlobalMem"],
        "l2_bytes": l2_bytes(number),
        "peak_gb_s": peak_gb_s(number),
        "driver": runtime.driverGetVersion(),
        "runtime": runtime.runtimeGetVersion(),
        "nvrtc": list(cupy.cuda.nvrtc.getVersion()),
        "cupy": cupy.__version__,
        "numpy": np.__version__,
        "python": python_version(),
        "array-api-mlp": __version__,
        **sharing(bus_id(number)),
    }


def l2_bytes(number: int) -> int:
    """Return the size of a device's second-level cache."""
    import cupy

    return int(cupy.cuda.runtime.deviceGetAttribute(_L2_BYTES, number))


def peak_gb_s(number: int) -> float:
    """Return the theoretical bandwidth of a device's memory; 0 where the driver does not tell."""
    import cupy

    ask = cupy.cuda.runtime.deviceGetAttribute
    # Two transfers a cycle of the clock that the driver names.
    return float(2 * ask(_MEMORY_KHZ, number) * 1e3 * ask(_BUS_BITS, number) / 8 / 1e9)


def bus_id(number: int) -> str:
    """Return the name that nvidia-smi knows a device by, whatever devices this process sees."""
    import cupy

    return str(cupy.cuda.runtime.deviceGetPCIBusId(number))


def sharing(bus: str) -> Values:
    """Find who else uses the card: `others` says it in words, or is empty."""
    if shutil.which("nvidia-smi") is None:
        return {"others": "", "watched": False}
    others = []
    mode = _ask(bus, "--query-gpu=mig.mode.current")
    if mode and mode[0][0] == "Enabled":
        others.append("the card is partitioned (MIG)")
    used = []
    for _ in range(3):
        time.sleep(SAMPLE_MS / 1e3)
        used += [float(row[0]) for row in _ask(bus, "--query-gpu=utilization.gpu") if _is(row[0])]
    if used and min(used) > BUSY_WHILE_IDLE:
        others.append(f"it is {min(used):.0f} % busy while nothing is asked of it")
    processes = len(_ask(bus, "--query-compute-apps=pid"))
    if processes > 1:
        others.append(f"{processes - 1} other process(es) compute on it")
    return {"others": "; ".join(others), "watched": True}


def _is(text: str) -> bool:
    return text.replace(".", "", 1).isdigit()  # not [N/A]


def _ask(bus: str, query: str) -> list[list[str]]:
    """Ask nvidia-smi; no rows where it cannot answer."""
    command = ["nvidia-smi", query, "--format=csv,noheader,nounits", "-i", bus]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    return _rows(done.stdout) if done.returncode == 0 else []


def _rows(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in row] for row in csv.reader(text.splitlines()) if row]


class Watch:
    """Samples clocks, power and what holds them down, while a ``with`` block measures."""

    def __init__(self, bus: str) -> None:
        self._bus = bus
        self._process: subprocess.Popen[str] | None = None
        self.seen: Values = {}

    def __enter__(self) -> "Watch":
        if shutil.which("nvidia-smi") is not None:
            known = [name for name in _REASON_FIELDS if _ask(self._bus, f"--query-gpu={name}")]
            self._fields = [*_NUMBERS, *known[:1]]
            self._process = subprocess.Popen(
                [
                    *("nvidia-smi", f"--query-gpu={','.join(self._fields)}", "-i", self._bus),
                    *("--format=csv,noheader,nounits", f"--loop-ms={SAMPLE_MS}"),
                ],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None:
            self._process.terminate()
            text, _ = self._process.communicate()
            rows = [row for row in _rows(text) if len(row) == len(self._fields)]
            self.seen = summary(rows) if rows else {}


def summary(rows: list[list[str]]) -> Values:
    """Sum samples up: medians, and the reasons that held in more than half of them."""
    columns = list(zip(*rows, strict=True))
    found: Values = {}
    for name, cells in zip(_NUMBERS, columns, strict=False):
        numbers = [float(cell) for cell in cells if _is(cell)]
        if numbers:
            found[name] = statistics.median(numbers)
            found[f"lowest {name}"] = min(numbers)
    cells = columns[len(_NUMBERS)] if len(columns) > len(_NUMBERS) else ()
    masks = [int(cell, 16) for cell in cells if re.fullmatch("0x[0-9a-fA-F]+", cell)]
    found["throttled"] = [
        reason
        for bit, reason in REASONS.items()
        if sum(bool(mask & bit) for mask in masks) > len(masks) / 2
    ]
    return found

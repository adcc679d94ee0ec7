"""How every check's numbers are told, and what they must keep. Nothing here needs a GPU."""

from collections.abc import Callable
from typing import NamedTuple

from verification.setup import Values

# Largest relative differences from NumPy after 20 epochs. cuBLAS adds in another order than
# OpenBLAS does, and each epoch carries the rounding on: 2**-52 a step, 2**-23 in float32.
AGREEMENT = {
    "float64": {"loss": 1e-11, "parameters": 1e-10},
    "float32": {"loss": 1e-4, "parameters": 1e-3},
}
LEAST_OF_COPY = 0.5  # of the copy's bandwidth
BANDWIDTH_RULE = (10_000, 1_000), ("bias_relu", "relu_backward")
FLOAT32_PRODUCT = 1e-5  # relative error of a product of 512 terms; TF32's is about 3e-4
TF32_CHANGES = 10  # times the error of float32


class Verdict(NamedTuple):
    """How a check's numbers are told, and what they must keep."""

    summary: Callable[[Values], str]
    failures: Callable[[Values], list[str]]


def judge(results: dict[str, Values]) -> list[str]:
    """Return what is wrong with the results, a line each; an empty list is a pass."""
    return [line for name in VERDICTS for line in failures(name, results.get(name))]


def failures(name: str, values: Values | None) -> list[str]:
    """Return what is wrong with one check's numbers."""
    if values is None:
        return [f"{name}: did not run"]
    if "error" in values:
        return [f"{name}: {values['error']}"]
    return [f"{name}: {line}" for line in VERDICTS[name].failures(values)]


def _device(values: Values) -> str:
    major, minor = values["compute_capability"]
    driver, runtime = (
        f"{v // 1000}.{v % 1000 // 10}" for v in (values["driver"], values["runtime"])
    )
    nvrtc = ".".join(map(str, values["nvrtc"]))
    return (
        f"{values['name']}, {values['memory_bytes'] / 2**30:.1f} GiB, compute capability "
        f"{major}.{minor}; driver {driver}, runtime {runtime}, NVRTC {nvrtc}, CuPy {values['cupy']}"
    )


def _kernels(values: Values) -> list[str]:
    failed = values["failed"]
    if failed:
        return [f"{len(failed)} of the cases failed, the first is {failed[0]}"]
    if values["skipped"] or not values["passed"]:
        return [f"{values['passed']} cases ran and {values['skipped']} were skipped"]
    return []


def _agreement(dtype: str) -> Verdict:
    def failures(values: Values) -> list[str]:
        return [
            f"{quantity} differs from NumPy's by {values[quantity]:.1e}, at most {bound:.0e}"
            for quantity, bound in AGREEMENT[dtype].items()
            if not values[quantity] <= bound  # NaN fails
        ]

    return Verdict(
        lambda v: (
            f"{v['epochs']} epochs against NumPy: loss within {v['loss']:.1e}, "
            f"parameters within {v['parameters']:.1e}"
        ),
        failures,
    )


def _bandwidth(values: Values) -> str:
    copy = values["copy_gb_s"]
    shares = [
        f"{name} {one['gb_s']:.0f} ({one['gb_s'] / copy:.0%})"
        for name, one in values["operations"].items()
    ]
    shape = f"{values['rows']} x {values['columns']}"
    return f"GB/s at {shape}: copy {copy:.0f}, {', '.join(shares)}"


def _slow_kernels(values: Values) -> list[str]:
    shape, names = BANDWIDTH_RULE
    if (values["rows"], values["columns"]) != shape:
        return []
    shares = {name: values["operations"][name]["gb_s"] / values["copy_gb_s"] for name in names}
    return [
        f"{name} reaches {share:.0%} of the copy's bandwidth, at least {LEAST_OF_COPY:.0%}"
        for name, share in shares.items()
        if not share >= LEAST_OF_COPY
    ]


def _epoch(values: Values) -> str:
    fused, plain, gemms = (1e3 * values[f"{name}_s"] for name in ("fused", "plain", "gemms"))
    return f"{fused:.3f} ms; plain CuPy {plain:.3f} ms, the matrix products alone {gemms:.3f} ms"


def _slow_epoch(values: Values) -> list[str]:
    if values["fused_s"] <= values["plain_s"]:
        return []
    return [f"the kernels make an epoch {values['fused_s'] / values['plain_s']:.2f} times as long"]


def _tf32(values: Values) -> str:
    text = f"relative error {values['float32_error']:.1e}, with TF32 {values['tf32_error']:.1e}"
    return text if values["has_tf32"] else f"{text} (this GPU has no TF32)"


def _tf32_failures(values: Values) -> list[str]:
    lines = []
    if not values["float32_error"] <= FLOAT32_PRODUCT:
        lines.append(f"without TF32 a product is wrong by {values['float32_error']:.1e}")
    if values["has_tf32"] and not values["tf32_error"] > TF32_CHANGES * values["float32_error"]:
        lines.append("asking for TF32 changes nothing")
    return lines


def _resume_failures(values: Values) -> list[str]:
    return [
        f"batch size {name}: {twice[:12]} in two parts, {once[:12]} in one"
        for name, (once, twice) in values["hashes"].items()
        if once != twice
    ]


def _train_py_failures(values: Values) -> list[str]:
    used = str(values["used"])
    return [] if used.partition(":")[0] == "cuda" else [f"run.json says used: {used}"]


VERDICTS = {
    "device": Verdict(_device, lambda v: []),
    "kernels": Verdict(lambda v: f"{v['passed']} cases agree with the reference", _kernels),
    "float64": _agreement("float64"),
    "float32": _agreement("float32"),
    "bandwidth": Verdict(_bandwidth, _slow_kernels),
    "epoch": Verdict(_epoch, _slow_epoch),
    "memory": Verdict(
        lambda v: f"{v['peak_bytes'] / 2**20:.0f} MiB at most",
        lambda v: [] if v["peak_bytes"] > 0 else ["training took no memory from the device"],
    ),
    "tf32": Verdict(_tf32, _tf32_failures),
    "resume": Verdict(
        lambda v: f"the same weights after {v['epochs']} epochs in two parts as in one",
        _resume_failures,
    ),
    "train.py": Verdict(lambda v: f"used {v['used']} ({v['library']})", _train_py_failures),
}

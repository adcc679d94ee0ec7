"""How every check's numbers are told, and what they must keep. Nothing here needs a GPU."""

from collections.abc import Callable
from typing import NamedTuple

from verification.bandwidth import gb_s
from verification.setup import Values

# Largest relative differences from NumPy. cuBLAS adds in another order than OpenBLAS does, and each
# step carries the rounding on: 2**-52, 2**-23 in float32. In float32 rounding also decides on which
# side of 0 an input of the rectifier falls, of which an epoch of mini-batches has many steps.
AGREEMENT = {
    ("float64", "full batch"): {"loss": 1e-11, "parameters": 1e-10},
    ("float64", "mini-batches"): {"loss": 1e-10, "parameters": 1e-9},
    ("float32", "full batch"): {"loss": 1e-4, "parameters": 1e-3},
    ("float32", "mini-batches"): {"loss": 1e-2, "parameters": 1e-1},
}
LEAST_OF_PEAK = 0.5  # of the memory's theoretical bandwidth
# Not the mini-batch step's, whose arithmetic takes as long as its bytes.
BOUND_BY_MEMORY = ("softmax_cross_entropy", "bias_relu", "relu_backward", "momentum_update")
FLOAT32_PRODUCT = 1e-5  # relative error of a product of 512 terms; TF32's is about 3e-4
TF32_CHANGES = 10  # times the error of float32
TF32_CAPABILITY = 80


class Verdict(NamedTuple):
    """How a check's numbers are told, what of them is wrong, and what is slow."""

    summary: Callable[[Values], str]
    wrong: Callable[[Values], list[str]] = lambda values: []
    slow: Callable[[Values], list[str]] = lambda values: []


def _card(values: Values) -> str:
    major, minor = values["compute_capability"]
    unknown = "" if values["watched"] else "nvidia-smi is not there: who else uses it is not known"
    others = values["others"] or unknown
    driver, runtime = (
        f"{v // 1000}.{v % 1000 // 10}" for v in (values["driver"], values["runtime"])
    )
    return (
        f"{values['name']}, {values['memory_bytes'] / 2**30:.1f} GiB at {values['peak_gb_s']:.0f} "
        f"GB/s, L2 {values['l2_bytes'] / 2**20:.0f} MiB, compute capability {major}.{minor}; "
        f"driver {driver}, runtime {runtime}, NVRTC {'.'.join(map(str, values['nvrtc']))}, "
        f"CuPy {values['cupy']}" + (f"; {others}" if others else "")
    )


def _bits(values: Values) -> list[str]:
    return [
        f"{dtype}: {one['found'][:12]}, known before: {one['expected'][:12]}"
        for dtype, one in values.items()
        if one["found"] != one["expected"]
    ]


def _kernels(values: Values) -> list[str]:
    if values["failed"]:
        name, text = next(iter(values["failed"].items()))
        return [f"{len(values['failed'])} of the cases failed, the first is {name}: {text}"]
    if values["not reached"] or not values["passed"]:
        return [f"{values['passed']} cases ran; none of {', '.join(values['not reached'])}"]
    return []


def _agreement(dtype: str) -> Verdict:
    def wrong(values: Values) -> list[str]:
        return [
            f"{kind}: {quantity} differs from NumPy's by {one[quantity]:.1e}, at most {bound:.0e}"
            for kind, one in values.items()
            for quantity, bound in AGREEMENT[dtype, kind].items()
            if not one[quantity] <= bound  # NaN fails
        ]

    def summary(values: Values) -> str:
        return "; ".join(
            f"{kind}, {one['epochs']} epoch(s): loss within {one['loss']:.1e}, parameters within "
            f"{one['parameters']:.1e}"
            for kind, one in values.items()
        )

    return Verdict(summary, wrong)


def _tf32(values: Values) -> list[str]:
    before, with_it, after = values["errors"]
    lines = [
        f"without TF32 a product is wrong by {error:.1e}"
        for error in (before, after)
        if not error <= FLOAT32_PRODUCT
    ]
    has = values["compute_capability"] >= TF32_CAPABILITY
    if values["recorded"] != [False, has, False]:
        lines.append(f"what is recorded is {values['recorded']}")
    if has and not with_it > TF32_CHANGES * before:
        lines.append("asking for TF32 changes nothing")
    return lines


def _resume(values: Values) -> list[str]:
    return [
        f"batch size {name}: {twice[:12]} in two parts, {once[:12]} in one"
        for name, (once, twice) in values["hashes"].items()
        if once != twice
    ]


def _train_py(values: Values) -> list[str]:
    used = str(values["used"])
    return [] if used.partition(":")[0] == "cuda" else [f"run.json says used: {used}"]


def _bandwidth(values: Values) -> str:
    rates = [f"{name} {gb_s(one):.0f}" for name, one in values["operations"].items()]
    return f"GB/s on arrays of {values['array_bytes'] / 2**20:.0f} MiB: {', '.join(rates)}"


def _slow_kernels(values: Values) -> list[str]:
    peak = values["peak_gb_s"] or gb_s(values["operations"]["copy"])
    shares = {name: gb_s(values["operations"][name]) / peak for name in BOUND_BY_MEMORY}
    return [
        f"{name} reaches {share:.0%} of the memory's bandwidth, at least {LEAST_OF_PEAK:.0%}"
        for name, share in shares.items()
        if not share >= LEAST_OF_PEAK
    ]


def _slow_epochs(values: Values) -> list[str]:
    whole = {name: one["whole"]["median"] for name, one in values["ways"].items()}
    return [
        f"{name}: {whole[name] / seconds:.2f} times the time of: {other}"
        for name in whole
        for other, seconds in whole.items()
        if other.startswith(f"{name}, ") and "alone" not in other and seconds < whole[name]
    ]


def _epochs(values: Values) -> str:
    return "; ".join(
        f"{name} {1e3 * one['whole']['median']:.3g} ms" for name, one in values["ways"].items()
    )


def _compared(values: Values) -> dict[str, Values]:
    return {key: one for key, one in values.items() if "theirs / ours" in one}


def _rivals(values: Values) -> str:
    compared = [
        f"{key} {one['theirs / ours']['median']:.2f}" for key, one in _compared(values).items()
    ]
    return f"their time / ours: {', '.join(compared)}"


def _sanitized(values: Values) -> list[str]:
    if not values["kernels"]:
        return []
    return [f"{values['reports']} reports, of {', '.join(values['kernels'])}: {values['first']}"]


def _memory(values: Values) -> str:
    return "; ".join(
        f"{name}: {one['peak_bytes'] / 2**20:.0f} MiB at most, of which arrays that must be there "
        f"take {one['needed_bytes'] / 2**20:.0f}"
        for name, one in values.items()
    )


_SANITIZED = Verdict(
    lambda v: f"{v['reports']} reports, none of the project's kernels",
    _sanitized,
)
VERDICTS = {
    "card": Verdict(_card),
    "bits": Verdict(lambda v: f"{' and '.join(v)} have the bits that were known before", _bits),
    "kernels": Verdict(lambda v: f"{v['passed']} of {v['known']} cases, all as float64", _kernels),
    "float64": _agreement("float64"),
    "float32": _agreement("float32"),
    "tf32": Verdict(
        lambda v: "relative errors " + ", ".join(f"{e:.1e}" for e in v["errors"]), _tf32
    ),
    "resume": Verdict(
        lambda v: f"the same weights after {v['epochs']} epochs in two parts as in one", _resume
    ),
    "train.py": Verdict(lambda v: f"used {v['used']} ({v['library']})", _train_py),
    "bandwidth": Verdict(_bandwidth, slow=_slow_kernels),
    "epochs": Verdict(_epochs, slow=_slow_epochs),
    "memory": Verdict(
        _memory,
        lambda v: [
            f"{name}: training took no memory from the device"
            for name, one in v.items()
            if not one["peak_bytes"] > 0
        ],
    ),
    "rivals": Verdict(
        _rivals,
        lambda v: [f"{key}: {one['differs']}" for key, one in v.items() if "differs" in one],
        lambda v: [
            f"{key}: their time is {one['theirs / ours']['median']:.2f} of ours"
            for key, one in _compared(v).items()
            if key.startswith("torch,") and one["theirs / ours"]["median"] < 1
        ],
    ),
    "memcheck": _SANITIZED,
    "racecheck": _SANITIZED,
    "initcheck": _SANITIZED,
    "dram": Verdict(lambda v: ", ".join(f"{k} {share:.0%}" for k, share in v["shares"].items())),
}

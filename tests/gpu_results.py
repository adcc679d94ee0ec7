"""What verify_cuda.py could find on a good card, made up for the tests of its verdicts."""

from verification.judge import TIMED


def spread(median):
    return {"median": median, "low": 0.9 * median, "high": 1.1 * median}


def operation(gb_s):
    return {"bytes": 10**9, "seconds": spread(1 / gb_s)}


def way(whole):
    return {part: spread(whole) for part in ("device", "host", "whole")}


def compared(ratio):
    return {
        "versions": {"torch": "2"}, "ours": spread(1e-3), "theirs": spread(ratio * 1e-3),
        "theirs / ours": spread(ratio), "peak_bytes": {"ours": 10**6, "theirs": 10**7},
    }  # fmt: skip


def agreement(loss, parameters):
    one = {"epochs": 20, "loss": loss, "parameters": parameters}
    return {"full batch": dict(one), "mini-batches": dict(one)}


CLOCKS = {"clocks.sm": 1900.0, "lowest clocks.sm": 1800.0, "throttled": []}


def good_results():
    found = {
        "card": {
            "name": "GPU", "memory_bytes": 2**34, "compute_capability": [9, 0], "l2_bytes": 2**25,
            "peak_gb_s": 1000.0, "driver": 12080, "runtime": 12090, "nvrtc": [12, 9],
            "cupy": "14.2.0", "others": "", "watched": True,
        },
        "bits": {"float32": {"expected": "aa", "found": "aa"}},
        "kernels": {"known": 400, "passed": 390, "failed": {}, "not reached": []},
        "float64": agreement(1e-14, 1e-13),
        "float32": agreement(1e-6, 1e-5),
        "tf32": {
            "errors": [3e-7, 3e-4, 3e-7], "recorded": [False, True, False],
            "compute_capability": 90,
        },
        "resume": {"epochs": 6, "hashes": {"full": ["aa", "aa"], "128": ["bb", "bb"]}},
        "train.py": {"used": "cuda:0", "library": "cupy"},
        "bandwidth": {
            "array_bytes": 2**28, "peak_gb_s": 1000.0,
            "operations": {
                "copy": operation(900.0), "softmax_cross_entropy": operation(500.0),
                "bias_relu": operation(800.0), "relu_backward": operation(800.0),
                "momentum_update": operation(800.0), "minibatch_step": operation(100.0),
            },
        },
        "epochs": {
            "step": "fused",
            "ways": {
                "full batch": way(4e-3), "full batch, without the kernels": way(5e-3),
                "full batch, the matrix products alone": way(3e-3),
                "batches of 128": way(3e-3), "batches of 128, operation by operation": way(9e-3),
            },
        },
        "memory": {"full": {"peak_bytes": 2**20, "needed_bytes": 2**19}},
        "rivals": {
            "torch, batches of 128": compared(3.0), "torch-graph, batches of 128": compared(0.9),
            "jax, full batch": {"not_run": "jax is not installed"},
        },
        **{
            tool: {"tool": tool, "reports": 0, "kernels": [], "first": ""}
            for tool in ("memcheck", "racecheck", "initcheck")
        },
        "dram": {"shares": {"bias_relu": 0.9}},
    }  # fmt: skip
    return {
        name: {"found": values, "seconds": 1.0}
        | ({"clocks": dict(CLOCKS)} if name in TIMED else {})
        for name, values in found.items()
    }

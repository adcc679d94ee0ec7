"""The verdicts of verify_cuda.py over numbers that are made up, and its report."""

import copy

import pytest
from gpu_results import compared, good_results, operation, way
from verification import CHECKS
from verification.judge import REQUIRED, TIMED, judge, told
from verification.report import markdown
from verification.verdicts import VERDICTS


def test_good_results_pass_and_can_be_told():
    results = good_results()
    assert set(results) == set(VERDICTS) == set(CHECKS)
    verdict = judge(results)
    assert verdict == {
        "correctness": "PASSED", "wrong": [], "speed": "AS EXPECTED", "slow": [], "held back": "",
    }  # fmt: skip
    for name, result in results.items():
        mark, text = told(name, result)
        assert mark == "passed"
        assert text


WRONG = {
    "other bits": (("bits", "float32", "found"), "cc", "known before"),
    "a kernel differs": (("kernels", "failed"), {"bias_relu": "AssertionError"}, "AssertionError"),
    "no case of a kind": (("kernels", "not reached"), ["bias_relu"], "none of bias_relu"),
    "no case ran": (("kernels", "passed"), 0, "0 cases ran"),
    "float64 loss": (("float64", "full batch", "loss"), 2e-11, "full batch: loss differs"),
    "float64 weights": (("float64", "mini-batches", "parameters"), 2e-9, "parameters differs"),
    "float32 loss": (("float32", "full batch", "loss"), 2e-4, "loss differs"),
    "float32 weights": (("float32", "full batch", "parameters"), float("nan"), "parameters"),
    "TF32 without asking": (("tf32", "errors"), [2e-5, 3e-3, 3e-7], "without TF32 a product"),
    "TF32 for ever": (("tf32", "errors"), [3e-7, 3e-4, 3e-4], "without TF32 a product"),
    "TF32 in vain": (("tf32", "errors"), [3e-7, 3e-7, 3e-7], "changes nothing"),
    "a false record": (("tf32", "recorded"), [False, True, True], "what is recorded"),
    "resumed otherwise": (("resume", "hashes", "128"), ["bb", "cc"], "batch size 128"),
    "on the CPU": (("train.py", "used"), "cpu", "used: cpu"),
    "no memory": (("memory", "full", "peak_bytes"), 0, "no memory"),
    "another training": (
        ("rivals", "torch, batches of 128"), {"differs": "torch: loss 2, ours 1"}, "torch: loss 2",
    ),
    "a race": (("racecheck", "kernels"), ["relu_backward"], "of relu_backward"),
}  # fmt: skip
SLOW = {
    "bias_relu": (("bandwidth", "operations", "bias_relu"), operation(499.0), "bias_relu reaches"),
    "the loss": (
        ("bandwidth", "operations", "softmax_cross_entropy"), operation(499.0), "at least 50%"
    ),
    "slower than plain": (("epochs", "ways", "full batch"), way(5.5e-3), "1.10 times the time"),
    "fused in vain": (("epochs", "ways", "batches of 128"), way(9.9e-3), "operation by operation"),
    "slower than PyTorch": (("rivals", "torch, batches of 128"), compared(0.8), "0.80 of ours"),
}  # fmt: skip


def changed(path, value):
    results = good_results()
    name, *keys, last = path
    place = results[name]["found"]
    for key in keys:
        place = place[key]
    place[last] = value
    return results


@pytest.mark.parametrize("name", WRONG)
def test_every_fault_fails_its_check_and_no_other(name):
    path, value, message = WRONG[name]
    results = changed(path, value)
    verdict = judge(results)
    assert (verdict["correctness"], verdict["speed"]) == ("FAILED", "AS EXPECTED")
    (line,) = verdict["wrong"]
    assert line.startswith(f"{path[0]}: ")
    assert message in line
    assert told(path[0], results[path[0]])[0] == "FAILED"


@pytest.mark.parametrize("name", SLOW)
def test_what_is_slow_is_not_wrong(name):
    path, value, message = SLOW[name]
    results = changed(path, value)
    verdict = judge(results)
    assert (verdict["correctness"], verdict["speed"]) == ("PASSED", "BELOW")
    (line,) = verdict["slow"]
    assert line.startswith(f"{path[0]}: ")
    assert message in line
    assert told(path[0], results[path[0]])[0] == "slow"


@pytest.mark.parametrize("others", ["the card is partitioned (MIG)", "it is 40 % busy"])
def test_a_shared_card_is_not_judged_by_its_speed(others):
    results = changed(("bandwidth", "operations", "bias_relu"), operation(1.0))
    results["card"]["found"]["others"] = others
    verdict = judge(results)
    assert (verdict["correctness"], verdict["speed"]) == ("PASSED", "NOT JUDGED")
    assert verdict["held back"] == others


def test_nor_is_one_that_is_throttled():
    results = changed(("epochs", "ways", "full batch"), way(1.0))
    results["epochs"]["clocks"]["throttled"] = ["power cap"]
    verdict = judge(results)
    assert (verdict["correctness"], verdict["speed"]) == ("PASSED", "NOT JUDGED")
    assert verdict["held back"] == "it is throttled (power cap)"


@pytest.mark.parametrize("name", good_results())
def test_an_error_is_wrong_unless_only_time_was_measured(name):
    results = good_results()
    results[name] = {"error": "RuntimeError: illegal address", "seconds": 1.0}
    verdict = judge(results)
    line = [f"{name}: RuntimeError: illegal address"]
    expected = ("PASSED", [], line) if name in TIMED else ("FAILED", line, [])
    assert (verdict["correctness"], verdict["wrong"], verdict["slow"]) == expected


@pytest.mark.parametrize("name", good_results())
def test_what_did_not_run_leaves_the_verdict_open_where_it_is_needed(name):
    results = good_results()
    results[name] = {"not_run": "the time is over", "seconds": 0.0}
    verdict = judge(results)
    assert verdict["correctness"] == ("INCOMPLETE" if name in REQUIRED else "PASSED")
    assert verdict["wrong"] == [f"{name}: not run: the time is over"] * (name in REQUIRED)
    assert told(name, results[name]) == ("not run", "the time is over")


def test_a_wrong_result_outweighs_a_missing_one():
    results = changed(("train.py", "used"), "cpu")
    del results["bits"]
    assert judge(results)["correctness"] == "FAILED"


def test_without_any_timing_speed_is_not_judged():
    results = good_results()
    for name in TIMED:
        results[name] = {"not_run": "", "seconds": 0.0}
    assert judge(results)["speed"] == "NOT JUDGED"


def test_rules_that_do_not_apply_are_not_applied():
    results = good_results()
    tf32 = {"errors": [3e-7] * 3, "recorded": [False] * 3, "compute_capability": 75}
    results["tf32"]["found"] = tf32
    # A driver that does not tell the memory's clock: then the copy is what there is.
    results["bandwidth"]["found"]["peak_gb_s"] = 0.0
    verdict = judge(results)
    assert (verdict["correctness"], verdict["speed"]) == ("PASSED", "AS EXPECTED")
    results["bandwidth"]["found"]["operations"]["copy"] = operation(1700.0)
    assert len(judge(results)["slow"]) == 4


def record(results):
    about = {"seconds": 61.2, "date": "2026-01-02", "command": "python scripts/verify_cuda.py"}
    return {**judge(results), **about, "results": results}


def test_the_report_has_every_number_that_is_asked_of_a_card():
    results = good_results()
    results["card"]["found"]["others"] = "the card is partitioned (MIG)"
    text = markdown(record(results))
    for part in (
        "### GPU", "**PASSED**, speed **NOT JUDGED**: the card is partitioned (MIG)",
        "| `bias_relu` | 1000 | 1250 (1125 to 1375) | 800 | 80% |",
        "| batches of 128 | 3 (2.7 to 3.3) | 3 (2.7 to 3.3) | 3 (2.7 to 3.3) |",
        "| torch, batches of 128 (torch 2) | 3 (2.7 to 3.3) | 1 (0.9 to 1.1) | 3 (2.7 to 3.3) |",
        "| jax, full batch | not run: jax is not installed |", "1900 SM MHz (lowest 1800)",
        "| memcheck | passed | 1.0 | 0 reports", "61 s", "GPU, 16.0 GiB at 1000 GB/s",
    ):  # fmt: skip
        assert part in text, part
    for block in text.split("\n\n"):
        if block.startswith("|"):
            assert len({line.replace("\\|", "").count("|") for line in block.splitlines()}) == 1


def test_the_report_is_written_whatever_is_missing():
    results = {name: {"not_run": "none", "seconds": 0.0} for name in CHECKS}
    results["epochs"] = {"error": "RuntimeError: a | b", "seconds": 0.0}
    text = markdown(record(copy.deepcopy(results)))
    assert "**INCOMPLETE**, speed **NOT JUDGED**" in text
    assert "a \\| b" in text

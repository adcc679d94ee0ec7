"""The two verdicts of all checks together. Nothing here needs a GPU.

What is wrong is a fault of the kernels on any card. What is slow may be the card's: where others
use it, or it is held back, speed is not judged.
"""

from collections.abc import Callable

from verification.setup import Values
from verification.verdicts import VERDICTS

# Those whose clocks are watched, and which say nothing of what is correct.
TIMED = ("bandwidth", "epochs", "rivals", "dram")
# Without these nothing is shown to be correct; NVIDIA's tools are not everywhere.
REQUIRED = ("bits", "kernels", "float64", "float32", "tf32", "resume", "train.py")


def failures(name: str, result: Values) -> list[str]:
    """Return what one check shows to be wrong."""
    if "error" in result:
        return [] if name in TIMED else [f"{name}: {result['error']}"]
    return [f"{name}: {line}" for line in _lines(result, VERDICTS[name].wrong)]


def slowness(name: str, result: Values) -> list[str]:
    """Return what is slower in one check than it should be, whoever's fault that is."""
    if "error" in result:
        return [f"{name}: {result['error']}"] if name in TIMED else []
    return [f"{name}: {line}" for line in _lines(result, VERDICTS[name].slow)]


def _lines(result: Values, rule: Callable[[Values], list[str]]) -> list[str]:
    return rule(result["found"]) if "found" in result else []


def held_back(results: dict[str, Values]) -> str:
    """Return what keeps the card from its speed, or the empty string."""
    reasons = {
        reason
        for name in TIMED
        for reason in results.get(name, {}).get("clocks", {}).get("throttled", [])
    }
    others = results.get("card", {}).get("found", {}).get("others", "")
    throttled = f"it is throttled ({', '.join(sorted(reasons))})" if reasons else ""
    return "; ".join(filter(None, [others, throttled]))


def judge(results: dict[str, Values]) -> Values:
    """Return both verdicts and their lines."""
    wrong = [line for name, result in results.items() for line in failures(name, result)]
    not_run = {name: results.get(name, {"not_run": "it was not reached"}) for name in REQUIRED}
    missing = [
        f"{name}: not run: {result['not_run']}"
        for name, result in not_run.items()
        if "not_run" in result
    ]
    slow = [line for name, result in results.items() for line in slowness(name, result)]
    why = held_back(results)
    measured = any("found" in results.get(name, {}) for name in TIMED)
    speed = "NOT JUDGED" if why or not measured else "BELOW" if slow else "AS EXPECTED"
    return {
        "correctness": "FAILED" if wrong else "INCOMPLETE" if missing else "PASSED",
        "wrong": wrong or missing,
        "speed": speed,
        "slow": slow,
        "held back": why,
    }


def told(name: str, result: Values) -> tuple[str, str]:
    """Return a check's mark, and what it found, in a line."""
    if "not_run" in result:
        return "not run", str(result["not_run"])
    if wrong := failures(name, result):
        return "FAILED", wrong[0].removeprefix(f"{name}: ")
    if slow := slowness(name, result):
        return "slow", slow[0].removeprefix(f"{name}: ")
    return "passed", VERDICTS[name].summary(result["found"])

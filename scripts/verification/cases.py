"""Run the kernels' cases of tests/kernels on a GPU, without pytest; print what came of them.

python -m verification.cases --seconds 60
python -m verification.cases --seconds 60 --only minibatch --no-pool

It takes the cases of every kind in turn, so that what a limit leaves out is some of each.
"""

import argparse
import importlib
import itertools
import json
import time
from collections.abc import Callable
from typing import Any


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--only", default="")
    parser.add_argument("--most", type=int, help="of each kind")
    parser.add_argument("--no-pool", action="store_true")
    options = parser.parse_args()
    cupy = importlib.import_module("cupy")
    if options.no_pool:
        # Every array is an allocation of its own then, whose end a checking tool knows.
        cupy.cuda.set_allocator(None)
        cupy.cuda.set_pinned_memory_allocator(None)
    print(json.dumps(run(cupy, options.only, options.seconds, options.most)))


def run(cupy: Any, only: str, seconds: float, most: int | None) -> dict[str, Any]:
    """Run the cases whose names hold a text until the time is over."""
    cases = importlib.import_module("cases")  # of tests/kernels, which is on the path
    known: dict[str, Callable[[Any], None]] = cases.CASES
    names = [name for name in known if name not in cases.STAND_IN_ONLY and only in name]
    passed, failed = [], {}
    end = time.monotonic() + seconds
    for name in in_turn(names, most):
        if time.monotonic() > end:
            break
        try:
            known[name](cupy)
        except MemoryError:
            continue
        except Exception as error:  # whatever a case meets is its result
            failed[name] = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
            if type(error).__name__ == "CUDARuntimeError":
                break  # the device is of no use to this process any more
        else:
            passed.append(name)
    return {
        "known": len(names),
        "passed": len(passed),
        "failed": failed,
        "not reached": sorted({kind(n) for n in names} - {kind(n) for n in (*passed, *failed)}),
    }


def kind(name: str) -> str:
    """Return a case's function."""
    return name.partition("-")[0]


def in_turn(names: list[str], most: int | None) -> list[str]:
    """Take one name of every kind, then a second one, and so on."""
    groups = [list(group)[:most] for _, group in itertools.groupby(sorted(names), kind)]
    return [name for turn in itertools.zip_longest(*groups) for name in turn if name is not None]


if __name__ == "__main__":
    main()

"""Prove on a machine with a GPU what the tests can only simulate, in under two minutes.

python scripts/verify_cuda.py
python scripts/verify_cuda.py --device cuda:1 --out h100.json
"""

import argparse
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from verification import CHECKS, Setup, Values
from verification.verdicts import VERDICTS, failures, judge

from mlp import DataError, DeviceError, TrainingConfig, choose_device, load
from mlp.commands.parser import Parser, fail
from mlp.files import FileError, write_json
from mlp.installation import LETTERS

FAILED, BAD_USAGE, NOT_RUN, INTERRUPTED = 1, 2, 3, 130


def run(setup: Setup) -> dict[str, Values]:
    """Do every check, also after one that fails, and print its line of the table."""
    results: dict[str, Values] = {}
    width = max(map(len, CHECKS))
    print(f"{'check':<{width}}  {'':<6}  {'s':>5}  what was found")
    for name, check in CHECKS.items():
        began = time.perf_counter()
        values: Values
        try:
            values = check(setup)
        except Exception as error:  # whatever a check meets is its result
            values = {"error": f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"}
        seconds = time.perf_counter() - began
        results[name] = {**values, "seconds": seconds}
        wrong = failures(name, values)
        told = wrong[0].removeprefix(f"{name}: ") if wrong else VERDICTS[name].summary(values)
        mark = "FAILED" if wrong else "passed"
        print(f"{name:<{width}}  {mark}  {seconds:5.1f}  {told}", flush=True)
    return results


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = Parser(
        "verify_cuda.py",
        __doc__,
        epilog="The last line is PASSED, FAILED or NOT RUN and why. Exit status: 0 passed, "
        "1 failed, 2 bad usage, 3 not run.",
    )

    def at_least(least: int) -> Callable[[str], int]:
        def number(text: str) -> int:
            if int(text) < least:
                raise ValueError
            return int(text)

        number.__name__ = f"number of at least {least}"
        return number

    def gpu(text: str) -> str:
        if re.fullmatch(r"cuda(:\d+)?", text) is None:
            raise ValueError
        return text

    gpu.__name__ = "GPU (cuda or cuda:N)"
    option = parser.add_argument
    option(
        "--device",
        type=gpu,
        default="cuda",
        metavar="cuda|cuda:N",
        help="the GPU to verify (default: cuda)",
    )
    option(
        "--out",
        type=Path,
        default=Path("verify_cuda.json"),
        metavar="FILE",
        help="where all numbers go (default: verify_cuda.json)",
    )
    option(
        "--epochs",
        type=at_least(3),
        default=20,
        metavar="N",
        help="epochs against NumPy and of each timing (default: 20)",
    )
    option(
        "--hidden",
        type=at_least(1),
        default=1000,
        metavar="UNITS",
        help="hidden units; the bandwidth is judged at 1000 (default: 1000)",
    )
    option(
        "--data",
        default=str(LETTERS),
        metavar="PATH",
        help="data set, see train.py (default: data/glyphs.npz)",
    )
    option(
        "--split",
        type=at_least(1),
        nargs=2,
        default=[10_000, 6_000],
        metavar=("TRAIN", "VALID"),
        help="rows; the bandwidth is judged at 10000 (default: 10000 6000)",
    )
    option(
        "--rounds",
        type=at_least(1),
        default=20,
        metavar="N",
        help="timings are medians of so many (default: 20)",
    )
    option(
        "--copy-mib",
        type=at_least(1),
        default=256,
        metavar="N",
        help="size of the copied array, beyond any cache (default: 256)",
    )
    option(
        "--cases",
        default="gpu",
        metavar="EXPRESSION",
        help="the kernels' cases to run, as pytest's -k takes them (default: gpu, which is all)",
    )
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    options = parse(arguments)
    began = time.perf_counter()
    if not options.out.absolute().parent.is_dir():
        return fail(
            "verify_cuda.py",
            BAD_USAGE,
            f"{options.out}: its folder does not exist; choose another --out",
        )
    try:
        device = choose_device(options.device, strict=True)
    except DeviceError as error:
        print(f"NOT RUN: {error}")
        return NOT_RUN
    try:
        config = TrainingConfig(
            data=options.data,
            device=options.device,
            hidden=(options.hidden,),
            epochs=options.epochs,
            split=tuple(options.split),
        )
        dataset = load(config.data, split=config.split, split_seed=config.split_seed)
        copy_bytes = options.copy_mib * 2**20
        setup = Setup(device, dataset, config, options.rounds, copy_bytes, options.cases)
        results = run(setup)
        wrong = judge(results)
        record: dict[str, Any] = {
            "passed": not wrong,
            "failures": wrong,
            "seconds": time.perf_counter() - began,
            "options": {name: str(value) for name, value in vars(options).items()},
            "results": results,
        }
        write_json(options.out, record)
    except (DataError, FileError) as error:
        return fail("verify_cuda.py", BAD_USAGE, error)
    except KeyboardInterrupt:
        fail("verify_cuda.py", BAD_USAGE, "interrupted")
        return INTERRUPTED
    print(f"\n{record['seconds']:.0f} s in all; every number is in {options.out}")
    for line in wrong:
        print(f"- {line}")
    print("FAILED" if wrong else "PASSED")
    return FAILED if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

"""Prove on a machine with a GPU what the tests can only simulate, in under two minutes.

python scripts/verify_cuda.py
python scripts/verify_cuda.py --device cuda:1 --out h100.json
"""

import argparse
import re
import sys
import time
from pathlib import Path
from typing import Any

from verification import CHECKS, Setup, Values
from verification.verdicts import VERDICTS, failures, judge

from mlp import DeviceError, TrainingConfig, choose_device, load
from mlp.commands.errors import guarded
from mlp.commands.parser import Parser, Status, at_least, named_path
from mlp.config import add_arguments, from_arguments
from mlp.files import write_json


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


def gpu(text: str) -> str:
    """Take the name of a GPU: ``cuda`` or ``cuda:N``."""
    if re.fullmatch(r"cuda(:\d+)?", text) is None:
        raise ValueError
    return text


def make_parser() -> Parser:
    """Declare the command line."""
    parser = Parser(
        "verify_cuda.py",
        __doc__,
        epilog="The last line is PASSED, FAILED or NOT RUN and why. Exit status: 0 passed, "
        "1 failed, 2 bad usage, 3 not run.",
    )
    add = parser.add_argument
    add("--device", type=gpu, default="cuda", metavar="cuda|cuda:N", help="(default: cuda)")
    out = Path("verify_cuda.json")
    add(
        "--out",
        type=named_path,
        default=out,
        metavar="FILE",
        help=f"for all numbers (default: {out})",
    )
    add("--epochs", type=at_least(3), default=20, metavar="N", help="of each run (default: 20)")
    add("--hidden", type=at_least(1), default=1000, metavar="UNITS", help="(default: 1000)")
    add("--rounds", type=at_least(1), default=20, metavar="N", help="of timings (default: 20)")
    add("--copy-mib", type=at_least(1), default=256, metavar="N", help="copied (default: 256)")
    add_arguments(parser, ["data", "split"])
    add("--cases", default="gpu", metavar="EXPRESSION", help="as pytest's -k (default: gpu, all)")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    return guarded("verify_cuda.py", lambda: verify(make_parser().parse_args(arguments)))


def verify(options: argparse.Namespace) -> int:
    """Do every check, write the numbers and judge them; return the exit status."""
    began = time.perf_counter()
    if not options.out.absolute().parent.is_dir():
        raise ValueError(f"{options.out}: its folder does not exist; choose another --out")
    try:
        device = choose_device(options.device, strict=True)
    except DeviceError as error:
        print(f"NOT RUN: {error}")
        return Status.UNUSABLE
    base = TrainingConfig(device=options.device, hidden=(options.hidden,), epochs=options.epochs)
    config = from_arguments(options, base, ["data", "split"])
    dataset = load(config.data, split=config.split, split_seed=config.split_seed)
    copy_bytes = options.copy_mib * 2**20
    results = run(Setup(device, dataset, config, options.rounds, copy_bytes, options.cases))
    wrong, seconds = judge(results), time.perf_counter() - began
    record: dict[str, Any] = {
        "passed": not wrong,
        "failures": wrong,
        "seconds": seconds,
        "options": {name: str(value) for name, value in vars(options).items()},
        "results": results,
    }
    write_json(options.out, record)
    print(f"\n{seconds:.0f} s in all; every number is in {options.out}")
    for line in wrong:
        print(f"- {line}")
    print("FAILED" if wrong else "PASSED")
    return Status.FAILED if wrong else Status.DONE


if __name__ == "__main__":
    sys.exit(main())

"""Show on a machine with a GPU what the tests can only simulate: that it is right, and how fast.

python scripts/verify_cuda.py
python scripts/verify_cuda.py --quick --device cuda:1 --out h100.json

It runs from a plain copy of the repository; of what mlp needs nothing but NumPy, CuPy, safetensors,
threadpoolctl, tqdm, Jinja, matplotlib, Pillow and array-api-compat, for which PYTHONPATH will do.
"""

import argparse
import re
import shlex
import sys
import time
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import plain_copy  # noqa: F401 (before what imports mlp)
from verification import CHECKS, NotRunError, Setup, Values
from verification.card import Watch, bus_id, l2_bytes
from verification.judge import TIMED, judge, told
from verification.report import markdown

from mlp import DeviceError, TrainingConfig, choose_device, load
from mlp.commands.errors import guarded
from mlp.commands.parser import Parser, Status, at_least, named_path
from mlp.config import add_arguments, from_arguments
from mlp.files import write, write_json

TRAINING = ["data", "split", "batch_size", "learning_rate"]  # its options, taken as they are
MOST_SECONDS, QUICK_SECONDS = 450, 160
LEAST_ARRAY = 256 * 2**20  # bytes; four times the second-level cache where that is more


def run(setup: Setup) -> dict[str, Values]:
    """Do every check, also after one that fails, and print its line of the table."""
    results: dict[str, Values] = {}
    width = max(map(len, CHECKS))
    print(f"{'check':<{width}}  {'':<7}  {'s':>5}  what was found")
    for name in CHECKS:
        began = time.perf_counter()
        results[name] = {**checked(name, setup), "seconds": time.perf_counter() - began}
        mark, text = told(name, results[name])
        print(f"{name:<{width}}  {mark:<7}  {results[name]['seconds']:5.1f}  {text}", flush=True)
    return results


def checked(name: str, setup: Setup) -> Values:
    """Do one check; return what it has ``found``, or its ``error``, or why it has ``not_run``."""
    try:
        watch = Watch(bus_id(setup.device.handle.id)) if name in TIMED else nullcontext()
        setup.seconds_left(1)
        with watch as watching:
            found = CHECKS[name](setup)
    except NotRunError as why:
        return {"not_run": str(why)}
    except MemoryError as error:  # which others may have taken
        return {"not_run": f"the memory that is free does not suffice: {one_line(error)}"}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {one_line(error)}"}
    return {"found": found} | ({"clocks": watching.seen} if watching else {})


def one_line(error: BaseException) -> str:
    """Return an error's text in one line."""
    return " ".join(str(error).split())[:300]


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
        epilog="There are two verdicts. Correctness: PASSED, FAILED, or INCOMPLETE where a check "
        "that it needs did not run. Speed: AS EXPECTED, BELOW, or NOT JUDGED where the card is "
        "shared, partitioned or throttled. Exit status: 0 PASSED, 1 FAILED, 2 bad usage, 3 not run "
        "or INCOMPLETE.",
    )
    add = parser.add_argument
    add("--device", type=gpu, default="cuda", metavar="cuda|cuda:N", help="(default: cuda)")
    out = Path("verify_cuda.json")
    help = f"for all numbers; beside it .md, the report (default: {out})"
    add("--out", type=named_path, default=out, metavar="FILE", help=help)
    add("--quick", action="store_true", help="within three minutes, not eight")
    add("--epochs", type=at_least(3), metavar="N", help="of each run (default: 20, quick: 5)")
    add("--hidden", type=at_least(1), default=1000, metavar="UNITS", help="(default: 1000)")
    add("--rounds", type=at_least(1), metavar="N", help="of timings (default: 15, quick: 5)")
    help = "of an array for bandwidth (default: 256, or four times the second-level cache)"
    add("--array-mib", type=float, metavar="N", help=help)
    add_arguments(parser, TRAINING, BASE)
    add("--cases", default="", metavar="TEXT", help="only the kernels' cases with it in their name")
    return parser


BASE = TrainingConfig(batch_size=128, learning_rate=0.05)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    return guarded("verify_cuda.py", lambda: verify(make_parser().parse_args(arguments)))


def make_setup(options: argparse.Namespace, began: float) -> Setup:
    """Find the GPU, read the data and fill in what the options leave open."""
    device = choose_device(options.device, strict=True)
    config = from_arguments(options, BASE, TRAINING)
    config = replace(
        config,
        data=str(Path(config.data).absolute()),  # processes of their own begin in another folder
        device=options.device,
        hidden=(options.hidden,),
        epochs=options.epochs or (5 if options.quick else 20),
    )
    if config.batch_size is None:
        raise ValueError("--batch-size is that of the mini-batches, got full; give a number")
    dataset = load(config.data, split=config.split, split_seed=config.split_seed)
    array_bytes = int(2**20 * (options.array_mib or 0))
    return Setup(
        device,
        dataset,
        config,
        options.rounds or (5 if options.quick else 15),
        array_bytes or max(LEAST_ARRAY, 4 * l2_bytes(device.handle.id)),
        options.cases,
        options.quick,
        began + (QUICK_SECONDS if options.quick else MOST_SECONDS),
    )


def verify(options: argparse.Namespace) -> int:
    """Do every check, judge the numbers and write them down; return the exit status."""
    began = time.monotonic()
    if not options.out.absolute().parent.is_dir():
        raise ValueError(f"{options.out}: its folder does not exist; choose another --out")
    try:
        setup = make_setup(options, began)
    except DeviceError as error:
        print(f"NOT RUN: {error}")
        return Status.UNUSABLE
    results = run(setup)
    record: dict[str, Any] = {
        **judge(results),
        "seconds": time.monotonic() - began,
        "date": datetime.now(UTC).date().isoformat(),
        "command": shlex.join(["python", *sys.argv]),
        "options": {name: str(value) for name, value in vars(options).items()},
        "results": results,
    }
    write_json(options.out, record)
    report = options.out.with_suffix(".md")
    write(report, markdown(record))
    print(f"\n{record['seconds']:.0f} s in all; numbers: {options.out}, report: {report}")
    for line in (*record["wrong"], *record["slow"]):
        print(f"- {line}")
    why = f" ({record['held back']})" if record["held back"] else ""
    print(f"speed: {record['speed']}{why}")
    print(f"correctness: {record['correctness']}")
    statuses = {"PASSED": Status.DONE, "FAILED": Status.FAILED, "INCOMPLETE": Status.UNUSABLE}
    return statuses[record["correctness"]]


if __name__ == "__main__":
    sys.exit(main())

"""Time this project against other libraries on the same training, and against its own floor.

python scripts/benchmark.py --batch-size full 128 --write-table scripts/BENCHMARKS.md
python scripts/benchmark.py --hidden 1000 --hidden 1000 500 --batch-size full 64 128
python scripts/benchmark.py --against torch jax --rounds 7
python scripts/benchmark.py --device cuda --batch-size full 128
python scripts/benchmark.py --growth
python scripts/benchmark.py --ranks 1 2 --batch-size full 128
python scripts/benchmark.py --choose-recipe
python scripts/benchmark.py --to-accuracy --recipe "64 0.1 one-cycle 5"

An epoch trains on the training rows and evaluates the others. Each contestant runs in its own
process, in the way its documentation recommends for speed; all start from the same weights
and must first reach the same losses in float64. Rounds are interleaved; ratios are of the best
rounds, and taken round by round. What noise leaves of them is said.
"""

import argparse
import os
import platform
import sys
from collections.abc import Sequence
from typing import Any

from benchmarks import accuracy, growth, recipes, scaling, speed
from benchmarks.bench import Bench, cross
from benchmarks.process import check_installed, limited_to
from benchmarks.sameness import LossError
from markdown import marked, write_marked
from peers import ON_GPU, ONLY_ON_GPU, PEERS, PeerError

from mlp import DeviceError, TrainingConfig
from mlp.commands.errors import guarded
from mlp.commands.parser import Parser, Status, at_least, named_path
from mlp.commands.streams import print_record
from mlp.config import add_arguments, batch_size, from_arguments
from mlp.device import available_threads
from mlp.driver import describe_devices, read_driver
from mlp.files import to_json, write, write_json
from mlp.run.directory import create, default_directory
from mlp.run.environment import cpu_model

RIVALS = ["floor", "numpy", *PEERS]
# Who comes unless others are named. TensorFlow's usual wheel computes on a CPU.
USUAL = {
    "cpu": [name for name in RIVALS if name not in ONLY_ON_GPU],
    "cuda": ["floor", *(name for name in ON_GPU if name != "keras")],
}
# Training's options, taken as they are.
TRAINING = ["data", "device", "learning_rate", "seed", "threads"]
MOST_EPOCHS = 10**6  # a contestant goes on until it is told to stop
DISTORTING = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
SEVERAL = ("benchmark", "ranks")  # modes that measure several configurations
# The names of tables in a file's markers, by the option that asks for them.
MODES = {"growth": "growth", "ranks": "ranks", "to_accuracy": "accuracy", "choose_recipe": "recipe"}


def make_parser() -> Parser:
    """Declare the command line."""
    parser = Parser(
        "benchmark.py",
        __doc__,
        epilog="exit status: 0 done, 1 a contestant does another training, 2 bad usage, "
        "3 a contestant is absent or fails, 4 training diverges",
    )
    add, mode = parser.add_argument, parser.add_mutually_exclusive_group().add_argument
    mode("--growth", action="store_true", help="rows x1 to 8, hidden units x1 to 4, and exponents")
    mode("--to-accuracy", action="store_true", help="time to the task's own test accuracy")
    mode(
        "--choose-recipe",
        action="store_true",
        help="find the shortest recipe as good as the task's on validation rows",
    )
    mode("--ranks", type=at_least(1), nargs="+", metavar="N", help="MPI ranks of one thread")
    add(
        "--against",
        nargs="*",
        choices=RIVALS,
        metavar="NAME",
        help=f"any of {', '.join(RIVALS)} (default: all that can use the device, with cuda but "
        "keras; none with --growth and --ranks)",
    )
    add(
        "--hidden",
        type=int,
        nargs="+",
        action="append",
        metavar="UNITS",
        help="units of each hidden layer; once more for another network, measured with every "
        "--batch-size beside the first (default: 1000)",
    )
    add(
        "--batch-size",
        type=batch_size,
        nargs="+",
        default=[None],
        metavar="N|full",
        help="one or more, timed one after the other (default: full)",
    )
    add("--rows", type=at_least(1), metavar="N", help="training rows (default: 10000)")
    add("--rounds", type=at_least(1), default=5, metavar="N", help="interleaved (default: 5)")
    add("--epochs", type=at_least(1), default=5, metavar="N", help="in a round (default: 5)")
    add("--starts", type=at_least(0), default=3, metavar="N", help="of processes (default: 3)")
    add(
        "--recipe",
        type=recipes.parse,
        default=recipes.RECOMMENDED,
        metavar="RECIPE",
        help="batch size, rate, schedule, epochs (default: '%(default)s')",
    )
    add(
        "--constant-recipe",
        type=recipes.parse,
        default=recipes.CONSTANT,
        metavar="RECIPE",
        help="one that the others can follow too (default: '%(default)s')",
    )
    add_arguments(parser, TRAINING, TrainingConfig(device="cpu"))
    add("--out", type=named_path, metavar="DIR", help="(default: runs/benchmark-<UTC time>)")
    add(
        "--write-table",
        type=named_path,
        metavar="FILE",
        help="also put the table into a Markdown file, between <!-- benchmark:begin --> and "
        "<!-- benchmark:end -->; growth:, ranks: and accuracy: with those modes",
    )
    add("--json", action="store_true", help="print the results on stdout as JSON")
    add("--quiet", action="store_true", help="print errors and warnings only on stderr")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    statuses = {LossError: Status.FAILED, PeerError: Status.UNUSABLE}
    return guarded("benchmark.py", lambda: benchmark(make_parser().parse_args(arguments)), statuses)


def benchmark(options: argparse.Namespace) -> int:
    """Measure what is asked for, and write what came of it."""
    asked = next((name for name in MODES if getattr(options, name)), "")
    mode = MODES.get(asked, "benchmark")
    reports = {
        "benchmark": speed.report,
        "growth": growth.report,
        "ranks": scaling.report,
        "accuracy": accuracy.report,
        "recipe": recipes.report,
    }
    rivals = options.against
    base = TrainingConfig(device="cpu", epochs=MOST_EPOCHS, threads=available_threads())
    config = from_arguments(options, base, TRAINING)
    configs = cross(config, options.hidden or [config.hidden], options.batch_size)
    if len(configs) > 1 and mode not in SEVERAL:
        option = asked.replace("_", "-")
        raise ValueError(f"--{option} takes one --hidden and one --batch-size at most")
    kind = check_device(config.device, asked, rivals or [])
    if rivals is None:
        rivals = [] if options.growth or options.ranks else USUAL[kind]
    for name in rivals:
        check_installed(name)
    with limited_to(config.threads):
        pass  # an impossible number is told before anything is timed
    if options.write_table:
        marked(options.write_table, mode)
    where = machine(config)

    def warn(text: str) -> None:
        print(f"warning: {text}", file=sys.stderr, flush=True)

    for warning in warnings(where):
        warn(warning)
    directory = create(options.out or default_directory("benchmark-"), numbered=options.out is None)

    def say(text: str) -> None:
        if not options.quiet:
            print(text, file=sys.stderr, flush=True)

    bench = Bench(options, configs, ["ours", *rivals], directory, where, say, warn)
    found, text = reports[mode](bench)
    record = {"mode": mode, "machine": where} | found
    write_json(directory / "benchmark.json", record)
    write(directory / "benchmark.md", text + "\n")
    if options.write_table:
        write_marked(options.write_table, mode, text)
    if options.json:
        print_record(to_json(record))
    elif not options.quiet:
        print(text)
    return Status.DONE


def check_device(device: str, mode: str, rivals: Sequence[str]) -> str:
    """Check that the contestants can be compared on a device; return its kind.

    Raises
    ------
    ValueError
        It is no kind of device that all can be told, or they cannot all use it.
    DeviceError
        There is no such GPU.
    """
    kind, _, number = device.partition(":")
    if kind == "auto":
        raise ValueError("--device must be cpu, cuda or cuda:N here, got auto")
    able = {*RIVALS} - {*ONLY_ON_GPU} if kind == "cpu" else {"floor", *ON_GPU}
    if unable := [name for name in rivals if name not in able]:
        raise ValueError(f"--against {unable[0]} cannot use --device {device}; leave it out")
    if kind == "cpu":
        return kind
    if mode:
        raise ValueError(f"--{mode.replace('_', '-')} measures on a CPU; leave out --device")
    driver = read_driver()
    if driver is None or int(number or 0) >= driver.devices:
        raise DeviceError(f"device {device}: the NVIDIA driver finds no such GPU; see nvidia-smi")
    return kind


def machine(config: TrainingConfig) -> dict[str, Any]:
    """Describe what the figures were measured on."""
    kind, _, number = config.device.partition(":")
    gpus = describe_devices(int(number or 0) + 1) if kind == "cuda" else [""]
    return {
        "gpu": f"{gpus[-1].partition(' ')[2]}; " if gpus[-1] else "",
        "cpu": cpu_model(),
        "threads": config.threads or 1,
        "system": platform.system(),
        "python": platform.python_version(),
        "load_average": os.getloadavg()[0],
    }


def warnings(where: dict[str, Any]) -> list[str]:
    """Return what makes the figures others than those of a plain installation left alone."""
    found = [
        f"{name} is set: these are not the figures of a plain installation"
        for name in DISTORTING
        if name in os.environ
    ]
    if (load := where["load_average"]) > where["threads"] / 2:
        found.append(f"others use this machine (load average {load:.1f}): expect noise")
    return found


if __name__ == "__main__":
    sys.exit(main())

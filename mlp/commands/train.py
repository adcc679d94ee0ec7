"""Train the network and write a run directory.

mlp train
mlp train --device cuda --hidden 1000 500 --batch-size 128 --epochs 20
mlp train --checkpoint-every 10 --out runs/long
mlp train --resume runs/long
mlp train --config runs/long/config.json --seed 422
mlp train --reference keras
mpiexec -n 4 python -m mpi4py -m mlp train --out runs/four
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from ..communicator import find
from ..config import TrainingConfig, add_arguments, differences, flag, from_arguments
from ..files import to_json, visible
from ..progress import KINDS, Progress
from ..run.directory import default_directory, read_config
from ..run.listener import Listener
from ..run.ranks import Leader, follow
from ..run.run import Run
from ..run.signals import STOPPING
from ..state import TrainingState
from .errors import guarded
from .parser import Parser, Status, named_path
from .streams import print_record

_STATUSES = """\
Exit status: 0 done, whatever has become of stdout and stderr; 2 bad input or usage; 3 the device or
a library cannot be used; 4 diverged; 128 + n stopped by signal n, with a checkpoint once training
has begun:"""


def main(arguments: list[str] | None = None, prog: str = "mlp train") -> int:
    """Run the command line; return the exit status."""
    return guarded(prog, lambda: lead_or_follow(arguments, prog))


def lead_or_follow(arguments: list[str] | None, prog: str) -> int:
    """Train as rank 0, or beside it as another rank of an MPI job; return the exit status."""
    communicator = find()
    if communicator.rank == 0:
        with Leader(communicator) as leader:
            return train(make_parser(prog).parse_args(arguments), leader)
    name = f"{prog}: rank {communicator.rank}"

    def warn(text: str) -> None:
        print(f"warning: rank {communicator.rank}: {visible(text)}", file=sys.stderr)

    def serve() -> int:
        follow(communicator, warn)
        return Status.DONE

    return guarded(name, serve)


def make_parser(prog: str) -> Parser:
    """Declare the command line."""
    stopped = ", ".join(f"{Status.SIGNALLED + number} {number.name}" for number in STOPPING)
    parser = Parser(prog, __doc__, epilog=f"{_STATUSES} {stopped}.")
    add_arguments(parser)
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--out", type=named_path, metavar="DIR", help="run directory (default: runs/<UTC time>)"
    )
    where.add_argument(
        "--resume",
        type=named_path,
        metavar="DIR",
        help="go on with an unfinished run, to the same bits",
    )
    parser.add_argument(
        "--config", type=named_path, metavar="FILE", help="config.json of a run, for the defaults"
    )
    parser.add_argument("--no-report", action="store_true", help="write no report.html")
    parser.add_argument(
        "--no-pictures",
        action="store_true",
        help="show no rows and no weights as pictures in report.html: for private data",
    )
    parser.add_argument("--json", action="store_true", help="print the run record on stdout")
    parser.add_argument(
        "--progress",
        choices=KINDS,
        default="auto",
        help="how an epoch is shown: auto is a bar in a terminal, elsewhere a line every tenth of "
        "the run (default: auto)",
    )
    parser.add_argument("--quiet", action="store_true", help="print errors and warnings only")
    return parser


def train(options: argparse.Namespace, leader: Leader) -> int:
    """Train as the options say; return the exit status."""
    config = configure(options)
    directory: Path | None = options.resume or options.out
    with Terminal(options.quiet, options.progress) as terminal:
        run = Run(
            directory or default_directory(),
            config,
            resume=bool(options.resume),
            report=not options.no_report,
            pictures=not options.no_pictures,
            leader=leader,
            listener=terminal,
            numbered=directory is None,
        )
        record = run.execute()
    if options.json:
        print_record(to_json(record))
    return Status.DONE


def configure(options: argparse.Namespace) -> TrainingConfig:
    """Make the configuration from the options and the run they refer to."""
    file = options.config
    if options.resume:
        if file:
            raise ValueError("--resume has a config.json of its own; leave out --config")
        file = options.resume / "config.json"
    base = read_config(file) if file else TrainingConfig()
    config = from_arguments(options, base)
    if options.resume:
        for name, option in differences(base, config).items():
            if not option.metadata["resume"]:
                message = f"{flag(name)} cannot change in a run; start a new one with --config"
                raise ValueError(message)
    return config


class Terminal(Listener):
    """Writes to stderr what a run says, and a progress bar where somebody looks at it."""

    def __init__(self, quiet: bool, progress: str) -> None:
        self._quiet = quiet
        self._progress, self._begun = Progress("none" if quiet else progress), False

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *exception: object) -> None:
        self._progress.end()

    def say(self, text: str) -> None:
        """See `Listener`."""
        if not self._quiet:
            print(visible(text), file=sys.stderr)

    def warn(self, text: str) -> None:
        """See `Listener`."""
        print(visible(text), file=sys.stderr)

    def progress(self, state: TrainingState, epochs: int) -> None:
        """See `Listener`."""
        if not self._begun:
            self._progress.begin(epochs)
            self._begun = True
        self._progress(state)

    def ended(self, record: dict[str, Any], directory: Path) -> None:
        """See `Listener`."""
        self._progress.end()
        for line in summary(record, directory):
            self.say(line)


def summary(record: dict[str, Any], directory: Path) -> list[str]:
    """Lay out what came of the run as the lines of a small table."""
    result, timing = record["result"], record["timing"]
    lines = [f"{'':<12}{'loss':>10}{'accuracy':>10}"]
    for split, name in (("train", "training"), ("valid", "validation"), ("test", "test")):
        lines.append(
            f"{name:<12}{result[f'{split}_loss']:>10.4f}{result[f'{split}_accuracy']:>10.4f}"
        )
    chance = record["data"].get("valid_commonest")  # runs of version 0.1 do not say
    if chance is not None and result["valid_accuracy"] <= chance < 1:
        lines.append(
            f"validation is no better than saying the commonest class always ({chance:.4f})"
        )
    lines += [
        f"weights of epoch {result['epochs']}; lowest validation loss at epoch "
        f"{result['best_valid_epoch']}",
        f"{timing['total_s']:.1f} s in all, {timing['epoch_median_s']:.3f} s an epoch (median)",
        f"written to {directory}",
    ]
    return lines

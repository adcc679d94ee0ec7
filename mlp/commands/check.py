"""Try a student's functions and read the training around them; say in one screen what is wrong.

mlp check starter.py
mlp check notebook.ipynb --all
mlp check submissions/
mlp check submissions/ --json

FILE is a script or a notebook with the functions of the assignment: relu, softmax, the layer, the
average cross-entropy, its gradient, accuracy, one-hot rows, gradients of weights. Of a folder every
such file is a row of a table. Only functions are run, one call at a time, in a process of their own
that may read, write, start and send nothing; that keeps off accidents, not a determined attacker.
Nothing is stored or sent.

Exit status: 0 nothing wrong; 1 something wrong; 2 nothing to check, unreadable, or bad usage; 3 the
process for the functions does not start.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tqdm import tqdm

from ..check.check import check_file
from ..check.process import StartError
from ..check.records import record
from ..check.show import lines, table
from ..check.source import SUFFIXES
from ..check.verdict import Report
from ..files import visible
from .errors import CommandError, guarded
from .parser import Parser, Status


def make_parser(prog: str) -> Parser:
    """Declare the command line."""
    parser = Parser(prog, __doc__)
    option = parser.add_argument
    option(
        "files", metavar="FILE", type=Path, nargs="+", help="script, notebook, or a folder of them"
    )
    option(
        "--all", action="store_true", help="show all findings of a file (default: the worst five)"
    )
    option("--json", action="store_true", help="print one JSON object on stdout")
    return parser


def main(arguments: list[str] | None = None, prog: str = "mlp check") -> int:
    """Run the command line; return the exit status."""
    options = make_parser(prog).parse_args(arguments)
    return guarded(prog, lambda: check(options), {StartError: Status.UNUSABLE})


def check(options: argparse.Namespace) -> int:
    """Check all files; return the exit status."""
    paths = list(submissions(options.files))
    single = len(options.files) == 1 and not options.files[0].is_dir()
    with tqdm(paths, unit="file", leave=False, disable=single or not sys.stderr.isatty()) as bar:
        reports = [check_file(path) for path in bar]
    missing = sorted({name for report in reports for name in report.missing_limits})
    if missing:
        print(f"not enforced by this system: {', '.join(missing)}", file=sys.stderr)
    if options.json:
        print(json.dumps({"submissions": [record(report) for report in reports]}))
    else:
        for line in lines(reports[0], options.all) if single else table(reports):
            print(visible(line))
    return status(reports)


def status(reports: Sequence[Report]) -> int:
    """Return 1 if anything is wrong, else 2 if a file had nothing to check."""
    if any(report.is_wrong for report in reports):
        return Status.FAILED
    done = all(report.tried for report in reports)
    return Status.DONE if done else Status.BAD_INPUT


def submissions(paths: Sequence[Path]) -> Iterator[Path]:
    """Yield files themselves, and the scripts and notebooks in folders, by name.

    Raises
    ------
    CommandError
        A path is neither, or a folder holds none.
    """
    for path in paths:
        if not path.is_dir():
            if path.suffix not in SUFFIXES or not path.is_file():
                problem = "is no .py or .ipynb file" if path.exists() else "no such file or folder"
                raise CommandError(Status.BAD_INPUT, f"{path}: {problem}")
            yield path
            continue
        found = False
        for folder, folders, names in os.walk(path):
            folders[:] = sorted(name for name in folders if name[0] not in "._")
            for name in sorted(names):
                file = Path(folder, name)
                if file.suffix in SUFFIXES and file.is_file() and not file.is_symlink():
                    found = True
                    yield file
        if not found:
            raise CommandError(Status.BAD_INPUT, f"{path}: holds no .py and no .ipynb file")

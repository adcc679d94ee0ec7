"""Train every combination of a grid of options and compare them: the hyperparameter study.

mlp sweep
mlp sweep --grid hidden=500,1000,"1000 500" --grid learning-rate=0.05,0.1 --epochs 50
mlp sweep --grid nesterov=no,yes --batch-size 128 --epochs 20 --out runs/nesterov
mlp sweep --grid hidden=50,100,200 --repeats 5 --batch-size 64 --epochs 5

Every combination becomes a run directory of train.py below --out, beside sweep.csv, sweep.png and
sweep.html. The same command with the same --out goes on where it was interrupted. Runs are
compared at the epoch of their lowest validation loss; test rows are measured, never chosen by.
With several seeds, by --repeats or a grid over seed, combinations are compared by their averages.
"""

import argparse
import shlex
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from subprocess import PIPE
from typing import Any

from ..config import TrainingConfig, add_arguments, command_line, differences, flag, from_arguments
from ..datasets.loading import KNOWN_SETS
from ..datasets.split import TASK_SPLIT
from ..files import FileError, absolute, exists, remove, to_json, visible
from ..run import checkpoint
from ..run.directory import create, default_directory, locked, read_config
from ..run.duration import expected_seconds, rounded
from ..run.groups import best_group, compare, grouped
from ..run.pages import optional
from ..run.record import read_record
from ..run.signals import StopSignals
from ..run.sweep import Trial, write_csv
from ..run.sweep_page import Results, table, write_page, write_picture
from .errors import CommandError, guarded
from .grid import OPTIONS, combinations, read_grid, repeat
from .parser import Parser, Status, at_least, named_path
from .streams import print_record

DEFAULT_GRID = "hidden=100,500,1000,2000"


def main(arguments: list[str] | None = None, prog: str = "mlp sweep") -> int:
    """Run the command line; return the exit status."""
    parser = make_parser(prog)
    options = parser.parse_args(arguments)
    return guarded(prog, lambda: sweep(parser, options))


def make_parser(prog: str) -> Parser:
    """Declare the command line."""
    parser = Parser(prog, __doc__)
    parser.add_argument(
        "--grid",
        action="append",
        metavar="OPTION=VALUE,...",
        help="values for an option of training: yes and no where it takes none, blanks between "
        f"several numbers; may be given again for another option (default: {DEFAULT_GRID})",
    )
    parser.add_argument(
        "--out",
        type=named_path,
        metavar="DIR",
        help="sweep directory (default: runs/sweep-<UTC time>)",
    )
    parser.add_argument(
        "--repeats",
        type=at_least(1),
        default=1,
        metavar="N",
        help="train every combination with N seeds, from --seed on; from 3 on, differences are "
        "tested (default: 1)",
    )
    parser.add_argument("--json", action="store_true", help="print the results on stdout")
    parser.add_argument("--quiet", action="store_true", help="print errors and warnings only")
    add_arguments(parser)
    return parser


def sweep(parser: Parser, options: argparse.Namespace) -> int:
    """Check every combination, then train what is not there yet and compare; return the status."""
    grid = read_grid(options.grid or [DEFAULT_GRID])
    for name in grid:
        if hasattr(options, OPTIONS[name].name):
            raise ValueError(f"--{name} is what the grid varies; give it to --grid alone")
    if options.repeats > 1:
        grid = repeat(grid, from_arguments(options).seed, options.repeats)
    trials = combinations(parser, options, grid)
    out = create(options.out or default_directory("sweep-"), numbered=options.out is None)
    for trial in trials:
        trial.directory = out / trial.directory
    words = [f"--grid={name}={','.join(values)}" for name, values in grid.items()]
    command = f"mlp sweep {shlex.join(words)} {command_line(fixed(options, grid))}".rstrip()
    try:
        with locked(out):
            return train_and_compare(trials, out, command, options)
    finally:
        with suppress(OSError):  # as a rule it holds files; after bad input it is empty
            out.rmdir()
            if options.out is None:
                out.parent.rmdir()


def fixed(options: argparse.Namespace, grid: dict[str, list[str]]) -> TrainingConfig:
    """Return the options that the grid leaves alone; those that it varies have their defaults."""
    plain = TrainingConfig()
    varied = {OPTIONS[name].name: getattr(plain, OPTIONS[name].name) for name in grid}
    return replace(from_arguments(options), **varied)


def train_and_compare(
    trials: list[Trial], out: Path, command: str, options: argparse.Namespace
) -> int:
    """Train what is not there yet, and write what came of it all; return the exit status."""
    said: set[str] = set()

    def say(text: str) -> None:
        if not options.quiet:
            print("\n".join(map(visible, text.split("\n"))), file=sys.stderr)

    def warn(text: str) -> None:
        print(visible(text), file=sys.stderr)

    finished = [is_finished(trial) for trial in trials]  # all, before the first is trained
    missing = [trial for trial, done in zip(trials, finished, strict=True) if not done]
    if missing and not options.quiet:
        seconds = expected_seconds([trial.config for trial in missing])
        took = "" if seconds is None else f", about {rounded(seconds)}"
        say(f"{len(missing)} runs to train{took}")
    for number, (trial, done) in enumerate(zip(trials, finished, strict=True), 1):
        say(f"[{number}/{len(trials)}] {trial.label}{': finished before' if done else ''}")
        if not done:
            begin_anew(trial)
            train(trial, said)
        if trial.reason:
            say(trial.reason)
        write_csv(out / "sweep.csv", trials[:number])
    if len({trial.record["data"]["sha256"] for trial in trials if trial.history}) > 1:
        warn(f"warning: the data have changed between the runs of {out}: do not compare them")
    groups = grouped(trials)
    best = best_group(groups)
    results = Results(groups, best, compare(groups, best) if best else [None] * len(groups))
    picture, page = out / "sweep.png", out / "sweep.html"
    with optional(picture, warn):
        write_picture(picture, results)
    with optional(page, warn):
        write_page(page, results, command)
    say(f"{table(results)}\n* the lowest validation loss; every run is read at its own lowest")
    if not results.repeated and len(groups) > 1:
        say("differences are not tested; --repeats 5 tells noise from effect")
    if results.repeated:
        say("± is one standard deviation over the seeds; the split of the rows is fixed")
    say(f"written to {visible(out)}")
    if options.json:
        print_record(to_json({"directory": str(out), **answer(trials, results)}))
    return Status.DONE if best else Status.DIVERGED


def answer(trials: list[Trial], results: Results) -> dict[str, Any]:
    """Return what ``--json`` prints: a line a run, and of several seeds their averages."""
    best = results.best
    runs = [{"options": trial.options, **trial.summary()} for trial in trials]
    if not results.repeated:
        return {"best": best and best.trials[0].directory.name, "runs": runs}
    averages = [
        {
            "options": group.options,
            "finished": len(group.finished),
            **{
                name: {"mean": group.mean(name), "deviation": group.deviation(name)}
                for name in ("valid_loss", "valid_accuracy", "test_accuracy")
            },
            "beside_the_best": comparison
            and {**comparison._asdict(), "verdict": comparison.verdict},
        }
        for group, comparison in zip(results.groups, results.comparisons, strict=True)
    ]
    return {"best": best and best.options, "averages": averages, "runs": runs}


def is_finished(trial: Trial) -> bool:
    """Return whether a run is done, and not begun with other options, done or not."""
    mark = trial.directory / "config.json"
    done = exists(mark) and exists(trial.directory / "run.json")
    if not done and trial.directory.is_symlink():
        raise FileError(f"{trial.directory}: is a link; remove it, or choose another --out")
    if not exists(mark):
        return False
    was, now = read_config(mark), trial.config
    # Earlier versions wrote down what these had come to where they were left open.
    shard_rows, split = now.shard_rows or was.shard_rows, now.split
    if (was.split, split) == (TASK_SPLIT, None):
        record = read_record(trial.directory)
        split = was.split if record and record["data"]["sha256"] in KNOWN_SETS else split
    now = replace(now, data=absolute(now.data), shard_rows=shard_rows, split=split)
    for name, option in differences(was, now).items():
        if option.metadata["weights"]:
            raise ValueError(
                f"{trial.directory}: was trained with {flag(name)} {getattr(was, name)}, not "
                f"{getattr(now, name)}; choose another --out"
            )
    if done:
        trial.read()
    return done


def begin_anew(trial: Trial) -> None:
    """Unmark a run that was interrupted; training replaces the rest, and leaves what is foreign."""
    mark = trial.directory / "config.json"
    if exists(mark):
        with locked(trial.directory):
            checkpoint.remove(trial.directory)
            remove(mark)


def start(words: list[str]) -> "subprocess.Popen[str]":
    """Start a process, whose stderr is read here whatever it is encoded in.

    In a session of its own it has the terminal's signals from here alone, and so just once.
    """
    try:
        return subprocess.Popen(
            words, stderr=PIPE, text=True, errors="backslashreplace", start_new_session=True
        )
    except BlockingIOError as error:
        message = "no process can be started; raise the limit on processes (ulimit -u)"
        raise CommandError(Status.UNUSABLE, message) from error


def train(trial: Trial, said: set[str]) -> None:
    """Run the command train; what it has to say is passed on, but only once in a sweep."""
    words = [sys.executable, "-m", "mlp", "train", *shlex.split(command_line(trial.config))]
    words += ["--out", str(trial.directory), "--quiet"]
    error = ""
    with StopSignals() as stop, start(words) as process:
        stop.pass_on(process.send_signal)
        for line in process.stderr or ():
            if line.startswith("mlp train: error: "):
                error = line.removeprefix("mlp train: error: ").strip()
            elif line not in said:
                said.add(line)
                print(line, end="", file=sys.stderr)
    status = process.returncode
    if stop.received:
        status = Status.SIGNALLED + stop.received  # whatever the run has made of it
    if status == Status.DONE:
        trial.read()
    elif status == Status.DIVERGED:
        trial.reason = error
    elif status > Status.SIGNALLED:
        out = trial.directory.parent
        raise CommandError(status, f"interrupted; the same command with --out {out} goes on")
    else:
        message = error or f"mlp train ended with status {status}"
        raise CommandError(
            status if status > 0 else Status.SIGNALLED - status, f"{trial.label}: {message}"
        )

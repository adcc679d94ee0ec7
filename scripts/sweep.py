"""Train every combination of a grid of options and compare them: the hyperparameter study.

python scripts/sweep.py
python scripts/sweep.py --grid hidden=500,1000,"1000 500" --grid learning-rate=0.05,0.1 --epochs 50
python scripts/sweep.py --grid nesterov=no,yes --batch-size 128 --epochs 20 --out runs/nesterov

Every combination becomes a run directory of train.py below --out, beside sweep.csv, sweep.png and
sweep.html. The same command with the same --out goes on where it was interrupted. Runs are
compared at the epoch of their lowest validation loss; test rows are measured, never chosen by.
"""

import argparse
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from dataclasses import fields, replace
from itertools import product
from pathlib import Path
from subprocess import PIPE

from command_line import Parser, fail
from sweeping import Run
from sweeping.outputs import table, write_csv, write_page, write_picture

from mlp.config import TrainingConfig, add_arguments, command_line, from_arguments
from mlp.run_directory import default_directory, locked, read_config

BAD_INPUT, DIVERGED, INTERRUPTED = 2, 4, 128
TRAIN = Path(__file__).with_name("train.py")
DEFAULT_GRID = "hidden=100,500,1000,2000"
OPTIONS = {option.name.replace("_", "-"): option for option in fields(TrainingConfig)}
# What may differ in a finished run: nothing that the weights are meant to depend on.
NOT_COMPARED = {"device", "strict_device", "threads", "checkpoint_every"}


class SweepError(Exception):
    """The sweep cannot go on: the exit status, and why."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = Parser("sweep.py", __doc__)
    parser.add_argument(
        "--grid",
        action="append",
        metavar="OPTION=VALUE,...",
        help="values for an option of training: yes and no where it takes none, blanks between "
        f"several numbers; may be given again for another option (default: {DEFAULT_GRID})",
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="sweep directory (default: runs/sweep-<UTC time>)"
    )
    parser.add_argument("--json", action="store_true", help="print the results on stdout")
    parser.add_argument("--quiet", action="store_true", help="print errors and warnings only")
    add_arguments(parser)
    options = parser.parse_args(arguments)
    try:
        return sweep(parser, options)
    except SweepError as error:
        status, message = error.args
    except OSError as error:  # a RunDirectoryError is one
        status, message = BAD_INPUT, error
    except KeyboardInterrupt:
        status, message = INTERRUPTED + signal.SIGINT, "interrupted; the same --out goes on"
    return fail("sweep.py", int(status), message)


def sweep(parser: Parser, options: argparse.Namespace) -> int:
    """Train what is not there yet, and write what came of it all."""
    grid = read_grid(options.grid or [DEFAULT_GRID])
    for name in grid:
        if hasattr(options, OPTIONS[name].name):
            raise SweepError(
                BAD_INPUT, f"--{name} is what the grid varies; give it to --grid alone"
            )
    default = default_directory()
    out: Path = options.out or default.with_name(f"sweep-{default.name}")
    runs = combinations(parser, options, grid, out)
    said: set[str] = set()

    def say(text: str) -> None:
        if not options.quiet:
            print(text, file=sys.stderr)

    finished = [is_finished(run) for run in runs]  # all, before the first is trained
    for number, (run, done) in enumerate(zip(runs, finished, strict=True), 1):
        say(f"[{number}/{len(runs)}] {run.label}{': finished before' if done else ''}")
        if done:
            run.read()
        else:
            train(run, said)
        if run.reason:
            say(run.reason)
        write_csv(out / "sweep.csv", runs[:number])
    trained = [run for run in runs if run.history]
    best = min(trained, key=lambda run: run.stop.valid_loss, default=None)
    words = [f"--grid={name}={','.join(values)}" for name, values in grid.items()]
    command = f"{shlex.join(words)} {command_line(from_arguments(options))}".rstrip()
    write_picture(out / "sweep.png", runs)
    write_page(out / "sweep.html", runs, best, f"python scripts/sweep.py {command}")
    say(f"{table(runs, best)}\n* the lowest validation loss; every row is of its own lowest")
    say(f"written to {out}")
    if options.json:
        results = [{"options": run.options, **run.summary()} for run in runs]
        chosen = best and best.directory.name
        print(json.dumps({"directory": str(out), "best": chosen, "runs": results}))
    return 0 if best else DIVERGED


def read_grid(texts: list[str]) -> dict[str, list[str]]:
    """Take ``OPTION=VALUE,...`` apart."""
    grid: dict[str, list[str]] = {}
    for text in texts:
        name, _, values = text.partition("=")
        if name not in OPTIONS or not all(value.strip() for value in values.split(",")):
            expected = "OPTION=VALUE,... with an option of training"
            raise SweepError(BAD_INPUT, f"--grid must be {expected}, got {text!r}")
        if name in grid:
            raise SweepError(
                BAD_INPUT, f"--grid {name} is given twice; put commas between its values"
            )
        grid[name] = [value.strip() for value in values.split(",")]
    return grid


def combinations(
    parser: Parser, options: argparse.Namespace, grid: dict[str, list[str]], out: Path
) -> list[Run]:
    """Make a run of every combination of the grid's values; all are checked here."""
    runs: dict[str, Run] = {}
    for values in product(*grid.values()):
        chosen = dict(zip(grid, values, strict=True))
        words: list[str] = []
        for name, value in chosen.items():
            if OPTIONS[name].default is not False:
                several = "nargs" in OPTIONS[name].metadata["argument"]
                words += [f"--{name}", *(value.split() if several else [value])]
            elif value not in ("yes", "no"):
                raise SweepError(BAD_INPUT, f"--grid {name} takes yes and no, got {value!r}")
            elif value == "yes":
                words.append(f"--{name}")
        try:
            config = from_arguments(parser.parse_args(words), from_arguments(options))
        except ValueError as error:
            raise SweepError(BAD_INPUT, error) from error
        name = "_".join(re.sub(r"[^\w.+-]+", "-", f"{key}-{chosen[key]}") for key in chosen)
        if name in runs:
            raise SweepError(
                BAD_INPUT, f"--grid gives two combinations the name {name}; leave one out"
            )
        runs[name] = Run(chosen, config, out / name)
    return list(runs.values())


def is_finished(run: Run) -> bool:
    """Tell whether a run is done; one that was interrupted is removed, to begin anew."""
    if not (run.directory / "config.json").exists():
        return False
    if not (run.directory / "run.json").exists():
        with locked(run.directory):
            shutil.rmtree(run.directory)
        return False
    was, now = read_config(run.directory / "config.json"), run.config
    now = replace(now, data=os.path.abspath(now.data), shard_rows=now.shard_rows or was.shard_rows)
    for name, option in OPTIONS.items():
        before, value = getattr(was, option.name), getattr(now, option.name)
        if before != value and option.name not in NOT_COMPARED:
            raise SweepError(
                BAD_INPUT,
                f"{run.directory}: was trained with --{name} {before}, not {value}; "
                "choose another --out",
            )
    return True


def train(run: Run, said: set[str]) -> None:
    """Run train.py; what it has to say is passed on, but only once in a sweep."""
    words = [sys.executable, str(TRAIN), *shlex.split(command_line(run.config))]
    words += ["--out", str(run.directory), "--quiet"]
    numbers, error = (signal.SIGINT, signal.SIGTERM), ""
    # In a session of its own it has the terminal's signals from here alone, and so just once.
    with subprocess.Popen(words, stderr=PIPE, text=True, start_new_session=True) as process:
        previous = [signal.signal(n, lambda n, _: process.send_signal(n)) for n in numbers]
        for line in process.stderr or ():
            if line.startswith("train.py: error: "):
                error = line.removeprefix("train.py: error: ").strip()
            elif line not in said:
                said.add(line)
                print(line, end="", file=sys.stderr)
    for number, handler in zip(numbers, previous, strict=True):
        signal.signal(number, handler)
    status = process.returncode
    if status == 0:
        run.read()
    elif status == DIVERGED:
        run.reason = error
    elif status > INTERRUPTED:
        out = run.directory.parent
        raise SweepError(status, f"interrupted; the same command with --out {out} goes on")
    else:
        message = error or f"train.py ended with status {status}"
        raise SweepError(status if status > 0 else INTERRUPTED - status, f"{run.label}: {message}")


if __name__ == "__main__":
    sys.exit(main())

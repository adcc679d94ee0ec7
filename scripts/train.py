"""Train the network and write a run directory.

python scripts/train.py
python scripts/train.py --device cuda --hidden 1000 500 --batch-size 128 --epochs 20
python scripts/train.py --checkpoint-every 10 --out runs/long
python scripts/train.py --resume runs/long
python scripts/train.py --config runs/long/config.json --seed 422
python scripts/train.py --reference keras
mpiexec -n 4 python -m mpi4py scripts/train.py --out runs/four
"""

import argparse
import json
import os
import signal
import sys
import time
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from command_line import Parser, fail, visible
from ranks import Leader, Order, follow
from stop_signals import StopSignals
from tqdm import tqdm

from mlp import (
    DataError,
    Dataset,
    DeviceError,
    DivergedError,
    checkpoint,
    choose_device,
    load,
    run_directory,
)
from mlp.communicator import CommunicatorError, find
from mlp.config import TrainingConfig, add_arguments, command_line, flag, from_arguments
from mlp.dataset import fingerprint
from mlp.device import Device
from mlp.epochs import training_shard_rows
from mlp.keras_reference import keras_device, train_keras
from mlp.report import plot_history, write_report
from mlp.run_directory import RunDirectoryError
from mlp.training import TrainingState, network_sizes, patience_is_over, thread_count, train

BAD_INPUT, BAD_DEVICE, DIVERGED, SIGNALLED = 2, 3, 4, 128
# What may be another when a run goes on: none of these but `epochs` changes the weights.
MAY_CHANGE = {"data", "device", "strict_device", "epochs", "threads", "checkpoint_every"}


class UsageError(ValueError):
    """The options do not go together."""


class StoppedBySignal(Exception):  # noqa: N818 - it is no error
    """Training has stopped as a signal asked; its number, and what to say."""

    def __init__(self, number: int, message: str) -> None:
        super().__init__(message)
        self.number = number


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    name = "train.py"
    try:
        communicator = find()
        if communicator.rank:
            name = f"{name}: rank {communicator.rank}"
            follow(communicator)
            return 0
        with Leader(communicator) as leader:
            return run(make_parser().parse_args(arguments), leader)
    except (CommunicatorError, DataError, RunDirectoryError, UsageError) as error:
        return fail(name, BAD_INPUT, error)
    except ModuleNotFoundError as error:  # an optional framework; it says how to install itself
        return fail(name, BAD_INPUT, error)
    except DeviceError as error:
        return fail(name, BAD_DEVICE, error)
    except DivergedError as error:
        return fail(name, DIVERGED, error)
    except StoppedBySignal as stopped:
        return fail(name, SIGNALLED + stopped.number, stopped)
    except KeyboardInterrupt:
        return fail(name, SIGNALLED + signal.SIGINT, "interrupted")
    except OSError as error:  # rows on disk that are gone, a directory that may not be read
        return fail(name, BAD_INPUT, error)
    except MemoryError as error:
        message = f"not enough memory; lower --hidden or --shard-rows ({error})"
        return fail(name, BAD_INPUT, message)


def make_parser() -> Parser:
    """Declare the command line."""
    parser = Parser("train.py", __doc__)
    add_arguments(parser)
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--out", type=Path, metavar="DIR", help="run directory (default: runs/<UTC time>)"
    )
    where.add_argument(
        "--resume", type=Path, metavar="DIR", help="go on with an unfinished run, to the same bits"
    )
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="config.json of a run, for the defaults",
    )
    parser.add_argument("--no-report", action="store_true", help="write no report.html")
    parser.add_argument("--json", action="store_true", help="print the run record on stdout")
    parser.add_argument("--quiet", action="store_true", help="print errors and warnings only")
    return parser


def configure(options: argparse.Namespace) -> TrainingConfig:
    """Make the configuration from the options and the run they refer to."""
    file = options.config
    if options.resume:
        if file:
            raise UsageError("--resume has a config.json of its own; leave out --config")
        file = options.resume / "config.json"
    base = run_directory.read_config(file) if file else TrainingConfig()
    try:
        config = from_arguments(options, base)
    except ValueError as error:
        raise UsageError(error) from error
    if options.resume:
        for name in sorted(differences(base, config) - MAY_CHANGE):
            raise UsageError(f"{flag(name)} cannot change in a run; start a new one with --config")
    return config


def differences(a: TrainingConfig, b: TrainingConfig) -> set[str]:
    """Name the options in which two configurations differ."""
    return {one.name for one in fields(a) if getattr(a, one.name) != getattr(b, one.name)}


def run(options: argparse.Namespace, leader: Leader) -> int:
    """Train as configured and fill the run directory; return the exit status."""
    started = time.perf_counter()
    config = configure(options)
    directory: Path = options.resume or options.out or run_directory.default_directory()
    record = run_directory.read_record(directory) if options.resume else None
    if record and is_finished(record, config):
        result = record["result"]
        hint = "more --epochs extend it"
        if result["stopped_early"]:
            hint = "early stopping ended it"
        elif checkpoint.load(directory) is None:
            hint = "it has no checkpoint, so more --epochs begin with the first"
        note = f"{directory}: finished after {result['epochs_trained']} epochs; {hint}"
        print(visible(note), file=sys.stderr)
    else:
        if options.resume and config.reference:
            raise UsageError(f"a run of --reference {config.reference} cannot go on; start anew")
        if config.reference and leader.communicator.size > 1:
            raise UsageError(f"--reference {config.reference} trains on one rank")
        if config.reference == "keras":
            device = keras_device(config.device, strict=config.strict_device)
        else:
            device = choose_device(config.device, strict=config.strict_device, tf32=config.tf32)
        if device.notice:
            print(device.notice, file=sys.stderr)
        dataset = load(config.data, split=config.split, split_seed=config.split_seed)
        if not options.resume:
            run_directory.create(directory)
        with run_directory.locked(directory):
            record = train_into(directory, config, device, dataset, options, started, leader)
    if options.json:
        print(json.dumps(record))
    return 0


def is_finished(record: dict[str, Any], config: TrainingConfig) -> bool:
    """Tell whether a run's record leaves nothing to do."""
    result = record["result"]
    return bool(result["stopped_early"] or result["epochs_trained"] >= config.epochs)


def train_into(
    directory: Path,
    config: TrainingConfig,
    device: Device,
    dataset: Dataset,
    options: argparse.Namespace,
    started: float,
    leader: Leader,
) -> dict[str, Any]:
    """Train into a locked directory, from its newest checkpoint on if it has one."""

    def say(text: str) -> None:
        if not options.quiet:
            print(text, file=sys.stderr)

    asked = config  # without what is only recorded, so that the run goes on as it began anywhere
    n_train = dataset.train.labels.shape[0]
    config = replace(
        config,
        data=os.path.abspath(config.data),
        shard_rows=training_shard_rows(config, n_train, device.kind),
    )
    environment = checkpoint.environment(device)
    sizes = network_sizes(dataset, config)
    state = None
    if options.resume:
        state = resumed_state(directory, config, sizes, dataset.sha256, environment)
    run_directory.write_config(directory, config, resumed=bool(options.resume))
    if state is None:  # what lies there is of another run
        checkpoint.remove(directory)
    for note in dataset.notes:
        say(f"note: {note}")
    on_device = device.put_dataset(dataset)
    communicator = leader.communicator
    threads = thread_count(config, on_device, communicator)
    ranks = f"{communicator.size} ranks of " if communicator.size > 1 else ""
    say(
        f"{' - '.join(map(str, sizes))} on {device.used} ({device.library}, {ranks}{threads} "
        f"threads), {n_train} training rows"
    )
    history = state.history if state else ()
    bar = tqdm(
        total=config.epochs,
        initial=len(history),
        unit="epoch",
        disable=options.quiet or not sys.stderr.isatty(),
    )

    def save(state: TrainingState) -> None:
        checkpoint.save(directory, state, config, dataset.sha256, environment)

    def on_epoch(state: TrainingState) -> None:
        row = state.history[-1]
        writer.write(row)
        if config.checkpoint_every and row.epoch and row.epoch % config.checkpoint_every == 0:
            save(state)
        bar.set_postfix_str(
            f"loss {row.train_loss:.4f}, validation accuracy {row.valid_accuracy:.4f}",
            refresh=False,
        )
        bar.update(row.epoch - bar.n)

    order = Order(config, state, device.kind, dataset.sha256, fingerprint(dataset), environment)
    leader.say(order)
    # A signal after the last epoch finds a whole state on disk, and the run writes its files.
    with StopSignals() as stop:
        with run_directory.MetricsWriter(directory, history) as writer, bar:
            if config.reference == "keras":
                state = train_keras(on_device, config, on_epoch=on_epoch, stop=stop)
            else:
                state = train(
                    on_device,
                    config,
                    state=state,
                    communicator=communicator,
                    on_epoch=on_epoch,
                    stop=stop,
                )
        signalled = communicator.combine([], stop.received or 0)
        stopped_early = patience_is_over(state, config)
        if not config.reference:
            save(state)
        if signalled and state.epoch < config.epochs and not stopped_early:
            advice = f"go on with --resume {directory}"
            if config.reference:
                advice = "start again with another --out"
            raise StoppedBySignal(signalled, f"interrupted after epoch {state.epoch}; {advice}")
        seconds = time.perf_counter() - started + sum(row.seconds for row in history)
        record = run_directory.record(
            dataset, device, threads, state, stopped_early, seconds, communicator.size
        )
        metadata = run_directory.model_metadata(dataset)
        run_directory.save_model(directory / "model.safetensors", state.result_parameters, metadata)
        for quantity in ("loss", "accuracy"):
            plot_history(state.history, quantity, directory / f"{quantity}.png")
        if not options.no_report:
            write_report(
                directory / "report.html",
                record=record,
                config=config,
                history=state.history,
                dataset=dataset,
                parameters=state.result_parameters,
                command=f"python scripts/train.py {command_line(asked)}".rstrip(),
            )
        run_directory.write_json(directory / "run.json", record)
        communicator.barrier()  # until here the other ranks note signals too
    if not config.checkpoint_every:
        checkpoint.remove(directory)
    say(summary(record, directory))
    return record


def resumed_state(
    directory: Path,
    config: TrainingConfig,
    sizes: tuple[int, ...],
    data_sha256: str,
    environment: dict[str, str],
) -> TrainingState | None:
    """Load what a run goes on from, and say what that means; None starts it again."""

    def warn(text: str) -> None:
        print(f"warning: {visible(text)}", file=sys.stderr)

    found = checkpoint.load(directory)
    if found is None:
        print(f"{directory}: no checkpoint yet, starting again from epoch 0", file=sys.stderr)
        return None
    for warning in found.warnings:
        warn(warning)
    checkpoint.check_fits(found, sizes, config.dtype, data_sha256)
    if found.state.epoch > config.epochs:
        raise UsageError(f"--epochs must be at least the {found.state.epoch} that are done")
    for name in sorted(differences(found.config, config) - MAY_CHANGE):
        raise UsageError(
            f"{directory}: its config.json and its checkpoint differ in {flag(name)}; "
            "start a new run with --config"
        )
    print(f"{directory}: going on after epoch {found.state.epoch}", file=sys.stderr)
    for name, value in environment.items():
        if (before := found.environment.get(name)) != value:
            warn(f"{name} was {before} and is {value}: the last bits may differ from one run's")
    if config.epochs != found.config.epochs and config.schedule != "constant":
        warn(
            f"the {config.schedule} schedule depends on --epochs, {found.config.epochs} before: "
            f"the weights will not be those of {config.epochs} epochs in one run"
        )
    return found.state


def summary(record: dict[str, Any], directory: Path) -> str:
    """Lay out what came of the run as a small table."""
    result, timing = record["result"], record["timing"]
    lines = [f"{'':<12}{'loss':>10}{'accuracy':>10}"]
    for split, name in (("train", "training"), ("valid", "validation"), ("test", "test")):
        lines.append(
            f"{name:<12}{result[f'{split}_loss']:>10.4f}{result[f'{split}_accuracy']:>10.4f}"
        )
    lines += [
        f"weights of epoch {result['epochs']}; lowest validation loss at epoch "
        f"{result['best_valid_epoch']}",
        f"{timing['total_s']:.1f} s in all, {timing['epoch_median_s']:.3f} s an epoch (median)",
        f"written to {directory}",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())

"""Train the network and write a run directory.

python scripts/train.py
python scripts/train.py --device cuda --hidden 1000 500 --batch-size 128 --epochs 20
python scripts/train.py --reference keras
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

from tqdm import tqdm

from mlp import DataError, DeviceError, DivergedError, choose_device, load, run_directory
from mlp.config import TrainingConfig, add_arguments, from_arguments
from mlp.keras_reference import keras_device, train_keras
from mlp.report import plot_history
from mlp.run_directory import RunDirectoryError
from mlp.training import TrainingState, network_sizes, thread_count, train

BAD_INPUT, BAD_DEVICE, DIVERGED, INTERRUPTED = 2, 3, 4, 130


class Parser(argparse.ArgumentParser):
    """Says what is wrong with the command line in one line."""

    def error(self, message: str) -> NoReturn:
        """Exit with status 2."""
        self.exit(BAD_INPUT, f"{self.prog}: error: {message}; see --help\n")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = Parser(
        prog="train.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_arguments(parser)
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="run directory (default: runs/<UTC time>)"
    )
    parser.add_argument("--json", action="store_true", help="print the run record on stdout")
    parser.add_argument("--quiet", action="store_true", help="print errors and warnings only")
    options = parser.parse_args(arguments)
    try:
        config = from_arguments(options)
    except ValueError as error:
        return fail(BAD_INPUT, error)
    directory = options.out or run_directory.default_directory()
    try:
        run(config, directory, quiet=options.quiet, print_json=options.json)
    except (DataError, RunDirectoryError) as error:
        return fail(BAD_INPUT, error)
    except ModuleNotFoundError as error:  # an optional framework; it says how to install itself
        return fail(BAD_INPUT, error)
    except DeviceError as error:
        return fail(BAD_DEVICE, error)
    except DivergedError as error:
        return fail(DIVERGED, error)
    except KeyboardInterrupt:
        return fail(INTERRUPTED, "interrupted")
    return 0


def fail(status: int, message: object) -> int:
    """Say why in one line on stderr."""
    print(f"train.py: error: {message}", file=sys.stderr)
    return status


def run(config: TrainingConfig, directory: Path, *, quiet: bool, print_json: bool) -> None:
    """Train as configured and fill the run directory."""
    started = time.perf_counter()

    def say(text: str) -> None:
        if not quiet:
            print(text, file=sys.stderr)

    if config.reference == "keras":
        device = keras_device(config.device, strict=config.strict_device)
    else:
        device = choose_device(config.device, strict=config.strict_device, tf32=config.tf32)
    if device.notice:
        print(device.notice, file=sys.stderr)
    dataset = load(config.data, split=config.split, split_seed=config.split_seed)
    run_directory.create(directory, config)
    for note in dataset.notes:
        say(f"note: {note}")
    on_device = device.put_dataset(dataset)
    threads = thread_count(config, on_device)
    say(
        f"{' - '.join(map(str, network_sizes(dataset, config)))} on {device.used} "
        f"({device.library}, {threads} threads), {dataset.train.labels.shape[0]} training rows"
    )
    bar = tqdm(total=config.epochs, unit="epoch", disable=quiet or not sys.stderr.isatty())
    with run_directory.MetricsWriter(directory) as writer, bar:

        def on_epoch(state: TrainingState) -> None:
            row = state.history[-1]
            writer.write(row)
            bar.set_postfix_str(
                f"loss {row.train_loss:.4f}, validation accuracy {row.valid_accuracy:.4f}",
                refresh=False,
            )
            bar.update(row.epoch - bar.n)

        trainer = train_keras if config.reference == "keras" else train
        state = trainer(on_device, config, on_epoch=on_epoch)
    total = time.perf_counter() - started
    record = run_directory.record(dataset, device, threads, state, total)
    metadata = run_directory.model_metadata(dataset)
    run_directory.save_model(directory / "model.safetensors", state.result_parameters, metadata)
    for quantity in ("loss", "accuracy"):
        plot_history(state.history, quantity, directory / f"{quantity}.png")
    run_directory.write_json(directory / "run.json", record)
    say(summary(record, directory))
    if print_json:
        print(json.dumps(record))


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

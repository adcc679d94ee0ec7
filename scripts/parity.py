"""Train with other libraries from the same weights on the same rows, and compare every epoch.

python scripts/parity.py --against torch notebook
python scripts/parity.py --dtype float64 float32 --write-table scripts/BENCHMARKS.md
"""

import argparse
import math
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from markdown import marked, table, write_marked
from peers import ONLY_ON_GPU, PEERS, PeerError, check
from peers.compare import BOUNDS, FLOAT32_EPOCHS, Comparison, run

from mlp import (
    DataError,
    Dataset,
    TrainingConfig,
    load,
)
from mlp.commands.errors import guarded
from mlp.commands.parser import Parser, Status, at_least, named_path
from mlp.commands.streams import print_record
from mlp.config import add_arguments, from_arguments
from mlp.figure import new_figure
from mlp.files import replacing, to_json, write, write_json
from mlp.run.directory import create, default_directory

TRAINING = ["data", "device", "hidden", "epochs", "momentum"]  # its options, taken as they are
# scikit-learn shows no logits, and nobody sees into a step of a graph.
COMPARABLE = [name for name in PEERS if name not in ("sklearn", *ONLY_ON_GPU)]

SHOWN = ("loss", "logits", "gradients", "parameters")  # in the table


def take_rows(dataset: Dataset, rows: int | None) -> Dataset:
    """Keep the first training rows, and of the other splits at most a fifth as many."""
    available = len(dataset.train.labels)
    if rows is None:
        return dataset
    if rows > available:
        raise DataError(f"--rows must be at most the {available} training rows, got {rows}")
    fewer = dataset.map(lambda split: split.take(slice(0, math.ceil(rows / 5))))
    return replace(fewer, train=dataset.train.take(slice(0, rows)))


def lines_of(comparisons: list[Comparison]) -> list[list[str]]:
    """Lay the comparisons out, a line of cells each, under a heading and a rule."""
    heading = ["against", "precision", "epochs", *SHOWN, "test accuracy, ours / theirs"]
    lines = [[*heading, "within bounds"], ["---"] * (len(heading) + 1)]
    for one in comparisons:
        versions = ", ".join(f"{name} {version}" for name, version in one.versions.items())
        what = "the notebook's way" if one.peer == "notebook" else one.peer
        seed = "" if one.seed == TrainingConfig.seed else f", seed {one.seed}"
        ours, theirs = (one.accuracies[who][-1] for who in ("ours", "peer"))
        lines.append(
            [
                f"{what} ({versions})",
                f"{one.dtype}{seed}",
                str(one.epochs),
                *(f"{one.largest(name):.1e}" for name in SHOWN),
                f"{ours:.4f} / {theirs:.4f}",
                "yes" if one.summary()["passed"] else "**no**",
            ]
        )
    return lines


def write_table(path: Path, comparisons: list[Comparison]) -> None:
    """Put the table between the markers of a Markdown file.

    Lines there of other peers, precisions or seeds stay, so that the table can be made in parts.
    """

    def key(cells: list[str]) -> tuple[str, str]:
        return cells[0].split("(")[0].strip(), cells[1]

    heading, rule, *new = lines_of(comparisons)
    old = [line.strip("| ").split(" | ") for line in marked(path, "parity")[1].split("\n")]
    written = {key(cells) for cells in new}
    kept = [cells for cells in old if len(cells) == len(heading)][2:]
    lines = [*(cells for cells in kept if key(cells) not in written), *new]
    write_marked(path, "parity", table([heading, rule, *sorted(lines, key=key)]))


def plot(comparisons: list[Comparison], path: Path) -> None:
    """Draw the relative difference of the loss at every epoch, and the bounds, on a log axis."""
    figure = new_figure((7, 4.5))
    axes = figure.add_subplot()
    for one in comparisons:
        # A difference of exactly 0 has no place on a log axis; half a unit in the last place has.
        values = np.maximum(one.series["loss"], np.finfo(np.float64).eps / 2)
        axes.semilogy(values, label=f"{one.peer} {one.dtype}, seed {one.seed}", linewidth=1.2)
    for dtype in sorted({one.dtype for one in comparisons}):
        bound = BOUNDS[dtype]["loss"]
        last = min(FLOAT32_EPOCHS, comparisons[0].epochs) if dtype == "float32" else None
        axes.plot([0, last or comparisons[0].epochs], [bound, bound], "k--", linewidth=1)
        axes.annotate(f"bound, {dtype}", (0, bound), (2, 4), textcoords="offset points")
    axes.set_xlabel("Epoch")
    axes.set_ylabel("Relative difference of the loss")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=150)


def make_parser() -> Parser:
    """Declare the command line."""
    parser = Parser(
        "parity.py",
        __doc__,
        epilog="exit status: 0 all bounds kept, 1 one exceeded, 2 bad usage, 3 a peer is absent",
    )
    add = parser.add_argument
    add(
        "--against",
        nargs="+",
        choices=COMPARABLE,
        default=COMPARABLE,
        metavar="PEER",
        help=f"any of {', '.join(COMPARABLE)} (default: all)",
    )
    add("--dtype", nargs="+", choices=list(BOUNDS), default=["float64"], help="(default: float64)")
    add(
        "--seed", type=int, nargs="+", default=[TrainingConfig.seed], metavar="N", help="of weights"
    )
    add("--rows", type=at_least(1), metavar="N", help="training rows, and a fifth of the others")
    add_arguments(parser, TRAINING, TrainingConfig(device="cpu"))
    add("--peer-device", default="cpu", choices=["cpu", "cuda"], help="(default: cpu)")
    add("--out", type=named_path, metavar="DIR", help="(default: runs/parity-<UTC time>)")
    add(
        "--write-table",
        type=named_path,
        metavar="FILE",
        help="also put the table into a Markdown file, between <!-- parity:begin --> and "
        "<!-- parity:end -->",
    )
    add("--json", action="store_true", help="print the results on stdout as JSON")
    add("--quiet", action="store_true", help="print errors only on stderr")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    return guarded(
        "parity.py",
        lambda: parity(make_parser().parse_args(arguments)),
        {PeerError: Status.UNUSABLE},
    )


def parity(options: argparse.Namespace) -> int:
    """Compare with every peer; return the exit status."""
    for name in options.against:
        check(name)
    base = from_arguments(options, TrainingConfig(device="cpu"), TRAINING)
    configs = [
        replace(base, dtype=dtype, seed=seed) for dtype in options.dtype for seed in options.seed
    ]
    dataset = take_rows(load(base.data), options.rows)
    directory = create(options.out or default_directory("parity-"), numbered=options.out is None)
    comparisons = []
    for one in run(options.against, configs, dataset, options.peer_device, quiet=options.quiet):
        comparisons.append(one)
        if not options.quiet:
            print(
                f"{one.peer} {one.dtype} seed {one.seed}: loss within {one.largest('loss'):.1e}"
                f" over {one.epochs} epochs, {one.seconds:.0f} s of it the peer's",
                file=sys.stderr,
            )
    results = [one.summary() for one in comparisons]
    series = [one.series for one in comparisons]
    plot(comparisons, directory / "parity.png")
    text = table(lines_of(comparisons))
    write(directory / "parity.md", text + "\n")
    record = {
        "arguments": {name: str(value) for name, value in vars(options).items()},
        "results": [a | {"series": b} for a, b in zip(results, series, strict=True)],
    }
    write_json(directory / "parity.json", record)
    if options.write_table:
        write_table(options.write_table, comparisons)
    if options.json:
        print_record(to_json({"results": results}))
    elif not options.quiet:
        print(text)
    return Status.DONE if all(result["passed"] for result in results) else Status.FAILED


if __name__ == "__main__":
    sys.exit(main())

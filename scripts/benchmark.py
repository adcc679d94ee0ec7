"""Time this project against other libraries on the same training, and against its own floor.

python scripts/benchmark.py --batch-size full 128 --write-table README.md
python scripts/benchmark.py --against torch jax --rounds 7
python scripts/benchmark.py --growth
python scripts/benchmark.py --ranks 1 2 --batch-size full 128
python scripts/benchmark.py --choose-recipe
python scripts/benchmark.py --to-accuracy --recipe "64 0.1 one-cycle 5"

An epoch trains on the training rows and evaluates the others. Each contestant runs in its own
process, in the way its documentation recommends for speed on a CPU; all start from the same weights
and must reach the same losses. Rounds are interleaved; ratios are taken round by round.
"""

import argparse
import dataclasses
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks import growth, layout, recipes, scaling
from benchmarks.process import Entry, check_installed, limited_to
from benchmarks.rounds import (
    LossError,
    Measured,
    interleave,
    loss_tolerance,
    measure_starts,
    ratios,
    spread,
)
from peers import PEERS, PeerError

from mlp import DataError, TrainingConfig
from mlp import load as load_data
from mlp.commands.parser import Parser, fail
from mlp.executor import available_threads
from mlp.files import FileError, write_json
from mlp.installation import LETTERS
from mlp.run.directory import default_directory

DIFFERENT, BAD_INPUT, ABSENT, INTERRUPTED = 1, 2, 3, 130
RIVALS = ["floor", "numpy", *PEERS]
MOST_EPOCHS = 10**6  # a contestant goes on until it is told to stop
DISTORTING = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = Parser(
        "benchmark.py",
        __doc__,
        epilog="exit status: 0 done, 1 a contestant does another training, 2 bad usage, "
        "3 a contestant is absent or fails",
    )

    def positive(text: str) -> int:
        if int(text) < 1:
            raise ValueError
        return int(text)

    def batch(text: str) -> int | None:
        return None if text == "full" else positive(text)

    positive.__name__, batch.__name__ = "number of at least 1", "batch size"
    option = parser.add_argument
    mode = parser.add_mutually_exclusive_group().add_argument
    mode(
        "--growth",
        action="store_true",
        help="rows x1, 2, 4, 8 and hidden units x1, 2, 4, and fitted exponents",
    )
    mode(
        "--to-accuracy",
        action="store_true",
        help="time to the test accuracy that the task's own recipe ends with",
    )
    mode(
        "--choose-recipe",
        action="store_true",
        help="find the shortest recipe as good as the task's on validation rows",
    )
    mode(
        "--ranks",
        type=positive,
        nargs="+",
        metavar="N",
        help="MPI ranks of one thread, on the same training and on a larger one",
    )
    option(
        "--against",
        nargs="*",
        choices=RIVALS,
        metavar="NAME",
        help=f"any of {', '.join(RIVALS)} (default: all; with --growth none; no use with --ranks)",
    )
    option(
        "--batch-size",
        type=batch,
        nargs="+",
        default=[None],
        metavar="N|full",
        help="one or more, timed one after the other (default: full)",
    )
    option(
        "--rows",
        type=positive,
        metavar="N",
        help="training rows, and as many of the others in proportion; more than there are "
        "repeats them (default: 10000)",
    )
    option(
        "--hidden",
        type=positive,
        nargs="+",
        default=[1000],
        metavar="UNITS",
        help="units of each hidden layer (default: 1000)",
    )
    option(
        "--learning-rate",
        type=float,
        default=TrainingConfig.learning_rate,
        metavar="ALPHA",
        help=f"of the timed epochs (default: {TrainingConfig.learning_rate})",
    )
    option("--rounds", type=positive, default=5, metavar="N", help="interleaved (default: 5)")
    option("--epochs", type=positive, default=5, metavar="N", help="in a round (default: 5)")
    option(
        "--starts",
        type=int,
        default=3,
        metavar="N",
        help="fresh processes timed to the first epoch, or 0 (default: 3)",
    )
    option(
        "--threads",
        type=positive,
        default=available_threads(),
        metavar="N",
        help="cores that every contestant may use (default: all of them)",
    )
    option(
        "--recipe",
        type=recipes.parse,
        default=recipes.RECOMMENDED,
        metavar="RECIPE",
        help="batch size, rate, schedule, epochs (default: '%(default)s')",
    )
    option(
        "--constant-recipe",
        type=recipes.parse,
        default=recipes.CONSTANT,
        metavar="RECIPE",
        help="one that the others can follow too (default: '%(default)s')",
    )
    option(
        "--seed",
        type=int,
        default=TrainingConfig.seed,
        metavar="N",
        help=f"of the weights and the order (default: {TrainingConfig.seed})",
    )
    option(
        "--data",
        default=str(LETTERS),
        metavar="PATH",
        help="data set, see train.py (default: data/glyphs.npz)",
    )
    option(
        "--out",
        type=Path,
        metavar="DIR",
        help="for benchmark.json, .md and .png (runs/benchmark-<UTC time>)",
    )
    option(
        "--write-table",
        type=Path,
        metavar="FILE",
        help="also put the table into a Markdown file, between <!-- benchmark:begin --> and "
        "<!-- benchmark:end -->; growth: and accuracy: with those modes",
    )
    option("--json", action="store_true", help="print the results on stdout as JSON")
    option("--quiet", action="store_true", help="print errors and warnings only on stderr")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    chosen = parse(arguments)
    default = default_directory()
    directory: Path = chosen.out or default.with_name(f"benchmark-{default.name}")

    def say(text: str) -> None:
        if not chosen.quiet:
            print(text, file=sys.stderr, flush=True)

    try:
        rivals = chosen.against
        if rivals is None:
            rivals = [] if chosen.growth or chosen.ranks else RIVALS
        for name in rivals:
            check_installed(name)
        config = TrainingConfig(
            data=chosen.data,
            device="cpu",
            hidden=tuple(chosen.hidden),
            epochs=MOST_EPOCHS,
            learning_rate=chosen.learning_rate,
            seed=chosen.seed,
            threads=chosen.threads,
        )
        with limited_to(chosen.threads):
            pass  # an impossible number is told before anything is timed
        mode, measure = modes(chosen)
        if chosen.write_table:
            layout.marked(chosen.write_table, mode)
        for warning in warnings(chosen.threads):
            print(f"warning: {warning}", file=sys.stderr)
        directory.mkdir(parents=True, exist_ok=True)
        record, text = measure(chosen, config, ["ours", *rivals], directory, say)
        record = {"mode": mode, "machine": machine(chosen.threads)} | record
        write_json(directory / "benchmark.json", record)
        (directory / "benchmark.md").write_text(text + "\n", encoding="utf-8")
        if chosen.write_table:
            layout.write_marked(chosen.write_table, mode, text)
    except LossError as error:
        return fail("benchmark.py", DIFFERENT, error)
    except PeerError as error:
        return fail("benchmark.py", ABSENT, error)
    except (DataError, FileError, OSError, ValueError) as error:
        return fail("benchmark.py", BAD_INPUT, error)
    except KeyboardInterrupt:
        return fail("benchmark.py", INTERRUPTED, "interrupted")
    if chosen.json:
        print(json.dumps(record))
    elif not chosen.quiet:
        print(text)
    return 0


def warnings(threads: int) -> list[str]:
    """Tell what makes the figures others than those of a plain installation left alone."""
    found = [
        f"{name} is set: these are not the figures of a plain installation"
        for name in DISTORTING
        if name in os.environ
    ]
    load = os.getloadavg()[0]
    if load > threads / 2:
        found.append(f"others use this machine (load average {load:.1f}): expect noise")
    return found


Measure = Callable[
    [argparse.Namespace, TrainingConfig, list[str], Path, Callable[[str], None]],
    tuple[dict[str, Any], str],
]


def modes(chosen: argparse.Namespace) -> tuple[str, Measure]:
    """Give what is to be measured: its name in the markers, and the function that does it."""
    if chosen.growth:
        return "growth", measure_growth
    if chosen.ranks:
        return "ranks", measure_ranks
    if chosen.to_accuracy:
        return "accuracy", measure_accuracy
    if chosen.choose_recipe:
        return "recipe", choose_recipe
    return "benchmark", measure_speed


def measure_speed(
    chosen: argparse.Namespace, config: TrainingConfig, names: list[str], directory: Path, say: Any
) -> tuple[dict[str, Any], str]:
    """Time epochs and starts, and draw the chart."""
    results: dict[str, dict[str, Measured]] = {}
    for size in chosen.batch_size:
        entries = {
            name: Entry(name, replace(config, batch_size=size), chosen.rows) for name in names
        }
        say(f"-- {layout.batch_title(str(size or 'full'))}")
        measured = interleave(entries, chosen.rounds, chosen.epochs, say)
        once = {n: e._replace(config=replace(e.config, epochs=1)) for n, e in entries.items()}
        for name, seconds in measure_starts(once, chosen.starts, say).items():
            measured[name].starts = seconds
        results[str(size or "full")] = measured
    figures = layout.figures(results)
    tolerances = " and ".join(
        f"{loss_tolerance(size):.0e} ({layout.batch_title(str(size or 'full'))})"
        for size in chosen.batch_size
    )
    what = " - ".join(map(str, config.hidden))
    note = (
        f"Hidden units {what}, {chosen.rows or config.split[0]:,} training rows and the others "
        f"evaluated, float32 but for the notebook; median of {chosen.rounds} interleaved rounds of "
        f"{chosen.epochs} epochs (least to most); losses equal within {tolerances}."
    )
    where = described(machine(chosen.threads), measured["ours"])
    text = "\n\n".join(
        [layout.speed_table(results), f"{note} {where}", layout.figure_lines(figures)]
    )
    layout.plot(results, directory / "benchmark.png", where)
    return {
        "loss_tolerance": {str(n or "full"): loss_tolerance(n) for n in chosen.batch_size},
        "figures": {k: {n: v._asdict() for n, v in one.items()} for k, one in figures.items()},
        "results": {
            batch: {name: dataclasses.asdict(one) for name, one in by_name.items()}
            for batch, by_name in results.items()
        },
    }, text


def measure_growth(
    chosen: argparse.Namespace, config: TrainingConfig, names: list[str], directory: Path, say: Any
) -> tuple[dict[str, Any], str]:
    """Time more rows and wider layers, and fit exponents."""
    config = replace(config, batch_size=chosen.batch_size[0])
    texts, record = [], {}
    with tempfile.TemporaryDirectory() as folder:
        # Only an archive of images can be written out as rows on disk.
        on_disk = Path(folder) if chosen.rows is None and chosen.data.endswith(".npz") else None
        if on_disk:
            growth.write_folders(chosen.data, on_disk)
        for name in names:
            entries = growth.entries(
                Entry(name, config, chosen.rows), on_disk if name == "ours" else None
            )
            titles = {f"{name}, {key[0]} x{key[1]}": key for key in entries}
            seen = interleave(
                {title: entries[key] for title, key in titles.items()},
                chosen.rounds,
                chosen.epochs,
                say,
            )
            measured = {titles[title]: one for title, one in seen.items()}
            fits = growth.exponents(measured)
            texts.append(f"{layout.TITLES[name]}:\n\n{layout.growth_table(measured, fits)}")
            sizes = {title: dataclasses.asdict(one) for title, one in seen.items()}
            record[name] = {"exponents": fits, "sizes": sizes}
    return {"results": record}, "\n\n".join(texts)


def measure_ranks(
    chosen: argparse.Namespace, config: TrainingConfig, names: list[str], directory: Path, say: Any
) -> tuple[dict[str, Any], str]:
    """Time one and more ranks, and set a model of many beside them."""
    ranks = sorted({1, *chosen.ranks})
    if ranks[-1] > available_threads():
        raise ValueError(
            f"--ranks must be at most the {available_threads()} cores this process may use, "
            f"got {ranks[-1]}: a rank that waits keeps its core busy"
        )
    series = scaling.points(ranks)
    texts, record = [], {}
    for size in chosen.batch_size:
        title = layout.batch_title(str(size or "full"))
        say(f"-- {title}")
        one = replace(config, batch_size=size)
        seen, costs = scaling.measure(one, ranks, chosen.rows, chosen.rounds, chosen.epochs, say)
        alone = spread(seen[scaling.Point(1, 1)].seconds).median
        cut = scaling.shape(one, chosen.rows)
        models = [
            [scaling.predict(cut, alone, network, n) for n in scaling.MODELLED]
            for network in (costs, costs.over_ethernet())
        ]
        threads = {
            n: ratios(seen[scaling.Point(1, n)].seconds, seen[scaling.Point(n, 1)].seconds)
            for n in ranks[1:]
        }
        lines = [
            f"- {n} ranks / {n} threads, speed: {layout.ranged(ratio, '.2f')}"
            for n, ratio in threads.items()
        ]
        lines.append(
            f"- between 2 ranks: {1e6 * costs.exchange:.0f} us for nothing but the flags, "
            f"{costs.bandwidth / 1e9:.1f} GB/s for gradients; an update {1e3 * costs.update:.1f} ms"
        )
        texts.append(
            f"{title}:\n\n{layout.ranks_table(seen, series)}\n\n"
            + "\n".join(lines)
            + f"\n\n{layout.model_table(seen, *models)}"
        )
        record[str(size or "full")] = {
            "points": [point._asdict() | one._asdict() for point, one in seen.items()],
            "costs": costs._asdict(),
            "model": {"ranks": scaling.MODELLED, "one_host": models[0], "ethernet": models[1]},
        }
    return {"results": record}, "\n\n".join(texts)


def measure_accuracy(
    chosen: argparse.Namespace, config: TrainingConfig, names: list[str], directory: Path, say: Any
) -> tuple[dict[str, Any], str]:
    """Time the task's recipe and the chosen ones to the same test accuracy."""
    names = [name for name in names if name != "floor"]
    results = recipes.to_accuracy(
        names, config, chosen.recipe, chosen.constant_recipe, chosen.rounds, chosen.rows, say
    )
    used = {"task": recipes.TASK, "constant": chosen.constant_recipe, "recommended": chosen.recipe}
    ratio = recipes.speed_up(results)
    lines = [
        layout.accuracy_table(results, used),
        f"Seconds of training to {results['target']:.2%} of the test rows, what the task's recipe "
        f"ends with; median of {chosen.rounds} runs with different seeds (the task's recipe: one).",
        "The recommended recipe did not get there in most runs."
        if ratio is None
        else f"Recommended recipe / task's recipe, ours: 1/{ratio:.0f}",
    ]
    return {"recipes": {k: str(v) for k, v in used.items()}, "speed_up": ratio} | results, (
        "\n\n".join(lines)
    )


def choose_recipe(
    chosen: argparse.Namespace, config: TrainingConfig, names: list[str], directory: Path, say: Any
) -> tuple[dict[str, Any], str]:
    """Print the recipes chosen on validation rows."""
    found = recipes.choose(load_data(chosen.data), config, say)
    lines = [
        f"{kind}: {recipe} (validation accuracy {accuracy:.4f})"
        for kind, (recipe, accuracy) in found.items()
    ]
    return {"recipes": {k: [str(r), accuracy] for k, (r, accuracy) in found.items()}}, (
        "\n".join(lines) or "no recipe of the grid is as good as the task's"
    )


def machine(threads: int) -> dict[str, Any]:
    """Describe what the figures were measured on."""
    model = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    load = os.getloadavg()[0]
    return {
        "cpu": model,
        "threads": threads,
        "system": platform.system(),
        "python": platform.python_version(),
        "load_average": load,
    }


def described(where: dict[str, Any], ours: Measured) -> str:
    """Name the CPU, and the BLAS that threadpoolctl finds in ours' process."""
    blas = "; ".join(
        f"{one['internal_api']} {one['version']} {one['architecture'] or ''}".strip()
        for one in ours.blas
    )
    return (
        f"{where['cpu']}, {where['threads']} threads, {where['system']}, Python {where['python']}, "
        f"NumPy {ours.versions['numpy']} with {blas}."
    )


if __name__ == "__main__":
    sys.exit(main())

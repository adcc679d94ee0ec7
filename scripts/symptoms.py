"""Measure what the mistakes of a first implementation look like while it trains.

python scripts/symptoms.py
python scripts/symptoms.py --write-table mlp/README.md

A small network (784-100-10 in plain NumPy, float64, 1000 of the embedded letters to train and 500
to validate, full batch, 40 epochs) is trained as a student would write it, once without a mistake
and once with each; what is seen then is put into words by the same rules for all.
"""

import functools
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from markdown import table, write_marked

from mlp import Rows, load
from mlp.commands.errors import guarded
from mlp.commands.parser import Parser, Status

Array = np.ndarray[Any, np.dtype[Any]]

ROWS, VALID, HIDDEN, EPOCHS = 1000, 500, 100, 40
RATE, MOMENTUM, START = 0.1, 0.9, 1e-5
FALL = 0.07  # of the accuracy, from one epoch to the next, that is called a jump


def softmax(z: Array) -> Array:
    """Compute probabilities (N, K), row by row."""
    e = np.exp(z - np.max(z, axis=1, keepdims=True))
    return np.asarray(e / np.sum(e, axis=1, keepdims=True))


def loss(y: Array, p: Array) -> float:
    """Compute the average cross-entropy as the textbook writes it."""
    return -float(np.sum(y * np.log(p))) / len(y)


def accuracy(y: Array, p: Array) -> float:
    """Compute the share of right predictions."""
    return float(np.mean(np.argmax(y, axis=1) == np.argmax(p, axis=1)))


@dataclass(frozen=True)
class Code:
    """The parts of a training program, each of which may be the one with a mistake."""

    softmax: Callable[[Array], Array] = softmax
    loss: Callable[[Array, Array], float] = loss
    accuracy: Callable[[Array, Array], float] = accuracy
    error: Callable[[Array, Array, Array], Array] = lambda y, z, p: (p - y) / len(y)
    mask: Callable[[Array], Array] = lambda s: s > 0
    deviation: Callable[[int, int], float] = lambda a, b: float(np.sqrt(2 / (a + b)))
    rate: float = RATE
    momentum: float = MOMENTUM
    velocity: float = START
    scale: float = 1 / 255
    shuffled: bool = False  # the labels, not the images


class Defect(NamedTuple):
    """A mistake: its name, its section of mlp/README.md, and the code that has it."""

    cause: str
    section: str
    code: Code


DEFECTS = [
    Defect(
        "the gradient is a sum over the rows, the learning rate that of an average",
        "Defects of the original notebook",
        Code(error=lambda y, z, p: p - y),
    ),
    Defect("pixels are not divided by 255", "The network", Code(scale=1.0)),
    Defect(
        "softmax without the maximum, and pixels that are not divided",
        "Softmax",
        Code(softmax=lambda z: np.exp(z) / np.sum(np.exp(z), axis=1, keepdims=True), scale=1.0),
    ),
    Defect(
        "`argmax` without an axis",
        "Defects of the original notebook",
        Code(accuracy=lambda y, p: float(np.mean(np.argmax(y) == np.argmax(p)))),
    ),
    Defect("weights start at 0", "Xavier initialisation", Code(deviation=lambda a, b: 0.0)),
    Defect(
        "the variance where the deviation belongs",
        "Xavier initialisation",
        Code(deviation=lambda a, b: 2 / (a + b)),
    ),
    Defect(
        "the loss is the mean over rows and classes",
        "The loss",
        Code(loss=lambda y, p: loss(y, p) / y.shape[1]),
    ),
    Defect("the loss has lost its minus", "The loss", Code(loss=lambda y, p: -loss(y, p))),
    Defect(
        "softmax of what is already a softmax in the gradient",
        "Defects of the original notebook",
        Code(error=lambda y, z, p: (softmax(p) - y) / len(y)),
    ),
    Defect(
        "the gradient has the wrong sign",
        "The gradient of the logits",
        Code(error=lambda y, z, p: (y - p) / len(y)),
    ),
    Defect(
        "the gradient stops at the probabilities",
        "The gradient of the logits",
        Code(error=lambda y, z, p: -y / p / len(y)),
    ),
    Defect(
        "one sum of softmax for the whole matrix",
        "Softmax",
        Code(softmax=lambda z: np.exp(z - np.max(z)) / np.sum(np.exp(z - np.max(z)))),
    ),
    Defect("a learning rate six times too high", "Momentum", Code(rate=6 * RATE)),
    Defect("no momentum", "Momentum", Code(momentum=0.0)),
    Defect("the average is taken twice", "Sums, pieces and the fixed tree", Code(rate=RATE / ROWS)),
    Defect("images and labels are shuffled apart", "The network", Code(shuffled=True)),
    Defect("no mask of the rectifier", "The hidden layer", Code(mask=np.ones_like)),
    Defect("velocities start at 10e-5", "Momentum", Code(velocity=10e-5)),
]


class Curve(NamedTuple):
    """Training loss and validation accuracy after 0 to E epochs."""

    losses: list[float]
    accuracies: list[float]


@functools.cache
def _letters() -> Rows:
    return load().train


def run(code: Code, epochs: int = EPOCHS) -> Curve:
    """Train the small network as the code has it."""
    rows = _letters()
    x = rows.features[: ROWS + VALID] * code.scale
    labels = rows.labels[: ROWS + VALID]
    y = np.asarray(labels[:, None] == np.arange(10), np.float64)
    if code.shuffled:
        y[:ROWS] = y[np.random.default_rng(1).permutation(ROWS)]
    rng = np.random.default_rng(421)
    shapes = [(x.shape[1], HIDDEN), (1, HIDDEN), (HIDDEN, 10), (1, 10)]
    weights = [
        rng.standard_normal(s) * code.deviation(*s) if s[0] > 1 else np.zeros(s) for s in shapes
    ]
    velocities = [np.full(s, code.velocity) for s in shapes]
    curve = Curve([], [])
    with np.errstate(all="ignore"):
        for _ in range(epochs + 1):
            w_h, b_h, w_o, b_o = weights
            s = x @ w_h + b_h
            h = np.maximum(s, 0)
            z = h @ w_o + b_o
            p = code.softmax(z[:ROWS])
            curve.losses.append(code.loss(y[:ROWS], p))
            curve.accuracies.append(code.accuracy(y[ROWS:], code.softmax(z[ROWS:])))
            d = code.error(y[:ROWS], z[:ROWS], p)
            back = d @ w_o.T * code.mask(s[:ROWS])
            gradients = [x[:ROWS].T @ back, back.sum(0), h[:ROWS].T @ d, d.sum(0)]
            velocities = [
                code.momentum * v + code.rate * g
                for v, g in zip(velocities, gradients, strict=True)
            ]
            weights = [w - v for w, v in zip(weights, velocities, strict=True)]
    return curve


def symptom(curve: Curve, sound: Curve) -> str:
    """Say what is seen of a curve, beside that of the code without a mistake."""
    losses, accuracies = np.array(curve.losses), np.array(curve.accuracies)
    last, early = len(losses) - 1, len(losses) // 4
    right = sound.accuracies[-1]
    told = f"accuracy {accuracies[-1]:.2f} in the end"
    if not np.isfinite(losses).all():
        epoch = int(np.argmin(np.isfinite(losses)))
        value = "NaN" if np.isnan(losses[epoch]) else "infinite"
        return f"loss {value} from epoch {epoch}; {told}"
    if not accuracies.any():
        return f"accuracy 0.0 in every epoch, while the loss falls to {losses[-1]:.3f}"
    if (losses < 0).all():
        return f"loss below 0, from {losses[0]:.3f} to {losses[-1]:.3f}; {told}"
    ratios = losses / np.array(sound.losses)
    if np.ptp(ratios) < 0.01 and abs(ratios[0] - 1) > 0.01:
        return f"loss {1 / ratios[0]:.0f} times too small from the start; {told}"
    if abs(losses - np.log(10)).max() < 0.02:
        return f"loss stays between {losses.min():.3f} and {losses.max():.3f}; {told}"
    if losses[-1] > losses[0]:
        return f"loss rises from {losses[0]:.2f} to {losses[-1]:.3g}; {told}"
    fall = float(-np.diff(accuracies).min())
    if fall > FALL:
        return f"accuracy jumps: it falls by up to {fall:.2f} from one epoch to the next; {told}"
    if abs(ratios[-1] - 1) < 0.1 and abs(accuracies[-1] - right) < 0.015:
        return f"nothing: loss {losses[-1]:.3f}, {told}"
    if losses[early] > 2 * sound.losses[early]:
        slow = f"a slow start: loss {losses[early]:.2f} after {early} epochs"
        return f"{slow}, {losses[-1]:.2f} after {last}; {told}"
    return f"loss {losses[-1]:.2f}, {told}"


def measured() -> str:
    """Return the table, what is seen, why, and where to read, and the numbers without a mistake."""
    sound = run(Code())
    lines = [["what is seen", "the mistake that was put in", "read"], ["---", "---", "---"]]
    for cause, section, code in DEFECTS:
        anchor = section.lower().replace(",", "").replace(" ", "-")
        lines.append([symptom(run(code), sound), cause, f"[{section}](#{anchor})"])
    losses, early = sound.losses, len(sound.losses) // 4
    fall = -np.diff(sound.accuracies).min()
    return (
        f"Without a mistake: loss {losses[0]:.3f} at first, {losses[early]:.2f} after {early} "
        f"epochs and {losses[-1]:.3f} after {len(losses) - 1}; accuracy {sound.accuracies[-1]:.2f} "
        f"in the end, which never falls by more than {fall:.2f} from one epoch to the next.\n\n"
        + table(lines)
    )


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = Parser("symptoms.py", __doc__)
    help = "Markdown file to write the table into (default: print it)"
    parser.add_argument("--write-table", type=Path, metavar="FILE", help=help)
    options = parser.parse_args(arguments)
    return guarded("symptoms.py", lambda: report(options.write_table))


def report(path: Path | None) -> int:
    """Print or write the table."""
    text = measured()
    if path is None:
        print(text)
    else:
        write_marked(path, "symptoms", text)
    return Status.DONE


if __name__ == "__main__":
    sys.exit(main())

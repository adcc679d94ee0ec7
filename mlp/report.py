"""Pictures of a run: loss and accuracy over the epochs."""

from pathlib import Path

from mlp.run_directory import best_valid_epoch, replacing
from mlp.training import Metrics

# Colours that stay apart for colour-blind readers (Okabe and Ito), and line styles besides.
_STYLES = {
    "train": ("Training", "#0072B2", "-"),
    "valid": ("Validation", "#D55E00", "--"),
    "test": ("Test", "#009E73", ":"),
}


def plot_history(history: tuple[Metrics, ...], quantity: str, path: Path) -> None:
    """Draw one quantity of all three splits over the epochs into a PNG.

    Parameters
    ----------
    history : tuple of Metrics
    quantity : {"loss", "accuracy"}
    path : Path
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.add_subplot()
    epochs = [row.epoch for row in history]
    marker = "." if len(epochs) < 3 else ""
    for split, (label, colour, line) in _STYLES.items():
        values = [getattr(row, f"{split}_{quantity}") for row in history]
        axes.plot(epochs, values, line, color=colour, label=label, marker=marker, linewidth=1.8)
    best = history[best_valid_epoch(history)]
    axes.plot(
        best.epoch,
        getattr(best, f"valid_{quantity}"),
        "o",
        color=_STYLES["valid"][1],
        markerfacecolor="none",
        markersize=10,
        label=f"Lowest validation loss (epoch {best.epoch})",
        clip_on=False,
    )
    axes.set_xlabel("Epoch")
    axes.set_ylabel("Average cross-entropy (nats)" if quantity == "loss" else "Accuracy")
    axes.set_title("Loss" if quantity == "loss" else "Accuracy")
    axes.grid(alpha=0.3)
    axes.legend()
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=150)

"""A run of a sweep: what is known of it, and its line of sweep.csv."""

import csv
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..config import TrainingConfig
from ..files import FileError, write
from ..history import History, Metrics, best_row, read_history
from .record import read_record


@dataclass
class Trial:
    """One combination of the grid's values, and what came of it.

    Attributes
    ----------
    options : dict
        The values as they were written, by the option's name without its dashes.
    config : TrainingConfig
    directory : Path
    reason : str
        Why it diverged, where it has.
    history : History
        The rows of ``metrics.csv``; none as long as it has not finished.
    record : dict
        What ``run.json`` says.
    """

    options: dict[str, str]
    config: TrainingConfig
    directory: Path
    reason: str = ""
    history: History = field(default_factory=History)
    record: dict[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """Name the combination: ``hidden 100, momentum 0.9``."""
        return ", ".join(f"{name} {value}" for name, value in self.options.items())

    @property
    def stop(self) -> Metrics:
        """The row of the lowest validation loss, or the last one without validation rows."""
        return best_row(self.history) or self.history[-1]

    def read(self) -> None:
        """Take up what a finished run has written.

        Raises
        ------
        FileError
            A file is missing or damaged.
        """
        try:
            self.record = read_record(self.directory) or {}
            self.history = read_history(self.directory / "metrics.csv")
            epochs = [row.epoch for row in self.history]
            last = self.record["result"]["epochs_trained"]
            if epochs != list(range(len(epochs))) or len(epochs) != last + 1:
                raise ValueError(f"metrics.csv must have the epochs 0 to {last} of run.json")
        except (FileError, KeyError, ValueError) as error:
            raise FileError(
                f"{self.directory}: is no whole run ({error}); remove it to train it again"
            ) from error

    def summary(self) -> dict[str, Any]:
        """Return its line of the table; losses and accuracies are of `stop`."""
        row: dict[str, Any] = {"directory": self.directory.name}
        if not self.history:
            return row | {"status": "diverged", "reason": self.reason}
        stop = self.stop._asdict() | {"seconds": self.record["timing"]["total_s"]}
        epochs = {
            "early_stopping_epoch": stop.pop("epoch"),
            "epochs_trained": len(self.history) - 1,
        }
        return row | {"status": "finished"} | epochs | stop


def write_csv(path: Path, trials: list[Trial]) -> None:
    """Write a line a trial: the grid's options, then `Trial.summary`."""
    rows = [trial.options | trial.summary() for trial in trials]
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(dict.fromkeys(name for row in rows for name in row)))
    writer.writeheader()
    writer.writerows(rows)
    write(path, text.getvalue())

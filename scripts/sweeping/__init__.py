"""What a sweep knows of each of its runs, for the files of `sweeping.outputs`."""

import csv
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlp.config import TrainingConfig
from mlp.run_directory import RunDirectoryError
from mlp.training import Metrics


@dataclass
class Run:
    """One combination of the grid's values, and what came of it.

    Attributes
    ----------
    options : dict
        The values as they were written, by the option's name without its dashes.
    config : TrainingConfig
    directory : Path
    reason : str
        Why it diverged, where it has.
    history : list of Metrics
        The rows of ``metrics.csv``; none as long as it has not finished.
    record : dict
        What ``run.json`` says.
    """

    options: dict[str, str]
    config: TrainingConfig
    directory: Path
    reason: str = ""
    history: list[Metrics] = field(default_factory=list)
    record: dict[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """Name the combination: ``hidden 100, momentum 0.9``."""
        return ", ".join(f"{name} {value}" for name, value in self.options.items())

    @property
    def stop(self) -> Metrics:
        """The early-stopping point: the row of the lowest validation loss, the first of equals."""
        return min(self.history, key=lambda row: row.valid_loss)

    def read(self) -> None:
        """Take up what a finished run has written.

        Raises
        ------
        RunDirectoryError
            A file is missing or damaged.
        """
        try:
            with (self.directory / "metrics.csv").open(newline="") as file:
                rows = [
                    [float(cell or "nan") for cell in row] for row in list(csv.reader(file))[1:]
                ]
            self.history = [Metrics(int(epoch), *cells) for epoch, *cells in rows]
            self.record = json.loads((self.directory / "run.json").read_text())
        except (OSError, ValueError, TypeError) as error:
            raise RunDirectoryError(
                f"{self.directory}: is no whole run ({error}); remove it to train it again"
            ) from error

    def summary(self) -> dict[str, Any]:
        """Give its line of the table; losses and accuracies are of the early-stopping point."""
        row: dict[str, Any] = {"directory": self.directory.name}
        if not self.history:
            return row | {"status": "diverged", "reason": self.reason}
        stop = self.stop._asdict() | {"seconds": self.record["timing"]["total_s"]}
        epochs = {
            "early_stopping_epoch": stop.pop("epoch"),
            "epochs_trained": len(self.history) - 1,
        }
        return row | {"status": "finished"} | epochs | stop

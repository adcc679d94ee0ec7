"""Who is told how a run goes on."""

from pathlib import Path
from typing import Any

from ..state import TrainingState


class Listener:
    """Who is told how a run goes on: everything in one line; this one is deaf."""

    def say(self, text: str) -> None:
        """Take what the user may want to know."""

    def warn(self, text: str) -> None:
        """Take what the user must know."""

    def progress(self, state: TrainingState, epochs: int) -> None:
        """Take a new row of the history, of a run of so many epochs."""

    def ended(self, record: dict[str, Any], directory: Path) -> None:
        """Take what ``run.json`` says of the run that has just ended there."""

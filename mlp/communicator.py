"""Where the ranks of a data-parallel run meet; one process is the run of one rank."""

from typing import Protocol

from mlp.model import ShardSums


class Communicator(Protocol):
    """The three calls a data-parallel step needs, and who is asking."""

    rank: int
    size: int

    def combine(self, sums: list[ShardSums]) -> list[ShardSums]:
        """Add every rank's sums in the order of the ranks; each rank gets the totals."""
        ...

    def broadcast(self, text: str) -> str:
        """Give every rank the text of rank 0."""
        ...

    def barrier(self) -> None:
        """Wait until every rank is here."""
        ...


class Serial:
    """The communicator of a single process: nothing to exchange, nobody to wait for."""

    rank = 0
    size = 1

    def combine(self, sums: list[ShardSums]) -> list[ShardSums]:
        """Return the sums: they are the totals."""
        return sums

    def broadcast(self, text: str) -> str:
        """Return the text."""
        return text

    def barrier(self) -> None:
        """Return at once."""

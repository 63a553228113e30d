"""Counts of what came of faults of one kind."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.faults.tiny_run import Outcome

__all__ = ["Tally"]


@dataclass
class Tally:
    """Faults of one kind that were tried."""

    fault: str
    right: int = 0
    """Runs that ended with the right files, and no others."""
    refused: int = 0
    """Runs that ended with an error of one line, whose advice gave the right files."""
    wrong: list[str] = field(default_factory=list)
    """Everything else."""
    repaired: int = 0
    """Of the right ones, those that computed pixels again."""

    @property
    def tried(self) -> int:
        """All of them."""
        return self.right + self.refused + len(self.wrong)

    def count(self, what: str, kind: str, outcome: Outcome | None = None, least: int = 0) -> None:
        """Count what came of a fault.

        Args:
            what: the fault.
            kind: right, clear error, or what is wrong.
            outcome: the run, to count pixels that were computed again.
            least: pixels that would have been computed without the fault.
        """
        if kind == "right":
            self.right += 1
            self.repaired += outcome is not None and outcome.computed > least
        elif kind == "clear error":
            self.refused += 1
        else:
            self.wrong.append(f"{what}: {kind}")

    def row(self) -> str:
        """Return the row of a Markdown table."""
        return (
            f"| {self.fault} | {self.tried} | {self.right} | {self.refused} | {len(self.wrong)} |"
        )

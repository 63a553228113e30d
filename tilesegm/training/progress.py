"""How far a run is, and how well it did."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass, field
from pathlib import Path

from tilesegm.files import write_file

__all__ = ["Progress"]


@dataclass
class Progress:
    """What is known of the epochs that are over."""

    epoch: int = 0
    """Epochs done."""
    history: list[dict[str, float]] = field(default_factory=list)
    """Numbers of each epoch, by name."""
    best: float | None = None
    """Best score so far; the negative loss when the loss is what counts."""
    best_epoch: int = 0
    """Epochs after which it was reached."""
    waited: int = 0
    """Epochs since then."""

    def note(self, row: dict[str, float], score: float | None) -> bool:
        """Note an epoch, and tell whether it is the best one.

        Args:
            row: its numbers.
            score: what the best network is chosen by; None when this epoch was not validated.
        """
        self.epoch += 1
        self.history.append(row)
        self.waited += 1
        if score is None or (self.best is not None and score <= self.best):
            return False
        self.best, self.best_epoch, self.waited = score, self.epoch, 0
        return True

    def write_log(self, path: Path) -> None:
        """Write the numbers of all epochs as a table, at once or not at all.

        Raises:
            OutputError: it cannot be written.
        """
        names = list(dict.fromkeys(name for row in self.history for name in row))
        text = io.StringIO()
        table = csv.DictWriter(text, ["epoch", *names], lineterminator="\n")
        table.writeheader()
        for number, row in enumerate(self.history, 1):
            table.writerow({"epoch": number, **{k: _short(v) for k, v in row.items()}})
        write_file(path, text.getvalue())


def _short(value: float) -> str:
    return f"{value:.6g}" if math.isfinite(value) else ""

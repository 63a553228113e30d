"""What became of one image of a batch."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tilesegm.errors import TilesegmError
from tilesegm.segmentation.result import Segmentation
from tilesegm.segmentation.segmented_image import SegmentedImage
from tilesegm.shown import without_secrets

__all__ = ["FINISHED", "BatchItem", "Tally"]

FINISHED = "finished before"


@dataclass(frozen=True, kw_only=True)
class BatchItem:
    """One image of many: its result, or the error that stopped it."""

    image: str
    """As it was passed; secrets of a URL are hidden in `summary` and in the text of this value."""
    result: Segmentation | SegmentedImage | None = None
    error: TilesegmError | None = None
    reason: str = ""
    """Why it was computed, such as ``new`` or ``input changed``, or ``finished before``."""

    def __repr__(self) -> str:
        name = without_secrets(Path(self.image).name)
        if self.result is None:
            return f"BatchItem({name}: {type(self.error).__name__}: {self.error})"
        if isinstance(self.result, SegmentedImage):
            return f"BatchItem({name} -> {self.result})"
        return f"BatchItem({name} -> {self.result.name})"

    def summary(self) -> dict[str, Any]:
        """Plain values for a table or JSON."""
        if self.result is None:
            return {"image": without_secrets(self.image), "error": str(self.error)}
        return self.result.summary() | ({"reason": self.reason} if self.reason else {})


@dataclass
class Tally:
    """Counts of the images of a batch by what became of them."""

    reasons: Counter[str] = field(default_factory=Counter)
    failed: int = 0

    @property
    def count(self) -> int:
        """Images that were counted."""
        return sum(self.reasons.values()) + self.failed

    def add(self, item: BatchItem) -> dict[str, Any]:
        """Count an image, and return its summary."""
        if item.error is not None:
            self.failed += 1
        else:
            self.reasons[item.reason] += 1
        return item.summary()

    def line(self, total: int, manifest: Path | str | None) -> str:
        """Say how many there are of each kind, and where the manifest lies.

        Args:
            total: images of the batch; fewer were counted where it was stopped.
            manifest: its path or address.
        """
        made = {reason: n for reason, n in self.reasons.items() if reason != FINISHED}
        why = ", ".join(f"{reason}: {n}" for reason, n in made.items())
        before, rest = self.reasons[FINISHED], total - self.count
        parts = [
            *([f"{before} finished before"] if before else []),
            f"{sum(made.values())} computed" + (f" ({why})" if why else ""),
            f"{self.failed} failed",
            *([f"{rest} not reached"] if rest else []),
        ]
        return f"{total} image{'s'[: total != 1]}: {', '.join(parts)}; see {manifest}"

"""What a finished segmentation is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tilesegm.counted import counted
from tilesegm.engine.plan import Plan
from tilesegm.segmentation.decision import decision_tag
from tilesegm.segmentation.setup import notes_of

__all__ = ["Segmentation"]


@dataclass(frozen=True, kw_only=True)
class Segmentation:
    """A finished segmentation."""

    output: Path | str
    """The class map: its path, or its address in a store."""
    extras: tuple[tuple[str, Path | str], ...]
    """Further files by name: ``confidence``, ``scores``; a Zarr output holds them itself."""
    plan: Plan
    tiles: int
    """Tiles computed, by this run and those that it resumed."""
    skipped: int
    """Tiles that held no pixel of interest and were not computed."""
    infinite: int = 0
    """Pixels that are missing because a band is infinite."""
    empty: int = 0
    """Pixels without a class: missing in the image, or outside the area of interest."""
    resumed: int
    """Pixels that an earlier run had finished."""
    kept: int | None = None
    """Regions of an earlier map whose input did not change; None where none was looked at."""
    seconds: float
    """Wall time of this run, from opening the image to the outputs in place."""
    notes: tuple[str, ...] = ()
    """What this run assumed, left out or found wrong, in a line each."""

    @property
    def megapixels_per_second(self) -> float:
        """Pixels of the image that this run finished, in millions per second."""
        return (self.plan.info.pixels - self.resumed) / 1e6 / self.seconds

    @property
    def name(self) -> str:
        """Last part of the class map's path or address."""
        return Path(self.output).name

    def __repr__(self) -> str:
        info, classes = self.plan.info, len(self.plan.spec.classes)
        return (
            f"Segmentation({self.name}, {info.height} x {info.width} px, "
            f"{counted(classes, 'class', 'classes')}, "
            f"{counted(self.tiles, 'tile')}, {self.megapixels_per_second:.1f} MP/s)"
        )

    def summary(self) -> dict[str, Any]:
        """Plain values for a table or JSON."""
        plan = self.plan
        # Of a run that was finished before, what its plan tells is all that is known.
        said = [*plan.info.notes, *notes_of(plan)]
        said += [note.removeprefix(f"{plan.info.uri}: ") for note in self.notes]
        return {
            "image": plan.info.uri,
            "output": str(self.output),
            "extras": {name: str(path) for name, path in self.extras},
            "height": plan.info.height,
            "width": plan.info.width,
            "classes": len(plan.spec.classes),
            "tiles": self.tiles,
            "skipped": self.skipped,
            "infinite_pixels": self.infinite,
            "empty_pixels": self.empty,
            "redundancy": round(plan.redundancy, 3),
            "read_amplification": round(plan.read_amplification, 3),
            "decision": decision_tag(plan) or "argmax",
            "exact": plan.exact,
            "inexact": list(plan.spec.inexact),
            "notes": list(dict.fromkeys(said)),
            "resumed_pixels": self.resumed,
            **({} if self.kept is None else {"kept_regions": self.kept}),
            "seconds": round(self.seconds, 3),
            "megapixels_per_second": round(self.megapixels_per_second, 3),
        }

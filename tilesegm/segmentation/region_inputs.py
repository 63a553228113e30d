"""What each region of a finished map was made of, as the map tells it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from tilesegm.engine.plan import Plan
from tilesegm.engine.run import INPUT
from tilesegm.errors import InputError
from tilesegm.grid.window import Window

__all__ = ["RegionInput", "RegionInputs"]

_COUNTS = ("empty", "infinite")
"""Facts that follow from the pixels of a region alone, wherever the run began that made it."""


@dataclass(frozen=True)
class RegionInput:
    """The input of a region, and what is told of its pixels."""

    digest: str
    counts: Mapping[str, int]


@dataclass(frozen=True)
class RegionInputs:
    """The inputs of regions by their windows."""

    regions: Mapping[Window, RegionInput]

    @classmethod
    def of(cls, plan: Plan, facts: Mapping[int, Mapping[str, Any]]) -> Self:
        """Gather what was noted of finished regions, by their numbers."""
        found = {}
        for region in (region for panel in plan.panels for region in panel):
            known = facts.get(region.number, {})
            if INPUT in known:
                counts = {name: known[name] for name in _COUNTS if name in known}
                found[region.window] = RegionInput(known[INPUT], counts)
        return cls(found)

    def text(self) -> str:
        """Return it as JSON."""
        rows = [
            [w.row, w.col, w.height, w.width, one.digest, dict(one.counts)]
            for w, one in self.regions.items()
        ]
        return json.dumps(rows, separators=(",", ":"))

    @classmethod
    def parse(cls, text: str | None) -> Self:
        """Read what `text` returned; nothing is known of a map without.

        Raises:
            InputError: it is something else.
        """
        try:
            rows = [(Window(*row[:4]), str(row[4]), row[5]) for row in json.loads(text or "[]")]
            return cls(
                {
                    window: RegionInput(digest, {name: int(counts[name]) for name in counts})
                    for window, digest, counts in rows
                }
            )
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            raise InputError(
                f"what its regions were made of cannot be read from its tags ({error})"
            ) from error

"""A finished region as a line of the journal, with what proves that its chunks are whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self, TypeGuard

from tilesegm.grid.window import Window

__all__ = ["FinishedRegion", "is_count", "sum_up"]


@dataclass(frozen=True)
class FinishedRegion:
    """A region whose chunks are on disk."""

    number: int
    facts: dict[str, Any] = field(default_factory=dict)
    """Small facts that are kept with it."""
    window: Window | None = None
    """Pixels that were written for it; None in journals of version 0.1, which told no windows."""
    digest: str | None = None
    """What `sum_up` made of its facts and chunks; None without a window."""

    def entry(self) -> dict[str, Any]:
        """Return the line of the journal."""
        entry: dict[str, Any] = {"region": self.number, "facts": self.facts}
        if self.window is not None:
            rows = self.window
            entry["window"] = [rows.row, rows.col, rows.height, rows.width]
            entry["digest"] = self.digest
        return entry

    @classmethod
    def parse(cls, entry: Mapping[str, Any]) -> Self | None:
        """Read a line of the journal; None where it is none that `entry` could return."""
        number, facts = entry.get("region"), entry.get("facts")
        window, digest = entry.get("window"), entry.get("digest")
        if not is_count(number) or not isinstance(facts, dict):
            return None
        if window is None and digest is None:
            return cls(number, facts)
        sides = window if isinstance(window, list | tuple) else []  # Dask makes tuples of lists
        if len(sides) != 4 or not all(map(is_count, sides)) or not isinstance(digest, str):
            return None
        return cls(number, facts, Window(*sides), digest)


def sum_up(facts: Mapping[str, Any], chunks: Mapping[str, bytes]) -> str:
    """Make one digest of a region's facts and of its chunks, each at its place.

    Args:
        facts: facts of the region.
        chunks: digest of each chunk, by its path in the staging folder.
    """
    total = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    for place, digest in sorted(chunks.items()):
        total.update(f"\n{place} {digest.hex()}".encode())
    return total.hexdigest()


def is_count(value: object) -> TypeGuard[int]:
    """Tell whether a value of JSON counts something, as 64 bits can."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 63

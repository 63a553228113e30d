"""Finished regions of a run, of which there may be millions, in little memory."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tilesegm.grid.window import Window
from tilesegm.sink.finished_region import FinishedRegion

__all__ = ["FinishedRegions"]


class FinishedRegions(Mapping[int, FinishedRegion]):
    """Regions by their numbers, each as a few bytes from which it is made when it is asked for.

    A region takes 0.2 kB so, and 0.9 kB as objects.

    Attributes:
        facts: what was noted of each, by its number.
    """

    def __init__(self) -> None:
        self._packed: dict[int, bytes] = {}
        self.facts: Mapping[int, dict[str, Any]] = _Facts(self)

    def __getitem__(self, number: int) -> FinishedRegion:
        return _unpack(number, self._packed[number])

    def __iter__(self) -> Iterator[int]:
        return iter(self._packed)

    def __len__(self) -> int:
        return len(self._packed)

    def add(self, region: FinishedRegion) -> None:
        """Take a region, in place of one of its number."""
        self._packed[region.number] = _pack(region)

    def forget(self, number: int) -> None:
        """Let go of a region."""
        del self._packed[number]


class _Facts(Mapping[int, dict[str, Any]]):
    """Facts of finished regions; a view that grows with them."""

    def __init__(self, regions: FinishedRegions) -> None:
        self._regions = regions

    def __getitem__(self, number: int) -> dict[str, Any]:
        return self._regions[number].facts

    def __iter__(self) -> Iterator[int]:
        return iter(self._regions)

    def __len__(self) -> int:
        return len(self._regions)

    def __contains__(self, number: object) -> bool:
        return number in self._regions._packed


def _pack(region: FinishedRegion) -> bytes:
    """Return a region without its number: the length of its digest, that as bytes, and the rest."""
    rows, digest = region.window, region.digest
    try:
        raw = bytes.fromhex(digest or "")
    except ValueError:  # of a journal that something else wrote
        raw = b""
    if raw.hex() != digest or len(raw) > 255:
        raw = b""
    window = None if rows is None else [rows.row, rows.col, rows.height, rows.width]
    rest = [region.facts, window, None if raw else digest]
    return bytes([len(raw)]) + raw + json.dumps(rest, separators=(",", ":")).encode()


def _unpack(number: int, packed: bytes) -> FinishedRegion:
    start = 1 + packed[0]
    facts, window, digest = json.loads(packed[start:])
    if start > 1:
        digest = packed[1:start].hex()
    return FinishedRegion(number, facts, None if window is None else Window(*window), digest)

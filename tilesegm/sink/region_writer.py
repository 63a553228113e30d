"""Writes the chunks of regions, in any process: what they are is proved by a digest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from tilesegm.files import flush_all, output_errors
from tilesegm.grid.window import Window
from tilesegm.sink.finished_region import FinishedRegion, sum_up
from tilesegm.sink.staged_layers import StagedLayers

__all__ = ["RegionWriter", "around"]


class RegionWriter:
    """Writes whole chunks, so any number of writers need no lock. Used from one thread at a time.

    Args:
        folder: the staging folder, whose arrays are there.
        stored: the arrays.
    """

    def __init__(self, folder: Path, stored: StagedLayers) -> None:
        self.folder = folder
        self._stored = stored
        self._written: dict[str, bytes] = {}
        self._windows: list[Window] = []

    def write(self, layer: str, window: Window, values: NDArray[Any]) -> None:
        """Write finished pixels and their overviews; see `StagedLayers.write`.

        Raises:
            OutputError: the disk is full or gone.
            ValueError: the window does not hold whole chunks, or the values do not fill it.
        """
        with output_errors(self.folder):
            self._written |= self._stored.write(layer, window, values)
        self._windows.append(window)

    def finish(self, region: int, facts: Mapping[str, Any] | None = None) -> FinishedRegion:
        """Return a region as the journal names it: what was written since the last one is safe.

        Args:
            region: its number.
            facts: small facts to keep with it.

        Raises:
            OutputError: the disk is full or gone; the region does not count as finished.
        """
        facts = dict(facts or {})
        digest = sum_up(facts, self._written)
        finished = FinishedRegion(region, facts, around(self._windows), digest)
        with output_errors(self.folder):
            flush_all(self.folder / place for place in self._written)
        self._written.clear()
        self._windows.clear()
        return finished


def around(windows: Sequence[Window]) -> Window:
    """Return the smallest window that holds all of these."""
    if not windows:
        return Window(0, 0, 0, 0)
    row, col = min(w.row for w in windows), min(w.col for w in windows)
    stop_row, stop_col = max(w.stop_row for w in windows), max(w.stop_col for w in windows)
    return Window(row, col, stop_row - row, stop_col - col)

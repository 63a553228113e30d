"""What is finished of a run, wherever its unfinished results lie."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import KeysView, Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from tilesegm.closing import Closing
from tilesegm.grid.window import Window
from tilesegm.sink.finished_region import FinishedRegion
from tilesegm.sink.finished_regions import FinishedRegions
from tilesegm.sink.layer import Layer
from tilesegm.sink.region_store import Writer

__all__ = ["RunRecord"]


class RunRecord(Closing):
    """Regions, facts and notes of a run. Used from one thread at a time.

    Attributes:
        size: height and width of the image.
        layers: rasters that are stored.
        chunk: side of the unit that is written; windows start and end on its multiples.
        facts: what was noted of each finished region, by its number.
        notes: facts of the whole run, see `note`.
        findings: damage that was found and what was done about it, a sentence each.
    """

    def __init__(
        self, size: tuple[int, int], layers: Sequence[Layer], chunk: int, writer: Writer
    ) -> None:
        self.size = size
        self.layers = tuple(layers)
        self.chunk = chunk
        self._regions = FinishedRegions()
        self.facts = self._regions.facts
        self.notes: dict[str, Any] = {}
        self.findings: list[str] = []
        self._writer = writer

    @property
    def done(self) -> KeysView[int]:
        """Numbers of the regions whose results are safe; a view that grows with them."""
        return self.facts.keys()

    def write(self, layer: str, window: Window, values: NDArray[Any]) -> None:
        """Write finished pixels and their overviews; see `StagedLayers.encode`.

        Raises:
            OutputError: the disk is full or gone.
            ValueError: the window does not hold whole chunks, or the values do not fill it.
        """
        self._writer.write(layer, window, values)

    def commit(self, region: int, facts: Mapping[str, Any] | None = None) -> None:
        """Declare a region finished: all that was written since the last commit is safe after this.

        Args:
            region: its number.
            facts: small facts to keep with it.

        Raises:
            OutputError: it cannot be kept; the region does not count as finished.
        """
        self.record([self._writer.finish(region, facts)])

    @abstractmethod
    def record(self, regions: Sequence[FinishedRegion]) -> None:
        """Declare regions finished whose chunks are safe already, wherever they were written."""

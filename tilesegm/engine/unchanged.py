"""Finds regions whose input is what it was, by reading all of it and computing nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from tilesegm.engine.batches import Reading, read_digests
from tilesegm.engine.input_digest import region_digest
from tilesegm.engine.regions import Region, pending_runs
from tilesegm.grid.window import Window

__all__ = ["region_inputs"]


def region_inputs(
    reading: Reading, panels: tuple[tuple[Region, ...], ...], done: Collection[int]
) -> Iterator[tuple[Region, str]]:
    """Yield the regions that are still to be computed, each with the digest of its input.

    Args:
        reading: the image, whose readings are summed up.
        panels: regions of the image.
        done: numbers of regions that are left out.

    Raises:
        SourceError: pixels cannot be read.
    """
    axis = reading.grid.rows
    for run in [*pending_runs(panels, done)]:
        top, bottom = run[0].window, run[-1].window
        whole = Window(top.row, top.col, bottom.stop_row - top.row, top.width)
        digests: dict[int, bytes] = {}
        regions = iter(run)
        region = next(regions, None)
        for row, digest in read_digests(reading, whole):
            digests[row] = digest
            while region is not None:
                needed = axis.cover(region.window.row, region.window.stop_row)
                if needed[-1] > row:
                    break
                rows = [digests[number] for number in needed]
                yield region, region_digest(region.window, rows)
                region = next(regions, None)
                for old in [number for number in digests if number < needed[0]]:
                    del digests[old]

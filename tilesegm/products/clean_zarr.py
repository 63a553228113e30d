"""The OME-Zarr of a cleaned map, by way of the staging store that predicted maps go through."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from tilesegm.grid.window import Window
from tilesegm.sink.layer import Layer
from tilesegm.sink.ome_zarr import finish_zarr
from tilesegm.sink.provenance import MapFacts
from tilesegm.sink.staging import Staging

__all__ = ["Rows", "write_zarr"]

_CHUNK = 1024
_STAGED = 0.8
"""Share of the work that is done when all rows are staged."""


class Rows(Protocol):
    """Rows of a map from top to bottom."""

    def whole(self, block: int) -> Iterator[tuple[int, NDArray[Any]]]:
        """Yield the number of a first row, and rows of whole blocks but for the last."""
        ...


def write_zarr(
    path: Path,
    layer: Layer,
    facts: MapFacts,
    size: tuple[int, int],
    rows: Rows,
    progress: Callable[[float], None],
) -> None:
    """Write a map, with overviews and digests of all its files.

    Args:
        path: of the folder to make, in a folder that goes afterwards.
        layer: the class map.
        facts: what it tells about itself.
        size: height and width.
        rows: its ids.
        progress: called with the fraction done.

    Raises:
        OutputError: it cannot be written.
    """
    height, width = size
    place = path.with_name("rows.partial")
    with Staging.open(place, size=size, layers=[layer], fingerprint={}, chunk=_CHUNK) as staging:
        for number, (top, ids) in enumerate(rows.whole(_CHUNK)):
            staging.write(layer.name, Window(top, 0, len(ids), width), ids)
            staging.commit(number)
            progress(_STAGED * (top + len(ids)) / height)
        finish_zarr(staging, path, facts, lambda done: progress(_STAGED + (1 - _STAGED) * done))
        staging.discard()

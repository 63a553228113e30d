"""An image read on the grid of another one, where GDAL does not do it: Zarr, arrays and masks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.grid.window import Window
from tilesegm.source.base import ImageInfo, Source
from tilesegm.source.image import ImageSource, Loaded
from tilesegm.source.missing import Missing
from tilesegm.source.placement import ByGround, Placement

__all__ = ["AlignedSource"]

_PIXELS = 1 << 24
"""Most pixels of the image that are read at once."""


class AlignedSource(ImageSource):
    """Takes each pixel of a grid from the pixel of an image that its centre lies in."""

    def __init__(self, stored: Source, grid: ImageInfo, placement: Placement | None = None) -> None:
        """Take an open image, which is closed with this one, and a grid.

        Args:
            stored: the image.
            grid: what it is laid on.
            placement: where the pixels of the grid lie in the image; by the places of both on the
                ground where it is not given, for which both have a transform.
        """
        info = stored.info
        self._stored = stored
        self._placement = placement or ByGround(grid, info)
        super().__init__(
            replace(
                info,
                height=grid.height,
                width=grid.width,
                block=grid.block,
                masked=True,
                georeference=grid.georeference,
            ),
            Missing(info.dtype, (None,) * info.bands),
        )

    @property
    def palette(self) -> NDArray[np.uint8] | None:
        """Colours of the image's ids."""
        return self._stored.palette if isinstance(self._stored, ImageSource) else None

    @property
    def may_mask(self) -> bool:
        """Whether pixels are missing: those beyond the image are."""
        return True

    def load(self, window: Window) -> Loaded:
        """Return values and mask of ``window``; see `ImageSource.load`."""
        rows, cols = self._placement.places(window)
        info = self._stored.info
        in_rows = (rows >= 0) & (rows < info.height)
        in_cols = (cols >= 0) & (cols < info.width)
        inside = np.array(np.broadcast_to(in_rows & in_cols, (window.height, window.width)))
        values = np.zeros((window.height, window.width, info.bands), info.dtype)
        if not inside.any():
            return values, inside
        rows, cols = (np.broadcast_to(part, inside.shape)[inside] for part in (rows, cols))
        first, left = int(rows.min()), int(cols.min())
        part = Window(first, left, int(rows.max()) - first + 1, int(cols.max()) - left + 1)
        if part.pixels > _PIXELS and window.pixels > 1:
            return self._load_halves(window)
        pixels = self._stored.read(part)
        values[inside] = pixels.values[rows - first, cols - left]
        if pixels.valid is not None:
            inside[inside] = pixels.valid[rows - first, cols - left]
        return values, inside

    def _load_halves(self, window: Window) -> Loaded:
        """Return the same of two parts, cut along the longer side."""
        axis = int(window.width > window.height)
        size = [window.height, window.width]
        size[axis] = -(-size[axis] // 2)
        halves: list[tuple[Any, Any]] = [self.load(half) for half in window.tiles(*size)]
        values, masks = (np.concatenate(parts, axis) for parts in zip(*halves, strict=True))
        return values, masks

    def close(self) -> None:
        """Close the image."""
        self._stored.close()

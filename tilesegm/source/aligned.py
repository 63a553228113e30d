"""An image read on the grid of another one, where GDAL does not do it: Zarr and arrays."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.errors import RasterioError
from rasterio.warp import transform

from tilesegm.errors import SourceError
from tilesegm.grid.window import Window
from tilesegm.source.base import ImageInfo, Source
from tilesegm.source.image import ImageSource, Loaded
from tilesegm.source.missing import Missing

__all__ = ["AlignedSource"]

_STEP = 16
"""Rows and columns between the pixels whose place is projected; those between are interpolated."""
_PIXELS = 1 << 24
"""Most pixels of the image that are read at once."""


class AlignedSource(ImageSource):
    """Takes each pixel of a grid from the pixel of an image that its centre lies in."""

    def __init__(self, stored: Source, grid: ImageInfo) -> None:
        """Take an open image, which is closed with this one, and a grid; both have a transform.

        A coordinate system that one of the two does not tell is taken to be that of the other.
        """
        info, here, there = stored.info, grid.georeference, stored.info.georeference
        assert here.transform is not None
        assert there.transform is not None
        self._stored = stored
        self._to_ground = here.transform
        self._to_stored = tuple(~Affine(*there.transform))[:6]
        self._systems = None
        if here.crs and there.crs and here.crs != there.crs:
            self._systems = here.crs, there.crs
        super().__init__(
            replace(
                info,
                height=grid.height,
                width=grid.width,
                block=grid.block,
                masked=True,
                georeference=here,
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
        rows, cols = self._places(window)
        info = self._stored.info
        inside = (rows >= 0) & (rows < info.height) & (cols >= 0) & (cols < info.width)
        values = np.zeros((window.height, window.width, info.bands), info.dtype)
        if not inside.any():
            return values, inside
        rows, cols = rows[inside].astype(np.intp), cols[inside].astype(np.intp)
        first, left = int(rows.min()), int(cols.min())
        part = Window(first, left, int(rows.max()) - first + 1, int(cols.max()) - left + 1)
        if part.pixels > _PIXELS and window.height > 1:
            halves = [
                self.load(half) for half in window.tiles(-(-window.height // 2), window.width)
            ]
            masks = [mask for _, mask in halves if mask is not None]
            return np.concatenate([half for half, _ in halves]), np.concatenate(masks)
        pixels = self._stored.read(part)
        values[inside] = pixels.values[rows - first, cols - left]
        if pixels.valid is not None:
            inside[inside] = pixels.valid[rows - first, cols - left]
        return values, inside

    def _places(self, window: Window) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the rows and columns of the image that the pixels of a window lie in."""
        down = np.arange(window.row, window.stop_row) + 0.5
        along = np.arange(window.col, window.stop_col) + 0.5
        if self._systems is None:
            x, y = _apply(self._to_ground, along[None, :], down[:, None])
        else:
            x, y = self._project(down, along)
        cols, rows = _apply(self._to_stored, x, y)
        shape = (len(down), len(along))
        rows, cols = (np.broadcast_to(part, shape) for part in (rows, cols))
        # What cannot be projected lies nowhere.
        projected = np.isfinite(rows) & np.isfinite(cols)
        return np.floor(np.where(projected, rows, -1)), np.floor(np.where(projected, cols, -1))

    def _project(
        self, down: NDArray[Any], along: NDArray[Any]
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        assert self._systems is not None
        coarse = [np.unique(np.r_[axis[::_STEP], axis[-1]]) for axis in (down, along)]
        x, y = _apply(self._to_ground, coarse[1][None, :], coarse[0][:, None])
        shape = (len(coarse[0]), len(coarse[1]))
        flat = [np.broadcast_to(part, shape).ravel() for part in (x, y)]
        try:
            with rasterio.Env():
                there = transform(*self._systems, *flat)
        except RasterioError as error:
            raise SourceError(
                f"{self._stored.info.uri}: cannot be laid on the grid of its image ({error})"
            ) from error
        x, y = (_fill_in(np.reshape(part, shape), coarse, (down, along)) for part in there[:2])
        return x, y

    def close(self) -> None:
        """Close the image."""
        self._stored.close()


def _apply(
    matrix: tuple[float, ...], x: NDArray[Any], y: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return where an affine transform takes points."""
    a, b, c, d, e, f = matrix
    return a * x + b * y + c, d * x + e * y + f


def _fill_in(
    values: NDArray[Any],
    known: list[NDArray[Any]],
    wanted: tuple[NDArray[Any], NDArray[Any]],
) -> NDArray[Any]:
    """Interpolate between rows and columns that are known."""
    wide = np.stack([np.interp(wanted[1], known[1], row) for row in values])
    return np.stack([np.interp(wanted[0], known[0], col) for col in wide.T], axis=1)

"""Where the pixels of a grid lie in a raster of another grid."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.errors import RasterioError
from rasterio.warp import transform, transform_bounds

from tilesegm.errors import SourceError
from tilesegm.grid.window import Window
from tilesegm.source.base import ImageInfo

__all__ = ["ByGround", "ByProportion", "Placement", "overlap"]

Points = tuple[NDArray[Any], NDArray[Any]]

_CELL, _STEP = 256, 16
"""Side of the squares of a grid that are projected at once, and rows and columns between the pixels
whose place is projected; those between are interpolated. GDAL chooses the change of datum by the
mean of the points that it gets, so squares stay where they are whatever window is asked for."""
_OFF = 0.05
"""Pixels of the raster by which interpolation may be off; else every pixel is projected."""


class Placement(Protocol):
    """Tells for each pixel of a grid the pixel of a raster that its centre lies in."""

    def places(self, window: Window) -> Points:
        """Return rows and columns of the raster, whole numbers that broadcast to the window.

        They may lie outside of the raster.
        """
        ...


class ByProportion:
    """The raster covers the same place as the grid, in pixels of another size."""

    def __init__(self, grid: tuple[int, int], stored: tuple[int, int]) -> None:
        """Take height and width of both."""
        self._sizes = tuple(zip(grid, stored, strict=True))

    def places(self, window: Window) -> Points:
        """Return rows and columns of the raster; see `Placement.places`."""
        spans = (window.row, window.stop_row), (window.col, window.stop_col)
        rows, cols = (
            (2 * np.arange(*span, dtype=np.int64) + 1) * stored // (2 * grid)
            for span, (grid, stored) in zip(spans, self._sizes, strict=True)
        )
        return rows[:, None], cols[None, :]


class ByGround:
    """Both tell their place on the ground."""

    def __init__(self, grid: ImageInfo, stored: ImageInfo) -> None:
        """Take the grid and the raster, which both have a transform.

        A coordinate system that one of the two does not tell is taken to be that of the other.
        """
        here, there = grid.georeference, stored.georeference
        assert here.transform is not None
        assert there.transform is not None
        self._grid, self._uri = grid.window, stored.uri
        self._to_ground = here.transform
        self._to_stored = tuple(~Affine(*there.transform))[:6]
        self._systems = None
        if here.crs and there.crs and here.crs != there.crs:
            self._systems = here.crs, there.crs
        self._interpolated = lru_cache(maxsize=4096)(self._interpolate)
        self._projected = lru_cache(maxsize=64)(self._project_all)

    def places(self, window: Window) -> Points:
        """Return rows and columns of the raster; see `Placement.places`."""
        if self._systems is None:
            down, along = _centres(window)
            cols, rows = _apply(self._to_stored, *_apply(self._to_ground, along, down))
        else:
            cols, rows = self._by_cells(window)
        # What cannot be projected lies nowhere.
        known = np.isfinite(rows) & np.isfinite(cols)
        rows, cols = (np.floor(np.where(known, part, -1)) for part in (rows, cols))
        return rows.astype(np.int64), cols.astype(np.int64)

    def _by_cells(self, window: Window) -> Points:
        x, y = np.empty((2, window.height, window.width))
        for row in range(window.row // _CELL, -(-window.stop_row // _CELL)):
            for col in range(window.col // _CELL, -(-window.stop_col // _CELL)):
                cell = Window(row * _CELL, col * _CELL, _CELL, _CELL).intersect(self._grid)
                shared = cell and cell.intersect(window)
                if cell is None or shared is None:
                    continue
                target = shared.shift(-window.row, -window.col).slices
                x[target], y[target] = self._part(cell, shared)
        return x, y

    def _part(self, cell: Window, part: Window) -> Points:
        """Return columns and rows of the raster, fractions included, for a part of a cell."""
        known = self._interpolated(cell)
        if known is None:
            inside = part.shift(-cell.row, -cell.col).slices
            x, y = self._projected(cell)
            return x[inside], y[inside]
        down, along = _centres(part)
        axes = _knots(cell.row, cell.height), _knots(cell.col, cell.width)
        x, y = (_fill_in(values, axes, (down[:, 0], along[0])) for values in known)
        return x, y

    def _interpolate(self, cell: Window) -> Points | None:
        """Return the places of some pixels, or None where those between do not follow from them."""
        axes = _knots(cell.row, cell.height), _knots(cell.col, cell.width)
        x, y = self._project(*axes)
        between = tuple((axis[1:] + axis[:-1]) / 2 if len(axis) > 1 else axis for axis in axes)
        exact = self._project(*between)
        with np.errstate(invalid="ignore"):
            off = [
                np.abs(_fill_in(values, axes, between) - right)
                for values, right in zip((x, y), exact, strict=True)
            ]
        # Asked this way round since NaN is larger than nothing.
        return (x, y) if np.max(off) <= _OFF else None

    def _project_all(self, cell: Window) -> Points:
        down, along = _centres(cell)
        return self._project(down[:, 0], along[0])

    def _project(self, down: NDArray[Any], along: NDArray[Any]) -> Points:
        """Return columns and rows of the raster at the crossings of rows and columns."""
        assert self._systems is not None
        x, y = _apply(self._to_ground, along[None, :], down[:, None])
        shape = (len(down), len(along))
        flat = [np.broadcast_to(part, shape).ravel() for part in (x, y)]
        try:
            with rasterio.Env():
                there = transform(*self._systems, *flat)
        except RasterioError as error:
            raise SourceError(
                f"{self._uri}: cannot be laid on the grid of its image ({error})"
            ) from error
        with np.errstate(invalid="ignore"):
            return _apply(self._to_stored, *(np.reshape(part, shape) for part in there[:2]))


def overlap(stored: ImageInfo, grid: ImageInfo) -> bool:
    """Tell whether a raster and a grid, which have transforms, may share a pixel."""
    here, there = _bounds(grid), _bounds(stored)
    crs = stored.georeference.crs
    if crs and grid.georeference.crs:
        try:
            here = transform_bounds(grid.georeference.crs, crs, *here)
        except RasterioError:
            return False
    return bool(
        here[0] < there[2] and there[0] < here[2] and here[1] < there[3] and there[1] < here[3]
    )


def _bounds(info: ImageInfo) -> tuple[float, float, float, float]:
    """Return left, bottom, right and top on the ground."""
    corners = np.array(
        [[0, 0, 1], [info.width, 0, 1], [0, info.height, 1], [info.width, info.height, 1]]
    )
    ground = corners @ np.array(info.georeference.transform).reshape(2, 3).T
    left, bottom = ground.min(0)
    right, top = ground.max(0)
    return float(left), float(bottom), float(right), float(top)


def _centres(window: Window) -> Points:
    """Return the centres of rows, as a column, and of columns, as a row."""
    down = np.arange(window.row, window.stop_row) + 0.5
    along = np.arange(window.col, window.stop_col) + 0.5
    return down[:, None], along[None, :]


def _knots(start: int, size: int) -> NDArray[Any]:
    """Return the centres that are projected: every 16th and the last."""
    return np.unique(np.r_[np.arange(0, size, _STEP), size - 1]) + (start + 0.5)


def _apply(matrix: Sequence[float], x: NDArray[Any], y: NDArray[Any]) -> Points:
    """Return where an affine transform takes points."""
    a, b, c, d, e, f = matrix
    return a * x + b * y + c, d * x + e * y + f


def _fill_in(
    values: NDArray[Any], known: Sequence[NDArray[Any]], wanted: Sequence[NDArray[Any]]
) -> NDArray[Any]:
    """Interpolate between rows and columns that are known."""
    wide = np.stack([np.interp(wanted[1], known[1], row) for row in values])
    return np.stack([np.interp(wanted[0], known[0], col) for col in wide.T], axis=1)

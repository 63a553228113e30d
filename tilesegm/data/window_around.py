"""Where a training window lies around a pixel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tilesegm.data.augment import Geometry
from tilesegm.data.sampling import Place
from tilesegm.grid.window import Window

__all__ = ["window_around"]


def window_around(
    place: Place, shape: tuple[int, int], geometry: Geometry, random: np.random.Generator
) -> Window:
    """Return the square window to read so that a place is in the result of the geometry.

    The place lies anywhere in the result with equal chance, as long as the window stays inside
    the image. Where no such position exists, because the image is too small or the place is in a
    corner that a turned window cannot reach from inside, the window leaves the image by as little
    as it must. An image that is smaller than the window lies in it whole, anywhere.

    Args:
        place: the pixel.
        shape: height and width of its scene.
        geometry: will be applied to the window.
        random: source of chance.
    """
    side, size = geometry.side, geometry.size
    if geometry.points is None:
        rows, cols = np.indices((size, size)).reshape(2, -1)
    else:
        pixels = np.arange(side * side).reshape(side, side)
        rows, cols = np.divmod(geometry.points.nearest(pixels).reshape(-1), side)
    chosen = int(random.integers(len(rows)))
    if _overhang(place.row - rows[chosen], side, shape[0]) or _overhang(
        place.col - cols[chosen], side, shape[1]
    ):
        beyond = _overhang(place.row - rows, side, shape[0])
        beyond = beyond + _overhang(place.col - cols, side, shape[1])
        chosen = int(random.choice(np.flatnonzero(beyond == beyond.min())))
    return Window(place.row - int(rows[chosen]), place.col - int(cols[chosen]), side, side)


def _overhang(start: NDArray[np.intp] | np.intp, side: int, length: int) -> NDArray[np.intp]:
    """Return by how many pixels windows from ``start`` on leave an axis; 0 if one holds it all."""
    low, high = min(0, length - side), max(0, length - side)
    return np.maximum(np.maximum(low - start, start - high), 0)

"""Windows laid around a place, and cut from a scene without held-out pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tilesegm.data.augment.geometry import Geometry
from tilesegm.data.patch import IGNORE, Patch
from tilesegm.data.sampling import Place
from tilesegm.data.scenes import Scenes
from tilesegm.data.split import SceneView
from tilesegm.grid.window import Window

__all__ = ["cut", "window_around"]


def cut(scenes: Scenes, scene: int, view: SceneView, window: Window) -> Patch:
    """Read a window that may leave the image.

    Pixels that are held out, or beyond the image, are invalid and 0. Labels that are not trainable
    are ``IGNORE``.

    Args:
        scenes: hold the scene.
        scene: its number.
        view: which of its pixels may be seen and learnt from.
        window: what to read; a part of it at least lies in the image.
    """
    info = scenes.infos[scene]
    inside = window.intersect(Window(0, 0, info.height, info.width))
    if inside is None:
        raise ValueError(f"{window} lies beyond scene {info.name} of {info.height} x {info.width}")
    patch, visible = scenes.read(scene, inside), view.visible(inside)
    pixels, valid, weights = patch.pixels, patch.valid, patch.weights
    if not visible.all():
        # Blanked although invalid: whoever forgets to look at `valid` must not learn them either.
        pixels = np.where(visible[..., None], pixels, pixels.dtype.type(0))
        valid = valid & visible
    labels = np.where(valid & view.trainable(inside), patch.labels, np.int32(IGNORE))
    if inside == window:
        return Patch(pixels, valid, labels, weights)
    beyond = (
        (inside.row - window.row, window.stop_row - inside.stop_row),
        (inside.col - window.col, window.stop_col - inside.stop_col),
    )
    return Patch(
        np.pad(pixels, (*beyond, (0, 0))),
        np.pad(valid, beyond),
        np.pad(labels, beyond, constant_values=IGNORE),
        None if weights is None else np.pad(weights, beyond),
    )


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

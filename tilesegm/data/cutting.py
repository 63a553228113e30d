"""Windows cut from a scene, without held-out pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tilesegm.data.patch import IGNORE, Patch
from tilesegm.grid.window import Window

if TYPE_CHECKING:
    from tilesegm.data.scenes import Scenes
    from tilesegm.data.split import SceneView

__all__ = ["cut"]


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

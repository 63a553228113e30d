"""How borders move between neighbouring scenes, such as slices of a volume or dates of a place."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from tilesegm.data.patch import IGNORE
from tilesegm.data.scenes import Scenes
from tilesegm.data.split import SceneView
from tilesegm.data.statistics.seams import border_pixels
from tilesegm.grid.window import Window

__all__ = ["compare_neighbours"]

_SIDE = 1024
"""Side of the window that is compared, in the middle of both scenes."""
_PAIRS = 16
"""Pairs that are looked at, at most."""
_ALIKE = 0.1
"""Kappa from which two scenes show the same things: unrelated ones are within 0.03 of 0, slices of
a volume 50 nm apart have 0.2."""


def compare_neighbours(
    scenes: Scenes, views: Sequence[SceneView]
) -> tuple[float | None, float | None]:
    """Compare the labels of scenes of one size that follow each other.

    Returns:
        Median of Cohen's kappa over pairs; None where no two neighbours have one size. And the mean
        distance in pixels from borders of one to those of the other; None where they do not show
        the same things, so that nothing can be said.
    """
    pairs = [
        pair
        for pair in pairwise(range(len(views)))
        if len({(views[n].height, views[n].width) for n in pair}) == 1
    ]
    kappas, moved = [], []
    for first, second in pairs[:: max(1, -(-len(pairs) // _PAIRS))]:
        labels = [_labels(scenes, views[number], number) for number in (first, second)]
        kappa = _kappa(*labels, len(scenes.classes))
        if kappa is not None:
            kappas.append(kappa)
            moved += [_distance(*labels), _distance(*labels[::-1])]
    if not kappas:
        return None, None
    kappa = float(np.median(kappas))
    known = [each for each in moved if each is not None]
    return kappa, float(np.mean(known)) if known and kappa >= _ALIKE else None


def _labels(scenes: Scenes, view: SceneView, number: int) -> NDArray[np.int32]:
    height, width = min(_SIDE, view.height), min(_SIDE, view.width)
    window = Window((view.height - height) // 2, (view.width - width) // 2, height, width)
    mine = view.trainable(window)
    if not mine.any():
        return np.full((height, width), IGNORE, np.int32)
    labels = scenes.read_labels(number, window)
    labels[~mine] = IGNORE
    return labels


def _kappa(first: NDArray[np.int32], second: NDArray[np.int32], classes: int) -> float | None:
    both = (first != IGNORE) & (second != IGNORE)
    if not both.any():
        return None
    table = np.bincount(first[both] * classes + second[both], minlength=classes * classes).reshape(
        classes, classes
    ) / np.count_nonzero(both)
    chance = float(table.sum(0) @ table.sum(1))
    return (float(np.trace(table)) - chance) / (1.0 - chance) if chance < 1.0 else None


def _distance(first: NDArray[np.int32], second: NDArray[np.int32]) -> float | None:
    """Return the mean distance from borders of the first to the nearest ones of the second."""
    one, other = border_pixels(first), border_pixels(second)
    if not one.any() or not other.any():
        return None
    return float(scipy.ndimage.distance_transform_edt(~other)[one].mean())

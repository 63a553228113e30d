"""Finds places where the network fails, for the windows of the next epoch."""

from __future__ import annotations

import numpy as np

from tilesegm.data.cutting import cut
from tilesegm.data.hardness import Hardness
from tilesegm.data.patch import IGNORE
from tilesegm.data.stream import SampleStream
from tilesegm.data.training_data import TrainingData
from tilesegm.grid.window import Window
from tilesegm.model.base import Predictor

__all__ = ["find_hard_places"]

_SHARE = 4
"""One in so many of an epoch's windows is looked at: a twelfth of the epoch's work."""


def find_hard_places(
    stream: SampleStream, data: TrainingData, predictor: Predictor, first: int, count: int
) -> Hardness:
    """Score windows around the places of some samples, and keep the worst.

    The windows are cut as they are in the image, without augmentation. The error of one is the part
    of its pixels that may be learnt from and get another class.

    Args:
        stream: the samples.
        data: where windows are cut.
        predictor: the network as it is now; it takes raw pixels.
        first: number of the first sample of the epoch.
        count: samples of the epoch.
    """
    size, batch = stream.settings.size, stream.settings.batch
    places = [stream.place(index) for index in range(first, first + count, _SHARE)]
    fill = np.asarray(predictor.spec.fill)
    errors: list[float] = []
    for start in range(0, len(places), batch):
        chosen = places[start : start + batch]
        patches = []
        for place in chosen:
            window = Window(place.row - size // 2, place.col - size // 2, size, size)
            patches.append(cut(data.scenes, place.scene, data.views[place.scene], window))
        tiles = np.empty((batch, size, size, data.scenes.bands), np.float32)
        tiles[:] = fill
        for tile, patch in zip(tiles, patches, strict=False):
            tile[patch.valid] = patch.pixels[patch.valid]
        ids = predictor(tiles).argmax(axis=1)
        for patch, predicted in zip(patches, ids, strict=False):
            learnt = patch.labels != IGNORE
            wrong = (predicted != patch.labels)[learnt]
            errors.append(float(wrong.mean()) if wrong.size else 0.0)
    return Hardness.hardest(places, errors)

"""Where scores are cut into classes, chosen alike for all networks."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from tilesegm.comparison.ground import Scored
from tilesegm.data.patch import IGNORE
from tilesegm.metrics.calibration import count_scores

__all__ = ["choose_offsets", "decide_by"]

_STEPS = 254


def choose_offsets(units: Iterable[Scored], classes: int) -> NDArray[np.float64]:
    """Choose what is added to the log-probability of each class before the highest wins.

    Args:
        units: held-out pixels.
        classes: number of classes.

    Returns:
        ``(K,)``; of two classes that of the threshold with the highest F1 of class 1.
    """
    offsets = np.zeros(classes)
    if classes != 2:
        return offsets
    counts = [
        count_scores(np.rint(levels * _STEPS).astype(np.int32), unit.truth, known, _STEPS)
        for unit in units
        for known in [(unit.truth != IGNORE) & np.isfinite(unit.probabilities[0])]
        for levels in [np.nan_to_num(np.moveaxis(unit.probabilities, 0, -1))]
    ]
    curve = sum(counts[1:], counts[0]).curve(1)
    # A threshold between two levels: what has the level belongs to the class.
    threshold = (max(curve.best, 1) - 0.5) / _STEPS
    offsets[1] = np.log((1 - threshold) / threshold)
    return offsets


def decide_by(probabilities: NDArray[np.float32], offsets: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return class ids ``(height, width)``, K where a pixel is missing."""
    missing = ~np.isfinite(probabilities[0])
    shown = np.log(np.maximum(np.nan_to_num(probabilities), 1e-12))
    ids = (shown + offsets[:, None, None].astype(np.float32)).argmax(0)
    ids[missing] = len(offsets)
    return ids

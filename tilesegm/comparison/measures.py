"""What runs are compared by: counts of a unit that are added, and scores that follow from sums.

Every score is computed of sums of counts, for many sums at once: that of all units, and those of
the thousands of resamples that intervals are made of.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tilesegm.errors import SettingsError
from tilesegm.metrics.calibration import ConfidenceCounts
from tilesegm.metrics.counts import ratio
from tilesegm.metrics.map_counts import MapCounts

__all__ = ["MEASURES", "Measure", "Parts", "parts_of", "rank_measures", "scores_of"]

Array = NDArray[np.float64]
Parts = dict[str, Array]
"""Counts of units by kind, each ``(..., counts, classes)``."""

TOLERANCE = 2.0
"""Pixels within which borders count as found."""
_BINS = 15


@dataclass(frozen=True)
class Measure:
    """One score."""

    name: str
    title: str
    part: str
    """Kind of counts that it is made of."""
    score: Callable[[Array], Array]
    """``(..., counts, classes)`` to ``(...,)``; NaN where it is not defined."""
    sign: int = 1
    """1 where high is good, -1 where low is."""
    unit: str = "points"
    """Points are hundredths of the score; ``px`` are pixels."""
    needs: str = ""
    """Option without whose classes it is not counted; empty where it always is."""


def _class_mean(values: Array, there: NDArray[np.bool_]) -> Array:
    """Mean over the classes that are there."""
    known = there & np.isfinite(values)
    return ratio(np.where(known, values, 0).sum(-1), known.sum(-1))


def _iou(sums: Array) -> Array:
    both, true, predicted = np.moveaxis(sums, -2, 0)
    return _class_mean(ratio(both, true + predicted - both), true > 0)


def _dice(sums: Array) -> Array:
    both, true, predicted = np.moveaxis(sums, -2, 0)
    return _class_mean(ratio(2 * both, true + predicted), true > 0)


def _f1_of_borders(sums: Array) -> Array:
    near_true, true, near_predicted, predicted = np.moveaxis(sums, -2, 0)
    recall, precision = ratio(near_true, true, 0), ratio(near_predicted, predicted, 0)
    f1 = ratio(2 * recall * precision, recall + precision, 0)
    return _class_mean(f1, true > 0)


def _hausdorff(sums: Array) -> Array:
    """95th percentile of distances in half pixels; what is farther than the cap counts as it."""
    half = sums.shape[-2] // 2
    sides = np.stack([sums[..., :half, :], sums[..., half:, :]])
    total = sides.sum(-2)
    reached = sides.cumsum(-2) >= 0.95 * total[..., None, :]
    distance = np.where(total > 0, reached.argmax(-2), half - 1).max(0) / 2
    return _class_mean(distance, total[0] > 0)


def _centre_lines(sums: Array) -> Array:
    found, true, right, predicted = np.moveaxis(sums, -2, 0)
    recall, precision = ratio(found, true, 0), ratio(right, predicted, 0)
    return _class_mean(ratio(2 * recall * precision, recall + precision, 0), true > 0)


def _calibration(sums: Array) -> Array:
    confidence, right, pixels = np.moveaxis(sums, -2, 0)
    return ratio(np.abs(confidence - right).sum(-1), pixels.sum(-1))


MEASURES = {
    measure.name: measure
    for measure in (
        Measure("mean_iou", "mean IoU", "confusion", _iou),
        Measure("mean_dice", "mean Dice", "confusion", _dice),
        Measure("boundary_iou", "boundary IoU", "bands", _iou),
        Measure("boundary_f1", f"boundary F1 at {TOLERANCE:g} px", "near", _f1_of_borders),
        Measure("hausdorff95", "Hausdorff 95 %", "distances", _hausdorff, -1, "px"),
        Measure("cldice", "clDice", "skeletons", _centre_lines, needs="thin"),
        Measure("object_f1", "F1 of objects", "objects", _dice, needs="objects"),
        Measure("calibration_error", "calibration error", "confidence", _calibration, -1),
    )
}
"""All scores by name."""


def parts_of(counts: MapCounts) -> Parts:
    """Return the counts of a unit as arrays ``(counts, classes)``."""
    confusion = counts.confusion
    classes = len(confusion)
    right, true = np.diagonal(confusion), confusion.sum(1)
    parts: dict[str, Sequence[NDArray[np.generic]]] = {
        "confusion": (right, true, confusion[:, :classes].sum(0))
    }
    if counts.bands is not None and counts.surfaces is not None:
        bands, surfaces = counts.bands, counts.surfaces
        # Where the truth has no border there is none to be found.
        parts["bands"] = (bands.both, bands.true, bands.predicted)
        stop = int(TOLERANCE**2) + 1
        sides = (surfaces.true, surfaces.predicted)
        parts["near"] = [part for s in sides for part in (s[:, :stop].sum(1), s.sum(1))]
        parts["distances"] = [row for s in sides for row in _half_pixels(s).T]
    if counts.skeletons is not None:
        lines = counts.skeletons
        parts["skeletons"] = (lines.true_found, lines.true, lines.predicted_right, lines.predicted)
    if counts.objects is not None:
        parts["objects"] = (counts.objects.matched, counts.objects.true, counts.objects.predicted)
    if counts.confidence is not None:
        parts["confidence"] = _by_bin(counts.confidence)
    return {name: np.asarray(rows, np.float64) for name, rows in parts.items()}


def _half_pixels(counts: NDArray[np.int64]) -> Array:
    """Bring ``(K, squared distance)`` to ``(K, half pixels)``, upwards; the last one is beyond."""
    squares = np.arange(counts.shape[1] - 1)
    cap = int(np.sqrt(counts.shape[1] - 2))
    bins = np.append(np.ceil(2 * np.sqrt(squares)).astype(int), 2 * cap + 1)
    return np.stack([np.bincount(bins, row, 2 * cap + 2) for row in counts])


def _by_bin(counts: ConfidenceCounts) -> tuple[NDArray[np.generic], ...]:
    """Confidence, right pixels and all, summed over bins of equal width."""
    steps = len(counts.all) - 1
    level = np.arange(steps + 1)
    bins = np.maximum(-(-level * _BINS // steps) - 1, 0)
    confidence, right, pixels = (
        np.bincount(bins, weights, _BINS)
        for weights in (counts.all * (level / steps), counts.right, counts.all)
    )
    return confidence, right, pixels


def scores_of(sums: Mapping[str, Array], measure: Measure) -> Array:
    """Return the scores of sums, in points or pixels."""
    scores = measure.score(sums[measure.part])
    return 100 * scores if measure.unit == "points" else scores


def rank_measures(text: str) -> tuple[Measure, ...]:
    """Read what runs are ranked by: names joined by ``+``, of which the mean counts.

    Raises:
        SettingsError: there is no such score; the message proposes the nearest.
    """
    from tilesegm.training.settings.validation_messages import nearest

    chosen = []
    for name in text.split("+"):
        key = name.strip().replace("-", "_").casefold()
        if key not in MEASURES:
            near = nearest(key, MEASURES)
            advice = f"did you mean {near}?" if near else f"there are {', '.join(MEASURES)}"
            raise SettingsError(f"--rank-by {text}: there is no measure {name.strip()!r}; {advice}")
        chosen.append(MEASURES[key])
    if len({measure.unit for measure in chosen}) > 1:
        raise SettingsError(
            f"--rank-by {text}: pixels and points have no mean; name measures of one unit"
        )
    return tuple(chosen)

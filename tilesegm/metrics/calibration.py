"""Calibration of scores, and the scores of a class at each threshold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.metrics.counts import AccuracyByBin, Counts, histogram, ratio

__all__ = ["ConfidenceCounts", "Curve", "ScoreCounts", "count_confidence", "count_scores"]


@dataclass(frozen=True)
class ConfidenceCounts(AccuracyByBin):
    """Pixels by confidence: entry ``n`` of ``N + 1`` stands for a confidence of ``n / N``."""

    def reliability(self, bins: int = 15) -> NDArray[np.float64]:
        """Return a reliability diagram.

        Args:
            bins: bins of equal width; a confidence between two belongs to the lower one.

        Returns:
            ``(bins, 3)``: mean confidence, accuracy and share of pixels; NaN without pixels.
        """
        steps = len(self.all) - 1
        level = np.arange(steps + 1)
        bin_of = np.maximum(-(-level * bins // steps) - 1, 0)
        pixels, confidence, right = (
            np.bincount(bin_of, weights, bins)
            for weights in (self.all, self.all * (level / steps), self.right)
        )
        share = pixels / max(pixels.sum(), 1)
        return np.column_stack([ratio(confidence, pixels), ratio(right, pixels), share])

    def expected_calibration_error(self, bins: int = 15) -> float:
        """Mean distance of confidence from accuracy over bins (Naeini 2015; Guo 2017)."""
        if not self.all.any():
            return float("nan")
        confidence, accuracy, share = self.reliability(bins).T
        return float(np.nansum(np.abs(confidence - accuracy) * share))


@dataclass(frozen=True)
class Curve:
    """Scores of a class at each threshold; a pixel belongs to it from the threshold on."""

    threshold: NDArray[np.float64]
    """``(n,)`` ascending."""
    precision: NDArray[np.float64]
    """``(n,)``; NaN where no pixel reaches the threshold."""
    recall: NDArray[np.float64]
    f1: NDArray[np.float64]
    iou: NDArray[np.float64]

    @property
    def best(self) -> int:
        """Index of the threshold of the highest F1, which has the highest IoU as well."""
        return int(np.nanargmax(self.f1)) if not np.isnan(self.f1).all() else 0

    def index(self, threshold: float) -> int:
        """Index of the counted threshold that is nearest to another one."""
        return int(np.abs(self.threshold - threshold).argmin())

    @property
    def average_precision(self) -> float:
        """Precision summed over steps of recall; scikit-learn's ``average_precision_score``."""
        recall = np.append(self.recall, 0.0)
        return float((-np.diff(recall) * np.nan_to_num(self.precision)).sum())


@dataclass(frozen=True)
class ScoreCounts(Counts):
    """Pixels by score of each class: entry ``n`` of ``N + 1`` stands for a score of ``n / N``."""

    positive: NDArray[np.int64]
    """``(K, N + 1)`` pixels of the class."""
    negative: NDArray[np.int64]
    """``(K, N + 1)`` pixels of other classes."""

    def curve(self, number: int) -> Curve:
        """Return precision, recall, F1 and IoU of a class at every threshold."""
        steps = self.positive.shape[1] - 1
        right = self.positive[number, ::-1].cumsum()[::-1]
        wrong = self.negative[number, ::-1].cumsum()[::-1]
        true = self.positive[number].sum()
        return Curve(
            np.arange(steps + 1) / steps,
            precision=ratio(right, right + wrong),
            recall=ratio(right, true),
            f1=ratio(2 * right, right + wrong + true),
            iou=ratio(right, wrong + true),
        )


def count_confidence(
    levels: NDArray[Any], right: NDArray[np.bool_], known: NDArray[np.bool_], steps: int
) -> ConfidenceCounts:
    """Count pixels by confidence; all arrays are ``(height, width)``, levels run to ``steps``."""
    parts = known & right, known
    return ConfidenceCounts(*(histogram(levels[part], steps + 1) for part in parts))


def count_scores(
    levels: NDArray[Any], truth: NDArray[Any], known: NDArray[np.bool_], steps: int
) -> ScoreCounts:
    """Count pixels by score of each class.

    Args:
        levels: ``(height, width, K)`` scores as whole numbers up to ``steps``.
        truth: ``(height, width)`` class ids.
        known: ``(height, width)``, False where pixels are not counted.
        steps: the level that stands for 1.
    """
    numbers = range(levels.shape[2])
    positive = [histogram(levels[known & (truth == n), n], steps + 1) for n in numbers]
    negative = [histogram(levels[known & (truth != n), n], steps + 1) for n in numbers]
    return ScoreCounts(np.stack(positive), np.stack(negative))

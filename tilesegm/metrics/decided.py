"""Counts of a decision: the map that it makes, and how far its probabilities can be believed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.decision_rule import STEPS, DecisionRule, levels
from tilesegm.metrics.calibration import ConfidenceCounts, count_confidence
from tilesegm.metrics.confusion import count_pairs
from tilesegm.metrics.counts import Counts
from tilesegm.metrics.offsets import Measure, measure_of

__all__ = ["DecidedCounts", "count_decided"]


@dataclass(frozen=True)
class DecidedCounts(Counts):
    """Pixels with a true class and scores, by the class that was decided for them."""

    confusion: NDArray[np.int64]
    """``(K, K)``: true class (row) and decided class."""
    confidence: ConfidenceCounts
    """By the highest probability, whatever was decided: right where the truth has its class."""
    loss: float
    """Sum of the negative logarithms of the probabilities of true classes."""

    @property
    def pixels(self) -> int:
        """Pixels that were counted."""
        return int(self.confusion.sum())

    @property
    def calibration_error(self) -> float:
        """Mean distance of the highest probability from the accuracy of its class."""
        return self.confidence.expected_calibration_error()

    def score(self, measure: Measure) -> float:
        """Mean IoU or Dice over the classes that occur in the truth."""
        counts = self.confusion
        return float(measure_of(counts.diagonal(), counts.sum(1), counts.sum(0), measure))

    def scores(self) -> dict[str, float | None]:
        """Scores by name, see `OperatingPoint`; None for all where nothing was counted."""
        pixels = self.pixels
        values = {
            "mean_iou": self.score("mean_iou"),
            "mean_dice": self.score("mean_dice"),
            "accuracy": int(self.confusion.trace()) / max(pixels, 1),
            "calibration_error": self.calibration_error,
            "log_loss": self.loss / max(pixels, 1),
        }
        return {name: value if pixels else None for name, value in values.items()}


def count_decided(
    scores: NDArray[np.float32], truth: NDArray[Any], rule: DecisionRule, probabilities: bool
) -> DecidedCounts:
    """Decide pixels and count them.

    Args:
        scores: ``(K, N)``.
        truth: ``(N,)`` class ids.
        rule: how to decide.
        probabilities: whether scores are probabilities; otherwise they are logits.
    """
    ids, values = rule.decide(scores[:, None].copy(), probabilities, wanted=True)
    assert values is not None

    def of(numbers: NDArray[Any]) -> NDArray[np.float32]:
        return np.asarray(np.take_along_axis(values[:, 0], numbers[None].astype(np.intp), 0)[0])

    highest = values[:, 0].argmax(axis=0)
    own = np.maximum(of(truth), np.finfo(np.float32).tiny)
    return DecidedCounts(
        count_pairs(truth, ids[0], len(scores))[:, :-1],
        count_confidence(levels(of(highest)), truth == highest, np.full(truth.shape, True), STEPS),
        float(-np.log(own).sum(dtype=np.float64)),
    )

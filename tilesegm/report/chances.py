"""Whether confidence is deserved, and what other thresholds would give."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tilesegm.metrics.calibration import ConfidenceCounts, ScoreCounts
from tilesegm.metrics.evaluation import Evaluation
from tilesegm.report.charts import COLOURS, lines
from tilesegm.report.page import Page

__all__ = ["add_chances"]

_POINTS = 128
"""Most points of a curve."""


def add_chances(page: Page, evaluation: Evaluation) -> None:
    """Add calibration and thresholds, if scores or confidence were given."""
    total = evaluation.total
    if total.confidence is not None:
        _add_reliability(page, total.confidence)
    if total.scores is not None:
        _add_thresholds(page, total.scores, evaluation)


def _add_reliability(page: Page, counts: ConfidenceCounts) -> None:
    confidence, accuracy, share = counts.reliability().T
    page.section(
        "Calibration",
        f"Expected calibration error {counts.expected_calibration_error():.4f}. Below the dashed "
        "line the map is surer than it is right.",
    )
    page.figure(
        lines(
            {"accuracy": (confidence, accuracy), "share of pixels": (confidence, share)},
            x="confidence",
            y="part",
            limits=(0, 1),
            diagonal=True,
        ),
        "Reliability diagram",
    )


def _add_thresholds(page: Page, counts: ScoreCounts, evaluation: Evaluation) -> None:
    curves = [counts.curve(n) for n in range(len(evaluation.classes))]
    page.section(
        "Thresholds",
        "Each class against all others. A threshold that is chosen here flatters here: choose it "
        "on other pixels.",
    )
    page.table(
        ["class", "average precision", "best threshold", "F1 there", "IoU there"],
        [
            [
                name,
                curve.average_precision,
                *(float(values[curve.best]) for values in (curve.threshold, curve.f1, curve.iou)),
            ]
            for name, curve in zip(evaluation.classes, curves, strict=True)
        ],
    )
    # More curves than colours could not be told apart: the most frequent classes are drawn.
    common = sorted(np.argsort(-evaluation.scores.true, kind="stable")[: len(COLOURS)].tolist())
    few = slice(None, None, max(len(curves[0].threshold) // _POINTS, 1))

    def part(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return values[few]

    page.figure(
        lines(
            {
                evaluation.classes[n]: (part(curves[n].threshold), part(curves[n].f1))
                for n in common
            },
            x="threshold",
            y="F1",
            limits=(0, 1),
        ),
        "F1 at each threshold",
    )
    page.figure(
        lines(
            {
                evaluation.classes[n]: (part(curves[n].recall), part(curves[n].precision))
                for n in common
            },
            x="recall",
            y="precision",
            limits=(0, 1),
        ),
        "Precision and recall",
    )

"""Calibration of confidence, and scores at other thresholds."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tilesegm.metrics.calibration import ConfidenceCounts, ScoreCounts
from tilesegm.metrics.evaluation import Evaluation
from tilesegm.report.charts import COLOURS, lines
from tilesegm.report.page import Page

__all__ = ["add_calibration", "reliability_diagram"]

_POINTS = 128
"""Most points of a curve."""


def add_calibration(page: Page, evaluation: Evaluation) -> None:
    """Add calibration and thresholds, if scores or confidence were given."""
    total = evaluation.total
    if total.confidence is not None:
        _add_reliability(page, total.confidence)
    if total.score_histograms is not None:
        _add_thresholds(page, total.score_histograms, evaluation)


def _add_reliability(page: Page, counts: ConfidenceCounts) -> None:
    page.section(
        "Calibration",
        f"Expected calibration error {counts.expected_calibration_error():.4f}. Below the dashed "
        "line the map is surer than it is right.",
    )
    page.figure(reliability_diagram({"": counts}), "Reliability diagram")


def reliability_diagram(counts: Mapping[str, ConfidenceCounts]) -> str:
    """Draw accuracy and share of pixels by confidence; names stand behind those of the curves."""
    series = {}
    # Points without a height carry the axis from 0 to 1.
    none = [np.nan]
    for name, each in counts.items():
        confidence, accuracy, share = each.reliability().T
        at = np.r_[0, confidence, 1]
        series[f"accuracy {name}".strip()] = (at, np.r_[none, accuracy, none])
        series[f"share of pixels {name}".strip()] = (at, np.r_[none, share, none])
    return lines(series, x="confidence", y="fraction of pixels", limits=(0, 1), guide="diagonal")


def _add_thresholds(page: Page, counts: ScoreCounts, evaluation: Evaluation) -> None:
    true, names = evaluation.class_scores.true, evaluation.classes
    curves = {n: counts.curve(n) for n in np.flatnonzero(true).tolist()}
    page.section(
        "Thresholds",
        "Each class against all others. A threshold that is chosen here flatters here: choose it "
        "on other pixels." + _decided(counts, evaluation),
    )
    page.table(
        ["class", "average precision", "best threshold", "F1 there", "IoU there"],
        [
            [names[n], curve.average_precision]
            + [values[curve.best] for values in (curve.threshold, curve.f1, curve.iou)]
            for n, curve in curves.items()
        ],
    )
    # More curves than colours could not be told apart: the most frequent classes are drawn.
    common = sorted(sorted(curves, key=lambda n: -int(true[n]))[: len(COLOURS)])
    part = slice(None, None, max(counts.positive.shape[1] // _POINTS, 1))
    for x, y, title in (
        ("threshold", "F1", "F1 at each threshold"),
        ("recall", "precision", "Precision and recall"),
    ):
        series = {
            names[n]: (getattr(curves[n], x)[part], getattr(curves[n], y.lower())[part])
            for n in common
        }
        mark = evaluation.decision.threshold if x == "threshold" else None
        page.figure(lines(series, x=x, y=y, limits=(0, 1), guide=mark), title)


def _decided(counts: ScoreCounts, evaluation: Evaluation) -> str:
    """Say at which threshold the map was decided, and what is counted there."""
    threshold, names = evaluation.decision.threshold, evaluation.classes
    if threshold is None or len(names) != 2:
        return ""
    curve = counts.curve(1)
    at, steps = curve.index(threshold), len(curve.threshold) - 1
    return (
        f" The map is {names[1]} from {threshold:.4f} on, the dotted line: F1 {curve.f1[at]:.4f} "
        f"and IoU {curve.iou[at]:.4f} there, counted in steps of 1/{steps}."
    )

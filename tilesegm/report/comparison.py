"""Several predictions of one truth, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from tilesegm.metrics.bands import DEPTHS
from tilesegm.metrics.bootstrap import Difference, compare
from tilesegm.metrics.confusion import mean
from tilesegm.metrics.evaluation import Evaluation
from tilesegm.plain import plain
from tilesegm.report.borders import distance_lines
from tilesegm.report.charts import intervals
from tilesegm.report.page import Page

__all__ = ["Comparison", "add_comparison"]

_FACTS = ("metric", "certain", "first", "other", "difference", "low", "high")


@dataclass(frozen=True)
class Comparison:
    """A first prediction, and by how much others are better."""

    evaluations: Mapping[str, Evaluation]
    """By name; the first is the one that others are compared with."""
    differences: Mapping[str, tuple[Difference, ...]]
    """Of each of the others, by name."""

    @classmethod
    def of(cls, evaluations: Mapping[str, Evaluation]) -> Self:
        """Compare evaluations of at least two predictions with the first one.

        Raises:
            InputError: they cannot be compared; see `compare`.
        """
        first, *others = evaluations
        differences = compare(evaluations[first], [evaluations[name] for name in others])
        return cls(evaluations, dict(zip(others, differences, strict=True)))

    def to_list(self) -> list[dict[str, Any]]:
        """Plain values; None where a score has no meaning."""
        first = next(iter(self.evaluations))
        return [
            {
                "first": first,
                "other": name,
                "differences": [
                    plain({fact: getattr(row, fact) for fact in _FACTS}) for row in differences
                ],
            }
            for name, differences in self.differences.items()
        ]


def add_comparison(page: Page, comparison: Comparison) -> None:
    """Add scores side by side, differences with intervals, and accuracy near borders."""
    evaluations = comparison.evaluations
    first = next(iter(evaluations))
    page.section(
        "Comparison",
        "Intervals hold 95 % of the differences when blocks are drawn again with replacement, the "
        "same ones for both. One that holds zero may be chance.",
    )
    page.table(
        ["prediction", "accuracy", "mean IoU", "mean Dice", "kappa", "mean boundary IoU"],
        [[name, *_summary(evaluation)] for name, evaluation in evaluations.items()],
    )
    for name, differences in comparison.differences.items():
        page.table(
            ["score", first, name, "difference", "low", "high"],
            [[_metric(d), d.first, d.other, d.difference, d.low, d.high] for d in differences],
        )
        page.figure(
            intervals(
                {_metric(d): (d.low, d.difference, d.high) for d in differences}, x="difference"
            ),
            f"{name} beside {first}: right of zero it is better; grey may be chance",
        )
    near = {name: one.total.depths for name, one in evaluations.items() if one.total.depths}
    if len(near) == len(evaluations):
        page.figure(
            distance_lines(near, DEPTHS, "a border of the truth"),
            "Accuracy by distance from a border",
        )


def _summary(evaluation: Evaluation) -> list[float | None]:
    scores, bands = evaluation.class_scores, evaluation.total.bands
    near = mean(bands.iou) if bands else None
    return [scores.accuracy, scores.mean_iou, scores.mean_dice, scores.kappa, near]


def _metric(difference: Difference) -> str:
    return difference.metric.replace("mean_iou", "mean IoU").replace("iou ", "IoU ", 1)

"""Counts of an evaluation, as scores and as plain values."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from functools import cached_property, reduce
from operator import add
from typing import Any

import numpy as np

from tilesegm.classes import Meaning
from tilesegm.grid.tiles import SEAM_DISTANCES
from tilesegm.metrics.bands import DEPTHS
from tilesegm.metrics.confusion import Scores, mean
from tilesegm.metrics.counts import AccuracyByBin
from tilesegm.metrics.map_counts import Block, MapCounts
from tilesegm.metrics.measures import Measures
from tilesegm.plain import plain

__all__ = ["Decided", "Evaluation", "ImageEvaluation"]

_OVERALL = (
    *("pixels", "accuracy", "kappa", "mean_iou", "mean_dice"),
    *("micro_iou", "micro_dice", "frequency_weighted_iou"),
)
"""Scores over all classes, in the order in which they are told."""


@dataclass(frozen=True)
class ImageEvaluation:
    """Counts of one pair of maps."""

    prediction: str
    truth: str
    height: int
    width: int
    counts: MapCounts
    blocks: tuple[Block, ...]
    """Blocks with a known pixel, from top to bottom and left to right."""


@dataclass(frozen=True)
class Decided:
    """How the classes of a map were decided."""

    text: str | None = None
    """As the map tells, such as ``threshold 0.25, temperature 1.3``; None for the arg-max."""
    threshold: float | None = None
    """Probability from which on a pixel became class 1 of two, if one decided."""


@dataclass(frozen=True)
class Evaluation:
    """How far predictions agree with the truth."""

    classes: tuple[str, ...]
    """Names by id."""
    measures: Measures
    images: tuple[ImageEvaluation, ...]
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    """What was assumed of values, and what hides pixels of the truth."""
    truth_values: Meaning = field(default_factory=Meaning)
    """What values of the truths beside ids were read as."""
    predicted_values: Meaning = field(default_factory=Meaning)
    decision: Decided = field(default_factory=Decided)
    """How all predictions were decided."""

    @cached_property
    def total(self) -> MapCounts:
        """Counts of all images together."""
        return reduce(add, (image.counts for image in self.images))

    @property
    def seams(self) -> AccuracyByBin | None:
        """By distance from the nearest seam; None where maps do not tell, or have none at hand."""
        seams = self.total.seams
        return seams if seams and seams.all[:-1].any() else None

    @property
    def unclassified(self) -> int:
        """Pixels that count as wrong because the prediction holds no class where the truth does."""
        return int(self.total.confusion[:, -1].sum())

    @property
    def class_scores(self) -> Scores:
        """Scores of the confusion matrix of all images together."""
        return self.total.class_scores

    @property
    def mean_iou_of_images(self) -> float:
        """Mean over images of each one's mean IoU: small images count like large ones."""
        return mean(np.array([image.counts.class_scores.mean_iou for image in self.images]))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, with None in place of NaN and ``"inf"`` for a distance above the cap."""
        images = [
            {
                "prediction": image.prediction,
                "truth": image.truth,
                "height": image.height,
                "width": image.width,
                **_overall(image.counts),
                "iou": dict(zip(self.classes, image.counts.class_scores.iou, strict=True)),
            }
            for image in self.images
        ]
        said = {
            **_overall(self.total),
            "mean_iou_of_images": self.mean_iou_of_images,
            **({"decision": self.decision.text} if self.decision.text else {}),
            "classes": self._by_class(),
            "confusion": self.total.confusion.tolist(),
            **self._by_distance(),
            **self._calibration(),
            "measures": asdict(self.measures),
            "images": images,
            "notes": list(self.notes),
            "seconds": self.seconds,
        }
        facts: dict[str, Any] = plain(said, infinity="inf")
        return facts

    def to_json(self) -> str:
        """`to_dict` as strict JSON."""
        return json.dumps(self.to_dict(), allow_nan=False)

    def _by_class(self) -> list[dict[str, Any]]:
        total, scores = self.total, self.class_scores
        columns: dict[str, Iterable[Any]] = {
            "name": self.classes,
            "true_pixels": scores.true,
            "predicted_pixels": scores.predicted,
            **{name: getattr(scores, name) for name in ("iou", "dice", "precision", "recall")},
        }
        if total.bands:
            columns["boundary_iou"] = total.bands.iou
        if total.surfaces:
            for tolerance in self.measures.tolerances:
                name = f"{tolerance:g}px"
                columns[f"boundary_f1_{name}"] = total.surfaces.boundary_f1(tolerance)
                columns[f"surface_dice_{name}"] = total.surfaces.surface_dice(tolerance)
            columns["hausdorff_95"] = total.surfaces.hausdorff()
        if total.score_histograms:
            curves = [total.score_histograms.curve(n) for n in range(len(self.classes))]
            columns["average_precision"] = [curve.average_precision for curve in curves]
            columns["best_threshold"] = [curve.threshold[curve.best] for curve in curves]
            columns["best_f1"] = [curve.f1[curve.best] for curve in curves]
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        if total.score_histograms and self.decision.threshold is not None and len(rows) == 2:
            curve = total.score_histograms.curve(1)
            at = curve.index(self.decision.threshold)
            rows[1] |= {"threshold": curve.threshold[at], "f1_at_threshold": curve.f1[at]}
        if total.skeletons:
            for n, number in enumerate(self.measures.thin):
                rows[number]["cldice"] = total.skeletons.cldice[n]
                rows[number]["skeleton_unfinished_pixels"] = total.skeletons.unfinished[n]
        if total.objects:
            names = ("true", "predicted", "matched", "f1", "panoptic_quality")
            parts = {name: getattr(total.objects, name) for name in names}
            for n, number in enumerate(self.measures.objects):
                rows[number]["objects"] = {name: part[n] for name, part in parts.items()}
        return rows

    def _by_distance(self) -> dict[str, Any]:
        values = {}
        for name, counts, ends in (
            ("accuracy_by_border_distance", self.total.depths, DEPTHS),
            ("accuracy_by_seam_distance", self.seams, SEAM_DISTANCES),
        ):
            if counts:
                rows = zip((*ends, None), counts.all, counts.accuracy, strict=True)
                values[name] = [
                    {"up_to_pixels": end, "pixels": pixels, "accuracy": accuracy}
                    for end, pixels, accuracy in rows
                ]
        return values

    def _calibration(self) -> dict[str, Any]:
        counts = self.total.confidence
        if counts is None:
            return {}
        names = ("confidence", "accuracy", "share")
        rows = [dict(zip(names, row, strict=True)) for row in counts.reliability()]
        error = counts.expected_calibration_error()
        return {"expected_calibration_error": error, "reliability": rows}


def _overall(counts: MapCounts) -> dict[str, Any]:
    scores = counts.class_scores
    values = {name: getattr(scores, name) for name in _OVERALL}
    values["mean_iou_classes"] = int(np.isfinite(scores.iou).sum())
    if counts.bands:
        values["mean_boundary_iou"] = mean(counts.bands.iou)
        values["mean_boundary_iou_classes"] = int(np.isfinite(counts.bands.iou).sum())
    return values

"""The decision that a trained network gets: chosen on held-out pixels, counted on all of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from tilesegm.decision_rule import ARGMAX, DecisionRule
from tilesegm.metrics.decided import DecidedCounts, count_decided
from tilesegm.metrics.operating_point import ChosenPoint, choose_operating_point
from tilesegm.model.operating_point import OperatingPoint
from tilesegm.training.validation.held_out import ValidatedRegion
from tilesegm.training.validation.validator import Validator

__all__ = ["TrainedDecision"]

Kind = Literal["held_out", "test"]


@dataclass
class TrainedDecision:
    """What was chosen, and the counts with and without as regions are validated."""

    validator: Validator
    chosen: ChosenPoint | None
    """None where the settings want nothing chosen."""
    counts: dict[Kind, tuple[DecidedCounts, DecidedCounts]] = field(default_factory=dict)
    """Of the arg-max, and with what was chosen, by kind of pixels."""

    @classmethod
    def choose(cls, validator: Validator) -> TrainedDecision:
        """Choose on the held-out pixels that validation takes."""
        settings, data = validator.settings, validator.data
        calibrate = settings.calibrate is not False
        if settings.measure == "none" and not calibrate:
            return cls(validator, None)
        chosen = choose_operating_point(
            validator.scored_blocks,
            [info.name for info in data.scenes.classes],
            probabilities=validator.predictor.spec.probabilities,
            measure=settings.measure,
            calibrate=calibrate,
        )
        return cls(validator, chosen)

    @property
    def rule(self) -> DecisionRule:
        """How class ids follow from scores."""
        return self.chosen.point.rule if self.chosen else ARGMAX

    def validate(self, kind: Kind) -> Iterator[ValidatedRegion]:
        """Segment everything that is held out, or kept for the test, as `predict` will."""
        rule, plain = self.rule, not self.chosen
        for region in self.validator.validate_all(kind, rule, raw=not plain):
            if region.scores is not None:
                self._count(kind, region)
            yield replace(region, scores=None)

    def _count(self, kind: Kind, region: ValidatedRegion) -> None:
        assert region.scores is not None
        classes = len(region.scores)
        known = (region.truth >= 0) & (region.truth < classes)
        known &= np.isfinite(region.scores[0])
        scores, truth = region.scores[:, known], region.truth[known]
        probabilities = self.validator.predictor.spec.probabilities
        found = [count_decided(scores, truth, rule, probabilities) for rule in (ARGMAX, self.rule)]
        before, after = self.counts.get(kind, (None, None))
        self.counts[kind] = (
            found[0] if before is None else before + found[0],
            found[1] if after is None else after + found[1],
        )

    def point(self) -> OperatingPoint | None:
        """Return what the bundle keeps, with the scores of all held-out pixels."""
        if self.chosen is None:
            return None
        before, after = self.counts.get("held_out", (None, None))
        return replace(
            self.chosen.point,
            before=before.scores() if before else {},
            after=after.scores() if after else {},
        )

    def facts(self) -> dict[str, Any]:
        """Return what the result and the report tell, as plain values."""
        point = self.point()
        if point is None or self.chosen is None:
            return {}
        return {
            "measure": point.measure,
            "offsets": list(point.offsets),
            "threshold": point.rule.threshold,
            "temperature": point.temperature,
            "pixels": self.chosen.pixels,
            "sampled": self.chosen.sampled,
            "notes": list(self.chosen.notes),
            "cross_fitted": dict(point.cross_fitted),
            **{
                kind: {"before": before.scores(), "after": after.scores()}
                for kind, (before, after) in self.counts.items()
            },
        }

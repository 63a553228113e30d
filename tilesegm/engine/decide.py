"""Turns finished scores into what is written: class ids, confidence, quantised scores."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tilesegm.decision_rule import ARGMAX, DecisionRule, class_dtype
from tilesegm.engine.members import Member, agreement, each_probabilities, mean_of
from tilesegm.sink.layer import PROBABILITY, Layer

__all__ = ["Confidence", "Decision", "ScoreType", "decide"]

Confidence = Literal["top", "margin", "entropy", "agreement"]
ScoreType = Literal["uint8", "float16", "float32"]


@dataclass(frozen=True)
class Decision:
    """What is made of scores."""

    classes: int
    probabilities: bool
    """Whether scores are probabilities; otherwise they are logits, and softmax makes them so."""
    confidence: Confidence | None = None
    scores: ScoreType | None = None
    rule: DecisionRule = field(default=ARGMAX, kw_only=True)
    """How class ids follow from scores; its temperature holds for all probabilities."""
    least: float | None = field(default=None, kw_only=True)
    """Probability of its class below which a pixel is unsure: its id is then `classes`."""
    raw: bool = field(default=False, kw_only=True)
    """Whether scores are kept as they are too, for those who choose a rule."""
    members: tuple[Member, ...] = field(default=(), kw_only=True)
    """Of an ensemble: what the scores of each network mean. The rule holds for the mean of their
    probabilities, so each temperature stands here."""

    @property
    def planes(self) -> int:
        """Planes of scores: one a class, of each network."""
        return self.classes * max(len(self.members), 1)

    @property
    def ids(self) -> int:
        """Number of ids that a class map may hold."""
        return self.classes + (self.least is not None)

    @property
    def needs_probabilities(self) -> bool:
        """Whether anything that is written depends on probabilities."""
        return bool(self.confidence or self.scores or self.least is not None)

    @property
    def effective(self) -> DecisionRule:
        """The rule without what changes nothing that is written."""
        told = self.rule.shifted or self.needs_probabilities
        offsets = self.rule.offsets if self.rule.shifted else ()
        return DecisionRule(offsets, self.rule.temperature if told else 1.0)

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """The rasters that are made, the class map first."""
        dtype = class_dtype(self.ids)
        layers = [Layer("classes", dtype, nodata=int(np.iinfo(dtype).max), overview="mode")]
        quantised = Layer(
            "confidence", np.dtype(np.uint8), nodata=PROBABILITY.nodata, scale=PROBABILITY.scale
        )
        if self.confidence:
            layers.append(quantised)
        if self.scores == "uint8":
            layers.append(replace(quantised, name="scores", planes=self.classes))
        elif self.scores:
            scores = np.dtype(self.scores)
            layers.append(Layer("scores", scores, planes=self.classes, nodata=float("nan")))
        if self.raw:
            raw = np.dtype(np.float32)
            layers.append(Layer("raw", raw, planes=self.planes, nodata=float("nan")))
        return tuple(layers)


def decide(scores: NDArray[np.float32], decision: Decision) -> dict[str, NDArray[np.generic]]:
    """Decide a rectangle of pixels.

    Args:
        scores: ``(planes, height, width)``; may be changed.
        decision: what to make of them.

    Returns:
        ``classes``: ``(height, width)`` id of the highest score, the first one of equals, or what
        the rule says; `Decision.classes` where that is unsure.
        ``confidence``: ``(height, width)`` uint8, see `PROBABILITY`: the probability of the class,
        its distance to the highest of the others, one minus the entropy over its greatest
        possible value, or the share of an ensemble's networks that choose the class too.
        ``scores``: ``(classes, height, width)`` probabilities; uint8 see `PROBABILITY`.
        ``raw``: ``(planes, height, width)`` float32, the scores as they were.
    """
    raw = scores.copy() if decision.raw else None
    wanted = decision.needs_probabilities
    own_probabilities = each_probabilities(scores, decision.members)
    if own_probabilities:
        scores = mean_of(own_probabilities)
    ids, probabilities = decision.rule.decide(scores, decision.probabilities, wanted)
    results: dict[str, NDArray[np.generic]] = {"classes": ids}
    if raw is not None:
        results["raw"] = raw
    if wanted and probabilities is not None:
        # Of the arg-max, the highest probability is that of the class, and found faster.
        own = ids if decision.rule.shifted else None
        if decision.least is not None:
            unsure = _confidence(probabilities, "top", own) < decision.least
            marked = ids.astype(class_dtype(decision.ids))
            marked[unsure] = decision.classes
            results["classes"] = marked
        if decision.confidence:
            confidence = (
                agreement(own_probabilities, ids, decision.rule)
                if decision.confidence == "agreement"
                else _confidence(probabilities, decision.confidence, own)
            )
            results["confidence"] = PROBABILITY.encode(confidence)
        if decision.scores == "uint8":
            results["scores"] = PROBABILITY.encode(probabilities)
        elif decision.scores:
            results["scores"] = probabilities.astype(decision.scores)
    return results


def _confidence(
    probabilities: NDArray[np.float32], kind: Confidence, ids: NDArray[np.generic] | None
) -> NDArray[np.float32]:
    values: NDArray[np.float32]
    if ids is not None and kind != "entropy":
        place = ids[None].astype(np.intp)
        values = np.take_along_axis(probabilities, place, 0)[0]
        if kind == "margin":
            others = probabilities.copy()
            np.put_along_axis(others, place, -np.inf, 0)
            values -= others.max(axis=0)
    elif len(probabilities) == 1 or kind == "top":
        values = probabilities.max(axis=0)
    elif kind == "margin":
        second, first = np.partition(probabilities, len(probabilities) - 2, axis=0)[-2:]
        values = first - second
    else:
        logs = np.log(probabilities, where=probabilities > 0, out=np.zeros_like(probabilities))
        entropy = -(probabilities * logs).sum(axis=0)
        values = 1 - entropy / np.float32(np.log(len(probabilities)))
    return values

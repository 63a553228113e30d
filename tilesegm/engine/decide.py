"""Turns finished scores into what is written: class ids, confidence, quantised scores."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tilesegm.sink.layer import PROBABILITY, Layer

__all__ = ["Confidence", "Decision", "ScoreType", "class_dtype", "decide"]

Confidence = Literal["top", "margin", "entropy"]
ScoreType = Literal["uint8", "float16", "float32"]


@dataclass(frozen=True)
class Decision:
    """What is made of scores."""

    classes: int
    probabilities: bool
    """Whether scores are probabilities; otherwise they are logits, and softmax makes them so."""
    confidence: Confidence | None = None
    scores: ScoreType | None = None

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """The rasters that are made, the class map first."""
        dtype = class_dtype(self.classes)
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
        return tuple(layers)


def class_dtype(classes: int) -> np.dtype[np.uint8] | np.dtype[np.uint16]:
    """Type of a class map that has room for nodata beside ``classes`` ids."""
    return np.dtype(np.uint8) if classes <= 255 else np.dtype(np.uint16)


def decide(scores: NDArray[np.float32], decision: Decision) -> dict[str, NDArray[np.generic]]:
    """Decide a rectangle of pixels.

    Args:
        scores: ``(classes, height, width)``; may be changed.
        decision: what to make of them.

    Returns:
        ``classes``: ``(height, width)`` id of the highest score, the first one of equals.
        ``confidence``: ``(height, width)`` uint8, see `PROBABILITY`: the highest probability, its
        distance to the second, or one minus the entropy over its greatest possible value.
        ``scores``: ``(classes, height, width)`` probabilities; uint8 see `PROBABILITY`.
    """
    ids, best = _highest(scores)
    results: dict[str, NDArray[np.generic]] = {"classes": ids}
    if decision.confidence or decision.scores:
        probabilities = scores if decision.probabilities else _softmax(scores, best)
        if decision.confidence:
            confidence = _confidence(probabilities, decision.confidence)
            results["confidence"] = PROBABILITY.encode(confidence)
        if decision.scores == "uint8":
            results["scores"] = PROBABILITY.encode(probabilities)
        elif decision.scores:
            results["scores"] = probabilities.astype(decision.scores)
    return results


def _highest(scores: NDArray[np.float32]) -> tuple[NDArray[np.generic], NDArray[np.float32]]:
    """Id and value of the highest score.

    Whole planes are compared because an arg-max along the first axis is some fifteen times
    slower: it cannot use vector instructions.
    """
    dtype = class_dtype(len(scores))
    best = scores[0].copy()
    ids = np.zeros(best.shape, dtype)
    higher = np.empty(best.shape, bool)
    for number in range(1, len(scores)):
        np.greater(scores[number], best, out=higher)
        np.maximum(best, scores[number], out=best)
        # Ids grow from plane to plane, so the larger of two ids is the later one.
        np.maximum(ids, higher * dtype.type(number), out=ids)
    return ids, best


def _softmax(logits: NDArray[np.float32], best: NDArray[np.float32]) -> NDArray[np.float32]:
    np.subtract(logits, best, out=logits)
    np.exp(logits, out=logits)
    logits /= logits.sum(axis=0)
    return logits


def _confidence(probabilities: NDArray[np.float32], kind: Confidence) -> NDArray[np.float32]:
    values: NDArray[np.float32]
    if len(probabilities) == 1 or kind == "top":
        values = probabilities.max(axis=0)
    elif kind == "margin":
        second, first = np.partition(probabilities, len(probabilities) - 2, axis=0)[-2:]
        values = first - second
    else:
        logs = np.log(probabilities, where=probabilities > 0, out=np.zeros_like(probabilities))
        entropy = -(probabilities * logs).sum(axis=0)
        values = 1 - entropy / np.float32(np.log(len(probabilities)))
    return values

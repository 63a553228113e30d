"""Settings of weights that follow the network while it trains."""

from __future__ import annotations

from typing import Literal

from tilesegm.checks import in_range, settings

__all__ = ["AdaptiveClassSettings", "HardPixelSettings"]


@settings("loss.adaptive_classes")
class AdaptiveClassSettings:
    """Class weights that follow the scores of the classes: ``1 - IoU`` of each, with mean 1."""

    follow: Literal["validation", "training"]
    """Where scores come from: each validation, whose scores then steer the training, or the windows
    that are trained on."""
    score: Literal["iou", "recall"] = "iou"
    """``iou``, or ``recall``, which does not count false positives."""
    ratio: float = 5.0
    """Greatest ratio of the weights of two classes."""
    momentum: float | None = None
    """How much of the scores so far stays when new ones come; 0.5 for each validation and 0.99 for
    each batch when not given."""

    def __post_init__(self) -> None:
        in_range("loss.adaptive_classes.ratio", self.ratio, 1)
        in_range("loss.adaptive_classes.momentum", self.momentum, 0, 1, "[)", what="a fraction")


@settings("loss.hard_pixels")
class HardPixelSettings:
    """Only pixels count that the network does not find yet (online hard example mining)."""

    threshold: float = 0.7
    """Probability of its true class from which a pixel is easy, and does not count."""
    keep: float = 0.1
    """Least fraction of a batch that counts, by weight: its hardest pixels."""
    warm_up: float = 0.3
    """Fraction of the run over which the weight of easy pixels falls from 1 to 0."""

    def __post_init__(self) -> None:
        where = "loss.hard_pixels"
        in_range(f"{where}.threshold", self.threshold, 0, 1, what="a probability")
        in_range(f"{where}.keep", self.keep, 0, 1, "(]", what="a fraction of pixels")
        in_range(f"{where}.warm_up", self.warm_up, 0, 1, what="a fraction of the run")

"""The decision that belongs to a network: what was chosen for it on held-out pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tilesegm.decision_rule import DecisionRule

__all__ = ["OperatingPoint", "rule_text"]


@dataclass(frozen=True, kw_only=True)
class OperatingPoint:
    """Offsets and temperature that were chosen on held-out pixels, with what they brought.

    Scores are means over the classes that occur in the labels, by name: ``mean_iou``,
    ``mean_dice``, ``accuracy``, ``calibration_error`` and ``log_loss``.
    """

    measure: str
    """What the offsets were chosen for: ``mean_iou`` or ``mean_dice``; ``none`` for the arg-max."""
    offsets: tuple[float, ...]
    """Added to the logarithm of each class's probability before the highest is taken; all zero for
    the arg-max. Of two classes, a threshold t of the second is the offset log((1 - t) / t), for
    the t from which on probabilities are rounded to the threshold; see `DecisionRule`."""
    temperature: float | None
    """Divides logits, so that probabilities are calibrated; None where none was chosen."""
    before: Mapping[str, float | None] = field(default_factory=dict)
    """Scores of the arg-max without temperature on all held-out pixels."""
    after: Mapping[str, float | None] = field(default_factory=dict)
    """The same with offsets and temperature, which were chosen on these pixels."""
    cross_fitted: Mapping[str, float | None] = field(default_factory=dict)
    """The same where each half is decided by what was chosen on the other half."""

    @property
    def rule(self) -> DecisionRule:
        """How class ids follow from scores."""
        return DecisionRule(self.offsets, self.temperature or 1.0)


def rule_text(rule: DecisionRule, classes: Sequence[str]) -> str:
    """Say in words what a rule does; empty for the arg-max of scores as they are.

    Args:
        rule: offsets and temperature.
        classes: names by id.
    """
    parts = []
    if rule.threshold is not None:
        parts.append(f"{classes[1]!r} from a probability of {rule.threshold:.4f} on")
    elif rule.shifted:
        named = zip(classes, rule.offsets, strict=True)
        parts.append(
            "offsets of log-probabilities: "
            + ", ".join(f"{name} {offset:+.3g}" for name, offset in named if offset)
        )
    if rule.temperature != 1:
        parts.append(f"temperature {rule.temperature:g}")
    return ", ".join(parts)

"""How scores become classes, chosen alike for all networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.comparison.scored_pixels import Scored
from tilesegm.decision_rule import DecisionRule
from tilesegm.metrics.operating_point import ScoredBlock, choose_operating_point

__all__ = ["choose_rule", "decide_by", "rule_cell"]


def choose_rule(units: Sequence[Scored], classes: Sequence[str]) -> DecisionRule:
    """Choose threshold or offsets for the mean IoU of held-out units, as `train` does.

    Args:
        units: held-out pixels.
        classes: names by id.
    """
    blocks = [ScoredBlock(unit.probabilities, unit.truth) for unit in units]
    chosen = choose_operating_point(lambda: blocks, classes, probabilities=True, calibrate=False)
    return chosen.point.rule


def decide_by(probabilities: NDArray[np.float32], rule: DecisionRule) -> NDArray[Any]:
    """Return class ids ``(height, width)``, K where a pixel is missing."""
    ids, _ = rule.decide(np.nan_to_num(probabilities), True, False)
    classes = len(probabilities)
    return np.where(np.isfinite(probabilities[0]), ids, ids.dtype.type(classes))


def rule_cell(rule: DecisionRule) -> str:
    """Write a rule as a cell of a table: a threshold, offsets, or ``argmax``."""
    if rule.threshold is not None:
        return f"{rule.threshold:.4f}"
    return " ".join(f"{one:.3f}" for one in rule.offsets) if rule.shifted else "argmax"

"""What several networks say of a pixel: the mean of their probabilities, and their agreement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tilesegm.decision_rule import DecisionRule, probabilities_of

__all__ = ["Member", "agreement", "each_probabilities", "mean_of"]

Planes = NDArray[np.float32]


@dataclass(frozen=True)
class Member:
    """What the scores of one network of an ensemble mean."""

    probabilities: bool
    """Whether they are probabilities; otherwise they are logits."""
    temperature: float = 1.0
    """Divides its logits."""


def each_probabilities(scores: Planes, members: Sequence[Member]) -> list[Planes]:
    """Turn the scores of each network into its probabilities, in place.

    Args:
        scores: ``(members * classes, height, width)``, those of one network after the other.
        members: what they mean; none for one network alone.

    Returns:
        ``(classes, height, width)`` for each network; they share memory with ``scores``.
    """
    parts = np.split(scores, len(members)) if members else []
    return [
        probabilities_of(part, member.probabilities, member.temperature)
        for part, member in zip(parts, members, strict=True)
    ]


def mean_of(each: Sequence[Planes]) -> Planes:
    """Return the mean probabilities ``(classes, height, width)``.

    Every network counts the same, as in deep ensembles (Lakshminarayanan et al. 2017,
    arXiv:1612.01474).
    """
    total = each[0] + each[1]
    for probabilities in each[2:]:
        total += probabilities
    total *= np.float32(1 / len(each))
    return total


def agreement(
    each: Sequence[Planes], ids: NDArray[np.generic], rule: DecisionRule
) -> NDArray[np.float32]:
    """Return the share of networks that choose the class of each pixel, ``(height, width)``.

    Each decides by the rule that the map is decided by. Where most of them choose the class of the
    map, it is one minus the variation ratio of their votes (Freeman 1965, Elementary Applied
    Statistics; for networks Gal 2016, Uncertainty in Deep Learning, section 3.3.1).
    """
    votes = np.zeros(ids.shape, np.float32)
    for probabilities in each:
        # The class of the highest score changes nothing in place; a threshold rounds a copy.
        votes += rule.decide(probabilities, True, wanted=False)[0] == ids
    votes /= np.float32(len(each))
    return votes

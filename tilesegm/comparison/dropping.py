"""Which runs go on: the rule by which the worst are dropped."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

__all__ = ["KEPT", "LEAST", "rungs_of", "survivors"]

KEPT = 3
"""One in so many goes on after each look (successive halving, Jamieson and Talwalkar 2016)."""
LEAST = 2
"""Variants that go on in any case: an answer needs two that are whole."""
_FIRST = 0.1
"""Fraction of a run after which the first look may be: before, little is learnt."""


def rungs_of(epochs: int, variants: int) -> tuple[int, ...]:
    """Return the epochs after which runs are looked at, from few to all of them.

    The number of variants falls to a third from look to look, and the length rises threefold, so
    that each stretch costs about the same.

    Args:
        epochs: of a whole run.
        variants: that begin.
    """
    rungs = [epochs]
    while variants > LEAST and rungs[0] > 1:
        earlier = max(1, round(rungs[0] / KEPT))
        if earlier < _FIRST * epochs or earlier == rungs[0]:
            break
        rungs.insert(0, earlier)
        variants = max(math.ceil(variants / KEPT), LEAST)
    return tuple(rungs)


def survivors(scores: Mapping[str, Sequence[float]]) -> list[str]:
    """Return the variants that go on, the best first.

    Args:
        scores: of each variant one score a pair of seed and fold, in the same order for all, so
            that all are judged by the same pairs; NaN where a run failed. High is good.
    """
    pairs = zip(*scores.values(), strict=True)
    # A pair counts that all have; a variant of which nothing is left is out.
    alive = {name: row for name, row in scores.items() if not all(map(math.isnan, row))}
    common = [
        number
        for number, _ in enumerate(pairs)
        if all(not math.isnan(row[number]) for row in alive.values())
    ]
    mean = {
        name: sum(row[n] for n in common) / len(common)
        if common
        else sum(v for v in row if not math.isnan(v)) / sum(not math.isnan(v) for v in row)
        for name, row in alive.items()
    }
    ranked = sorted(mean, key=lambda name: -mean[name])
    return ranked[: max(math.ceil(len(scores) / KEPT), LEAST)]

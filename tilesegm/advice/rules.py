"""Which losses suit which labels: the rules, and the evidence that each stands on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tilesegm.advice.facts import ClassFacts, Facts

__all__ = ["RULES", "THIN_SHARE", "Rule", "is_thin", "thin_share"]

THINNESS = 3.0
"""Length over width from which a class is thin: nuclei have 0.8, vessels and roads 15 and more."""
THIN_SHARE = 0.5
"""Share of structures in thin classes from which they decide: vessels and membranes have 1, the
roads of an aerial scene 0.15, nuclei 0."""


def is_thin(each: ClassFacts) -> bool:
    """Whether the objects of a class are lines more than areas."""
    return each.thinness >= THINNESS


def thin_share(facts: Facts) -> float:
    """Return the share of thin classes among all pixels but those of the most frequent class."""
    structures = facts.structures
    pixels = sum(each.pixels for each in structures)
    return sum(each.pixels for each in structures if is_thin(each)) / max(pixels, 1)


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Losses for one kind of labels."""

    name: str
    when: str
    """In words."""
    holds: Callable[[Facts], bool]
    losses: tuple[tuple[str, str], ...]
    """Names of `STUDIED`, best first, each with the reason for it."""
    evidence: tuple[str, ...]
    """Data sets of the study that the rule stands on."""


RULES = (
    Rule(
        name="thin",
        when="more than half of the structures are long for their width",
        holds=lambda facts: thin_share(facts) > THIN_SHARE,
        losses=(
            ("dice_ce_skeleton", "centre lines count, so gaps cost, whatever the width"),
            ("border_pyramid", "weight near borders, and the right amount at coarser scales"),
            (
                "lovasz_ce",
                "overlap as it is scored, with calibrated probabilities; the safe choice",
            ),
        ),
        evidence=("drive", "isbi2012"),
    ),
    Rule(
        name="areas",
        when="most structures are areas or compact objects",
        holds=lambda facts: True,
        losses=(
            ("border_pyramid", "weight near borders, and the right amount at coarser scales"),
            ("border_ce", "weight near borders alone; the cheapest of the three"),
            (
                "lovasz_ce",
                "overlap as it is scored, with calibrated probabilities; the safe choice",
            ),
        ),
        evidence=("dsb2018", "dubai"),
    ),
)
"""The first rule that holds is followed. `python -m benchmarks.advice check` makes the same choice
for each data set from the other three alone."""

"""Sums of losses that have a name in the literature."""

from __future__ import annotations

from collections.abc import Callable
from typing import Unpack

from tilesegm.losses.asymmetric import AsymmetricFocal, AsymmetricFocalTversky
from tilesegm.losses.base import Common, Compound
from tilesegm.losses.cross_entropy import CrossEntropy
from tilesegm.losses.dice import Dice
from tilesegm.losses.exp_log import ExpLogCrossEntropy, ExpLogDice
from tilesegm.losses.focal import Focal
from tilesegm.losses.names import find
from tilesegm.losses.top_k import TopK

__all__ = ["RECIPES", "recipe"]


def recipe(name: str, /, **common: Unpack[Common]) -> Compound:
    """Return a sum of losses by its name.

    ================= ============================================================================
    ``dice_ce``       ``CrossEntropy + Dice`` (Isensee et al. 2021, nnU-Net); a good first choice
    ``dice_topk``     ``TopK(10 %) + Dice``: for hard pixels of strongly imbalanced classes
    ``dice_focal``    ``Focal + Dice``: the same aim without a threshold
    ``combo``         ``0.25 CrossEntropy + 0.5 Dice(smooth=1)``: Combo loss (Taghanaki et al. 2019)
                      with both of its parameters at one half, plus a constant
    ``exp_log``       ``0.8 ExpLogDice + 0.2 ExpLogCrossEntropy`` (Wong et al. 2018)
    ``unified_focal`` ``0.5 AsymmetricFocal + 0.5 AsymmetricFocalTversky`` (Yeung et al. 2022)
    ================= ============================================================================

    Args:
        name: a name of the table; case, hyphens and underscores do not matter.
        **common: ``from_logits`` and ``ignore``, for every term; ``name`` of the sum.

    Raises:
        InputError: there is no such recipe; the message proposes the nearest.
    """
    key = find(name, RECIPES, "recipe")
    title = common.pop("name", None) or key
    total = RECIPES[key](common)
    return Compound(total.terms, total.weights, name=title)


def _dice_ce(common: Common) -> Compound:
    return CrossEntropy(**common) + Dice(**common)


def _dice_topk(common: Common) -> Compound:
    return TopK(**common) + Dice(**common)


def _dice_focal(common: Common) -> Compound:
    return Focal(**common) + Dice(**common)


def _combo(common: Common) -> Compound:
    return Compound([CrossEntropy(**common), Dice(smooth=1.0, **common)], [0.25, 0.5])


def _exp_log(common: Common) -> Compound:
    return Compound([ExpLogDice(**common), ExpLogCrossEntropy(**common)], [0.8, 0.2])


def _unified_focal(common: Common) -> Compound:
    terms = [AsymmetricFocal(**common), AsymmetricFocalTversky(**common)]
    return Compound(terms, [0.5, 0.5])


RECIPES: dict[str, Callable[[Common], Compound]] = {
    "dice_ce": _dice_ce,
    "dice_topk": _dice_topk,
    "dice_focal": _dice_focal,
    "combo": _combo,
    "exp_log": _exp_log,
    "unified_focal": _unified_focal,
}
"""The recipes by name; see `recipe`."""

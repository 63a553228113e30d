"""Sums of losses that have a name in the literature."""

from __future__ import annotations

from collections.abc import Callable
from typing import Unpack

import keras

from tilesegm.losses.asymmetric import AsymmetricFocal, AsymmetricFocalTversky
from tilesegm.losses.base import Common, Compound
from tilesegm.losses.cross_entropy import CrossEntropy
from tilesegm.losses.dice import Dice
from tilesegm.losses.exp_log import ExpLogCrossEntropy, ExpLogDice
from tilesegm.losses.focal import Focal
from tilesegm.losses.ms_ssim import MSSSIM
from tilesegm.losses.names import find
from tilesegm.losses.top_k import TopK
from tilesegm.losses.tversky import Jaccard

__all__ = ["RECIPES", "UNet3PlusHybrid", "recipe"]


@keras.saving.register_keras_serializable(package="tilesegm")
class UNet3PlusHybrid(Compound):
    """``Focal() + MSSSIM() + Jaccard()`` (Huang et al. 2020, ICASSP).

    Focal loss judges pixels, MS-SSIM patches and Jaccard whole masks. The paper applies the sum to
    every output of the decoder: ``DeepSupervision(UNet3PlusHybrid())``.

    Args:
        **common: ``from_logits``, ``ignore`` and ``name``, as for every loss.
    """

    def __init__(self, **common: Unpack[Common]) -> None:
        name = common.pop("name", None)
        super().__init__([Focal(**common), MSSSIM(**common), Jaccard(**common)], name=name)


def recipe(name: str, /, **common: Unpack[Common]) -> Compound:
    """Return a sum of losses by its name.

    ================= ============================================================================
    ``dice_ce``       ``CrossEntropy + Dice`` (Isensee et al. 2021, nnU-Net); a good first choice
    ``dice_topk``     ``TopK(10 %) + Dice``: not from first weights, where it stays at one half
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


RECIPES: dict[str, Callable[[Common], Compound]] = {
    "dice_ce": lambda common: CrossEntropy(**common) + Dice(**common),
    "dice_topk": lambda common: TopK(**common) + Dice(**common),
    "dice_focal": lambda common: Focal(**common) + Dice(**common),
    "combo": lambda common: CrossEntropy(**common) * 0.25 + Dice(smooth=1.0, **common) * 0.5,
    "exp_log": lambda common: ExpLogDice(**common) * 0.8 + ExpLogCrossEntropy(**common) * 0.2,
    "unified_focal": lambda common: (
        AsymmetricFocal(**common) * 0.5 + AsymmetricFocalTversky(**common) * 0.5
    ),
}
"""The recipes by name; see `recipe`."""

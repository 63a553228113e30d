"""Losses for segmentation: one contract, three backends, XLA-safe; see `SegmentationLoss`."""

from collections.abc import Mapping
from typing import Any

from tilesegm.errors import InputError, SettingsError
from tilesegm.losses.active_boundary import ActiveBoundary
from tilesegm.losses.asymmetric import AsymmetricFocal, AsymmetricFocalTversky
from tilesegm.losses.base import Compound, SegmentationLoss
from tilesegm.losses.blob import BlobLoss, number_blobs
from tilesegm.losses.border_smoothing import BorderSmoothing
from tilesegm.losses.boundary import Boundary
from tilesegm.losses.boundary_dou import BoundaryDoU
from tilesegm.losses.class_weights import (
    class_balanced_weights,
    inverse_frequency_weights,
    median_frequency_weights,
)
from tilesegm.losses.cldice import ClDice
from tilesegm.losses.cross_entropy import CrossEntropy
from tilesegm.losses.deep_supervision import DeepSupervision
from tilesegm.losses.dice import Dice
from tilesegm.losses.distance_weighted import BorderWeighted
from tilesegm.losses.exp_log import ExpLogCrossEntropy, ExpLogDice
from tilesegm.losses.focal import Focal
from tilesegm.losses.generalized_dice import GeneralizedDice
from tilesegm.losses.hausdorff import HausdorffDT
from tilesegm.losses.lovasz import Lovasz, LovaszHinge
from tilesegm.losses.mcc import MCC
from tilesegm.losses.ms_ssim import MSSSIM
from tilesegm.losses.names import check_arguments, find, settings_name
from tilesegm.losses.own import is_own, load_own
from tilesegm.losses.poly import Poly1
from tilesegm.losses.pyramid import Pyramid
from tilesegm.losses.recipes import RECIPES, UNet3PlusHybrid, recipe
from tilesegm.losses.relaxation import BoundaryRelaxation
from tilesegm.losses.running import RunningDice
from tilesegm.losses.skeleton_recall import SkeletonRecall
from tilesegm.losses.top_k import TopK
from tilesegm.losses.tversky import FocalTversky, Jaccard, Tversky

__all__ = [
    "LOSSES",
    "MCC",
    "MSSSIM",
    "RECIPES",
    "ActiveBoundary",
    "AsymmetricFocal",
    "AsymmetricFocalTversky",
    "BlobLoss",
    "BorderSmoothing",
    "BorderWeighted",
    "Boundary",
    "BoundaryDoU",
    "BoundaryRelaxation",
    "ClDice",
    "Compound",
    "CrossEntropy",
    "DeepSupervision",
    "Dice",
    "ExpLogCrossEntropy",
    "ExpLogDice",
    "Focal",
    "FocalTversky",
    "GeneralizedDice",
    "HausdorffDT",
    "Jaccard",
    "Lovasz",
    "LovaszHinge",
    "Poly1",
    "Pyramid",
    "RunningDice",
    "SegmentationLoss",
    "SkeletonRecall",
    "TopK",
    "Tversky",
    "UNet3PlusHybrid",
    "class_balanced_weights",
    "get",
    "inverse_frequency_weights",
    "median_frequency_weights",
    "number_blobs",
    "recipe",
]

LOSSES: dict[str, type[SegmentationLoss]] = {
    cls.__name__: cls
    for cls in (
        CrossEntropy,
        BorderSmoothing,
        Focal,
        Poly1,
        TopK,
        BoundaryRelaxation,
        ExpLogCrossEntropy,
        AsymmetricFocal,
        Dice,
        GeneralizedDice,
        Jaccard,
        Tversky,
        FocalTversky,
        ExpLogDice,
        AsymmetricFocalTversky,
        Lovasz,
        LovaszHinge,
        MCC,
        BorderWeighted,
        Boundary,
        HausdorffDT,
        BoundaryDoU,
        ActiveBoundary,
        ClDice,
        SkeletonRecall,
        BlobLoss,
        DeepSupervision,
        Pyramid,
        MSSSIM,
        UNet3PlusHybrid,
    )
}
"""Every loss class by its name, in the order of the documentation."""

_BY_NAME = {settings_name(cls): cls for cls in LOSSES.values()}
"""The same by the names that settings and messages use."""

_AROUND_ANOTHER = ("deep_supervision", "pyramid")


def get(name: str, /, **arguments: Any) -> SegmentationLoss:
    """Make a loss, or a recipe of losses, by its name.

    Args:
        name: a name of `LOSSES` or `RECIPES`; case, hyphens and underscores do not matter, so
            ``"focal_tversky"`` is ``FocalTversky``. Or the import path of a loss of your own, such
            as ``"my_losses:Brier"``, whose file is run.
        **arguments: the arguments of the class, or of `recipe`. ``DeepSupervision`` and ``Pyramid``
            are made around ``Dice`` if ``base`` is not given; it may be a name, too, or a name
            with arguments (``{"name": "tversky", "alpha": 0.3}``).

    Raises:
        InputError: there is no such loss, or it has no such argument; the message proposes the
            nearest name.
    """
    if is_own(name):
        return _make(load_own(name), arguments)
    key = find(name, [*_BY_NAME, *RECIPES], "loss")
    if key in _AROUND_ANOTHER and not isinstance(arguments.get("base"), SegmentationLoss):
        common: dict[str, Any] = {
            k: arguments.pop(k) for k in ("from_logits", "ignore") if k in arguments
        }
        arguments["base"] = _base(arguments.get("base", "dice"), common)
    if key in RECIPES:
        check_arguments(recipe, arguments, key)
        return recipe(key, **arguments)
    return _make(_BY_NAME[key], arguments)


def _base(base: object, common: dict[str, Any]) -> SegmentationLoss:
    """Make the loss that another one is around, of its name or its name with arguments."""
    named = dict(base) if isinstance(base, Mapping) else {"name": base}
    name = named.pop("name", None)
    if not isinstance(name, str) or is_own(name):
        raise SettingsError(
            f"base is {base!r}; expected the name of a loss of `tilesegm losses list`, or that "
            "with arguments, such as {name: tversky, alpha: 0.3}"
        )
    return get(name, **common, **named)


def _make(cls: type[SegmentationLoss], arguments: dict[str, Any]) -> SegmentationLoss:
    name = settings_name(cls) if cls in _BY_NAME.values() else cls.__name__
    check_arguments(cls, arguments, name)
    try:
        return cls(**arguments)
    except TypeError as error:
        raise InputError(f"{name} cannot be made: {error}") from error

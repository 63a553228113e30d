"""Tversky and Jaccard: overlap with a price for each kind of error."""

from __future__ import annotations

from typing import Any, Unpack

import keras
from keras import ops

from tilesegm.errors import SettingsError
from tilesegm.losses.reductions import shortfall
from tilesegm.losses.region import Overlap, RegionLoss, RegionOptions, overlap
from tilesegm.losses.tensors import Tensor

__all__ = ["FocalTversky", "Jaccard", "Tversky", "power_of_loss", "tversky"]

_FLOOR = 1e-7


def tversky(
    count: Overlap, *, extra: float = 0.3, missed: float = 0.7, smooth: float = 1e-5
) -> Tensor:
    """Return ``1 - (TP + s) / (TP + extra FP + missed FN + s)`` of each group and class.

    Args:
        count: Soft counts of :func:`~tilesegm.losses.region.overlap`.
        extra: Price of a pixel that is predicted and not true.
        missed: Price of a pixel that is true and not predicted.
        smooth: s, in pixels.

    Returns:
        ``(G, K)`` losses in ``[0, 1]``.
    """
    errors = extra * count.extra + missed * count.missed
    return shortfall(count.both + smooth, count.both + errors + smooth)


def power_of_loss(loss: Tensor, exponent: float) -> Tensor:
    """Return ``loss ** exponent`` with a finite gradient at 0.

    Below an exponent of 1 the power has no gradient at 0: it tends to infinity, and comes out as
    NaN. Moved by ``delta = 1e-7``, ``(loss + delta)^q - delta^q`` is still 0 there.

    Args:
        loss: Values not below 0.
        exponent: q, above 0.
    """
    return (ops.maximum(loss, 0.0) + _FLOOR) ** exponent - _FLOOR**exponent


@keras.saving.register_keras_serializable(package="tilesegm")
class Tversky(RegionLoss):
    """Tversky loss (Salehi et al. 2017): Dice with a price for each kind of error.

    Other libraries call the prices alpha and beta and do not agree on which is which; 0.5 and 0.5
    give Dice, 1 and 1 Jaccard.

    Args:
        extra: Price of a pixel that is predicted and not true.
        missed: Price of a pixel that is true and not predicted; above ``extra`` it buys recall.
        smooth: Added to numerator and denominator, in pixels.
        **region: ``pool``, ``absent``, ``background`` as for every
            :class:`~tilesegm.losses.region.RegionLoss`; ``from_logits``, ``ignore``, ``name``.

    Raises:
        SettingsError: An argument is out of range.
    """

    def __init__(
        self,
        *,
        extra: float = 0.3,
        missed: float = 0.7,
        smooth: float = 1e-5,
        **region: Unpack[RegionOptions],
    ) -> None:
        super().__init__(**region)
        if min(extra, missed, smooth) < 0.0 or extra + missed == 0.0:
            raise SettingsError(
                f"extra, missed and smooth are {extra}, {missed} and {smooth}; expected numbers"
                " >= 0, the prices not both 0"
            )
        self.extra = extra
        self.missed = missed
        self.smooth = smooth

    def per_class(self, target: Tensor, probability: Tensor, weight: Tensor) -> Tensor:
        """Return :func:`tversky` of each group and class, ``(G, K)``."""
        count = overlap(target, probability, weight, self.pool)
        return tversky(count, extra=self.extra, missed=self.missed, smooth=self.smooth)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that rebuild this loss."""
        own = {"extra": self.extra, "missed": self.missed, "smooth": self.smooth}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="tilesegm")
class FocalTversky(Tversky):
    """Focal Tversky loss: ``(1 - TI) ** (1 / gamma)`` (Abraham and Khan 2019, ISBI).

    With ``gamma`` above 1 the loss of a class that is nearly right still pulls. Its gradient is
    finite at a perfect prediction, where the plain power gives NaN.

    Args:
        gamma: Focus; 1 gives Tversky, the paper takes 4/3.
        **tversky: The arguments of :class:`Tversky`.

    Raises:
        SettingsError: An argument is out of range.
    """

    def __init__(self, *, gamma: float = 4.0 / 3.0, **tversky: Any) -> None:
        super().__init__(**tversky)
        if gamma <= 0.0:
            raise SettingsError(f"gamma is {gamma}; expected a number above 0")
        self.gamma = gamma

    def per_class(self, target: Tensor, probability: Tensor, weight: Tensor) -> Tensor:
        """Return the focal power of :func:`tversky` of each group and class, ``(G, K)``."""
        return power_of_loss(super().per_class(target, probability, weight), 1.0 / self.gamma)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that rebuild this loss."""
        return {**super().get_config(), "gamma": self.gamma}


@keras.saving.register_keras_serializable(package="tilesegm")
class Jaccard(RegionLoss):
    """Soft Jaccard (IoU) loss in the form that is right for soft labels (Wang et al. 2023).

    Args:
        smooth: Added to numerator and denominator, in pixels.
        **region: ``pool``, ``absent``, ``background`` as for every
            :class:`~tilesegm.losses.region.RegionLoss`; ``from_logits``, ``ignore``, ``name``.

    Raises:
        SettingsError: ``smooth`` is negative.
    """

    def __init__(self, *, smooth: float = 1e-5, **region: Unpack[RegionOptions]) -> None:
        super().__init__(**region)
        if smooth < 0.0:
            raise SettingsError(f"smooth is {smooth}; expected a number >= 0")
        self.smooth = smooth

    def per_class(self, target: Tensor, probability: Tensor, weight: Tensor) -> Tensor:
        """Return one minus intersection over union of each group and class, ``(G, K)``."""
        count = overlap(target, probability, weight, self.pool)
        return tversky(count, extra=1.0, missed=1.0, smooth=self.smooth)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that rebuild this loss."""
        return {**super().get_config(), "smooth": self.smooth}

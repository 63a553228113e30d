"""Tversky and Jaccard losses: overlap with a weight for each kind of error."""

from __future__ import annotations

from typing import ClassVar, Unpack

import keras
from keras import ops

from tilesegm.checks import in_range
from tilesegm.errors import SettingsError
from tilesegm.losses.reductions import shortfall
from tilesegm.losses.region import Overlap, RegionLoss, RegionOptions, overlap
from tilesegm.losses.tensors import Tensor

__all__ = ["FocalTversky", "Jaccard", "Tversky", "TverskyOptions", "power_of_loss", "tversky"]

_FLOOR = 1e-7


class TverskyOptions(RegionOptions, total=False):
    """The arguments of `Tversky`, for ``**tversky: Unpack[TverskyOptions]``."""

    alpha: float
    beta: float
    smooth: float


def tversky(
    count: Overlap, *, alpha: float = 0.3, beta: float = 0.7, smooth: float = 1e-5
) -> Tensor:
    """Return ``1 - (TP + s) / (TP + alpha FP + beta FN + s)`` of each group and class.

    Args:
        count: soft counts of `overlap`.
        alpha: weight of false positives, as in Salehi et al. (2017).
        beta: weight of false negatives.
        smooth: s, in pixels.

    Returns:
        ``(G, K)`` losses in ``[0, 1]``.
    """
    errors = alpha * count.fp + beta * count.fn
    return shortfall(count.tp + smooth, count.tp + errors + smooth)


def power_of_loss(loss: Tensor, exponent: float) -> Tensor:
    """Return ``loss ** exponent`` with a finite gradient at 0.

    With an exponent below 1 the power has no gradient at 0: it tends to infinity and arrives as
    NaN. ``(loss + d) ** q - d ** q`` with ``d = 1e-7`` is still 0 there.

    Args:
        loss: values >= 0.
        exponent: q, above 0.
    """
    return (ops.maximum(loss, 0.0) + _FLOOR) ** exponent - _FLOOR**exponent


@keras.saving.register_keras_serializable(package="tilesegm")
class Tversky(RegionLoss):
    """Tversky loss ``1 - TP / (TP + alpha FP + beta FN)`` per class (Salehi et al. 2017, MLMI).

    ``alpha`` weighs false positives and ``beta`` false negatives, as in the paper and in MONAI.
    Abraham and Khan (2019) and Keras swap the two. ``alpha = beta = 0.5`` gives `Dice`,
    ``alpha = beta = 1`` gives `Jaccard`.

    Example:
        >>> labels = [[[1, 1]]]  # one image of 1 x 2 pixels, all foreground
        >>> probabilities = [[[[1.0], [0.0]]]]  # TP 1, FP 0, FN 1
        >>> loss = Tversky(alpha=0.3, beta=0.7, from_logits=False)
        >>> round(float(loss(labels, probabilities)), 3)  # 1 - 1 / (1 + 0.7)
        0.412

    Args:
        alpha: weight of false positives.
        beta: weight of false negatives; above ``alpha`` it favours recall.
        smooth: added to numerator and denominator, in pixels.
        **region: the arguments of every `RegionLoss`.
    """

    earlier_names: ClassVar = {"extra": "alpha", "missed": "beta"}

    def __init__(
        self,
        *,
        alpha: float = 0.3,
        beta: float = 0.7,
        smooth: float = 1e-5,
        **region: Unpack[RegionOptions],
    ) -> None:
        super().__init__(**region)
        if min(alpha, beta, smooth) < 0.0 or alpha + beta == 0.0:
            raise SettingsError(
                f"alpha, beta and smooth are {alpha}, {beta} and {smooth}; expected numbers >= 0,"
                " alpha and beta not both 0"
            )
        self.alpha = alpha
        self.beta = beta
        self.smooth = smooth

    def per_class(self, target: Tensor, probability: Tensor, weight: Tensor) -> Tensor:
        """Return `tversky` of each group and class, ``(G, K)``."""
        count = overlap(target, probability, weight, self.pool)
        return tversky(count, alpha=self.alpha, beta=self.beta, smooth=self.smooth)


@keras.saving.register_keras_serializable(package="tilesegm")
class FocalTversky(Tversky):
    """Focal Tversky loss ``(1 - TI) ** (1 / gamma)`` per class (Abraham and Khan 2019, ISBI).

    TI is the Tversky index, ``alpha`` and ``beta`` as in `Tversky`; the paper swaps them. With
    ``gamma`` above 1, classes that are nearly right keep a gradient. It is finite at a perfect
    prediction, where the plain power gives NaN.

    Args:
        gamma: focus, above 0; 1 gives `Tversky`, the paper takes 4/3.
        **tversky: the arguments of `Tversky`.
    """

    def __init__(self, *, gamma: float = 4.0 / 3.0, **tversky: Unpack[TverskyOptions]) -> None:
        super().__init__(**tversky)
        in_range("gamma", gamma, 0, ends="(]")
        self.gamma = gamma

    def per_class(self, target: Tensor, probability: Tensor, weight: Tensor) -> Tensor:
        """Return ``(1 - TI) ** (1 / gamma)`` of each group and class, ``(G, K)``."""
        return power_of_loss(super().per_class(target, probability, weight), 1.0 / self.gamma)


@keras.saving.register_keras_serializable(package="tilesegm")
class Jaccard(RegionLoss):
    """Soft Jaccard (IoU) loss ``1 - TP / (TP + FP + FN)`` per class (Wang et al. 2023, NeurIPS).

    Its overlap, ``sum min(p, g)``, has the optimum at p = g for soft labels too.

    Args:
        smooth: added to numerator and denominator, in pixels.
        **region: the arguments of every `RegionLoss`.
    """

    def __init__(self, *, smooth: float = 1e-5, **region: Unpack[RegionOptions]) -> None:
        super().__init__(**region)
        in_range("smooth", smooth, 0)
        self.smooth = smooth

    def per_class(self, target: Tensor, probability: Tensor, weight: Tensor) -> Tensor:
        """Return one minus intersection over union of each group and class, ``(G, K)``."""
        count = overlap(target, probability, weight, self.pool)
        return tversky(count, alpha=1.0, beta=1.0, smooth=self.smooth)

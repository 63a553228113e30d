"""The two terms of the unified focal loss, in which background and foreground differ."""

from __future__ import annotations

from typing import Unpack

import keras
from keras import ops

from tilesegm.checks import in_range
from tilesegm.errors import SettingsError
from tilesegm.losses.base import Common, SegmentationLoss
from tilesegm.losses.focal import miss
from tilesegm.losses.inputs import LossInputs
from tilesegm.losses.reductions import weighted_mean
from tilesegm.losses.region import RegionLoss, RegionOptions, overlap
from tilesegm.losses.tensors import Tensor
from tilesegm.losses.tversky import power_of_loss, tversky

__all__ = ["AsymmetricFocal", "AsymmetricFocalTversky"]


@keras.saving.register_keras_serializable(package="tilesegm")
class AsymmetricFocal(SegmentationLoss):
    """Asymmetric focal loss (Yeung et al. 2022, "Unified focal loss").

    The mean of ``-delta sum_{c>0} t_c log p_c - (1 - delta) t_0 (1 - p_0)^gamma log p_0``: only
    the background is focal.

    Args:
        delta: weight of the foreground, in ``[0, 1]``.
        gamma: focus; how strongly background pixels that are already right lose weight; >= 0.
        **common: ``from_logits``, ``ignore`` and ``name``, as for every loss.
    """

    def __init__(self, *, delta: float = 0.6, gamma: float = 0.5, **common: Unpack[Common]) -> None:
        super().__init__(**common)
        in_range("delta", delta, 0, 1)
        in_range("gamma", gamma, 0)
        self.delta = delta
        self.gamma = gamma

    def compute(self, batch: LossInputs) -> Tensor:
        """Return the weighted mean over pixels."""
        pixels = -batch.classes * batch.log_probability
        fade = miss(batch.log_probability[..., 0]) ** self.gamma
        background = (1.0 - self.delta) * fade * pixels[..., 0]
        foreground = self.delta * ops.sum(pixels[..., 1:], axis=-1)
        return weighted_mean(background + foreground, batch.weight)


@keras.saving.register_keras_serializable(package="tilesegm")
class AsymmetricFocalTversky(RegionLoss):
    """Asymmetric focal Tversky loss (Yeung et al. 2022, "Unified focal loss").

    The mean of ``1 - TI`` of the background and ``(1 - TI) ** (1 - gamma)`` of the other classes,
    with ``TI = TP / (TP + delta FN + (1 - delta) FP)``; a binary problem counts as two classes.

    Args:
        delta: weight of false negatives, in ``[0, 1]``; false positives have ``1 - delta``.
        gamma: focus on foreground classes that are nearly right, in ``[0, 1)``.
        **region: ``pool`` and ``absent`` as for every `RegionLoss`; ``from_logits``, ``ignore``,
            ``name``.
    """

    def __init__(
        self, *, delta: float = 0.6, gamma: float = 0.5, **region: Unpack[RegionOptions]
    ) -> None:
        super().__init__(**region)
        in_range("delta", delta, 0, 1)
        in_range("gamma", gamma, 0, 1, "[)")
        if not self.background:
            raise SettingsError("background is False; this loss treats it unlike the other classes")
        self.delta = delta
        self.gamma = gamma

    def compute(self, batch: LossInputs) -> Tensor:
        """Return the mean over groups and classes, background first."""
        probability = ops.exp(batch.log_probability)
        losses = self.per_class(batch.classes, probability, batch.weight)
        return self.mean(losses, batch.classes, probability, batch.weight)

    def per_class(self, target: Tensor, probability: Tensor, weight: Tensor) -> Tensor:
        """Return the loss of each group and class, ``(G, C)``, background first."""
        count = overlap(target, probability, weight, self.pool)
        losses = tversky(count, alpha=1.0 - self.delta, beta=self.delta)
        focus = power_of_loss(losses[:, 1:], 1.0 - self.gamma)
        return ops.concatenate([losses[:, :1], focus], axis=-1)

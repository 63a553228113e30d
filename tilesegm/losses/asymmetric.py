"""The two terms of the unified focal loss, in which background and foreground differ."""

from __future__ import annotations

from typing import Any, Unpack

import keras
from keras import ops

from tilesegm.errors import SettingsError
from tilesegm.losses.base import Common, SegmentationLoss
from tilesegm.losses.focal import miss
from tilesegm.losses.inputs import LossInputs
from tilesegm.losses.reductions import weighted_mean
from tilesegm.losses.region import RegionLoss, RegionOptions, overlap
from tilesegm.losses.tensors import Tensor
from tilesegm.losses.tversky import power_of_loss, tversky

__all__ = ["AsymmetricFocal", "AsymmetricFocalTversky", "asymmetric_focal"]


def asymmetric_focal(
    target: Tensor,
    log_probability: Tensor,
    weight: Tensor,
    *,
    delta: float = 0.6,
    gamma: float = 0.5,
) -> Tensor:
    """Return cross-entropy of the foreground plus focal loss of the background, a scalar.

    The weighted mean over pixels of
    ``-delta sum_{c>0} t_c log p_c - (1 - delta) t_0 (1 - p_0)^gamma log p_0``.

    Args:
        target: ``(N, H, W, C)`` fractions of the classes, background first.
        log_probability: ``(N, H, W, C)`` logarithms of the predicted probabilities.
        weight: ``(N, H, W)`` pixel weights.
        delta: weight of the foreground.
        gamma: focus; how strongly background pixels that are already right lose weight.
    """
    pixels = -target * log_probability
    fade = miss(log_probability[..., 0]) ** gamma
    background = (1.0 - delta) * fade * pixels[..., 0]
    return weighted_mean(background + delta * ops.sum(pixels[..., 1:], axis=-1), weight)


@keras.saving.register_keras_serializable(package="tilesegm")
class AsymmetricFocal(SegmentationLoss):
    """Asymmetric focal loss (Yeung et al. 2022, "Unified focal loss").

    The mean of ``-delta sum_{c>0} t_c log p_c - (1 - delta) t_0 (1 - p_0)^gamma log p_0``: only
    the background is focal.

    Args:
        delta: weight of the foreground, in ``[0, 1]``.
        gamma: focus; how strongly background pixels that are already right lose weight; >= 0.
        **common: ``from_logits``, ``ignore`` and ``name``, as for every loss.

    Raises:
        SettingsError: an argument is out of range.
    """

    def __init__(self, *, delta: float = 0.6, gamma: float = 0.5, **common: Unpack[Common]) -> None:
        super().__init__(**common)
        if not 0.0 <= delta <= 1.0 or gamma < 0.0:
            raise SettingsError(f"delta is {delta}, gamma {gamma}; expected 0 to 1 and >= 0")
        self.delta = delta
        self.gamma = gamma

    def compute(self, batch: LossInputs) -> Tensor:
        """Return `asymmetric_focal` of the batch."""
        return asymmetric_focal(
            batch.classes,
            batch.log_probability,
            batch.weight,
            delta=self.delta,
            gamma=self.gamma,
        )

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that rebuild this loss."""
        return {**super().get_config(), "delta": self.delta, "gamma": self.gamma}


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

    Raises:
        SettingsError: an argument is out of range.
    """

    def __init__(
        self, *, delta: float = 0.6, gamma: float = 0.5, **region: Unpack[RegionOptions]
    ) -> None:
        super().__init__(**region)
        if not 0.0 <= delta <= 1.0 or not 0.0 <= gamma < 1.0:
            raise SettingsError(f"delta is {delta}, gamma {gamma}; expected 0 to 1, and below 1")
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

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that rebuild this loss."""
        return {**super().get_config(), "delta": self.delta, "gamma": self.gamma}

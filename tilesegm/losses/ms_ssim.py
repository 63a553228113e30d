"""Multi-scale structural similarity between probabilities and labels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Unpack

import keras
from keras import ops

from tilesegm.errors import SettingsError
from tilesegm.losses.base import Common, SegmentationLoss
from tilesegm.losses.inputs import LossInputs
from tilesegm.losses.morphology import blur
from tilesegm.losses.pyramid import pooled
from tilesegm.losses.reductions import divide, weighted_mean
from tilesegm.losses.tensors import Tensor, sides

__all__ = ["MSSSIM", "similarity"]

_POWERS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
_LUMINANCE, _CONTRAST = 0.01**2, 0.03**2


def similarity(
    target: Tensor, probability: Tensor, weight: Tensor, *, window: int = 11, sigma: float = 1.5
) -> tuple[Tensor, Tensor]:
    """Return the luminance term and the contrast-structure term of SSIM at each pixel.

    Means, variances and covariances are weighted by a Gaussian window times the pixel weights (Wang
    et al. 2004, with K1 = 0.01, K2 = 0.03 and a range of 1). At the edge of the tile and of ignored
    regions the window shrinks to the pixels that exist.

    Args:
        target: ``(N, H, W, K)`` fractions of the classes.
        probability: ``(N, H, W, K)``.
        weight: ``(N, H, W)`` pixel weights.
        window: side of the window in pixels, odd.
        sigma: standard deviation of the Gaussian in pixels.

    Returns:
        Two ``(N, H, W, K)``; their product is the SSIM map.
    """
    line = [math.exp(-((i - window // 2) ** 2) / (2.0 * sigma**2)) for i in range(window)]
    line = [tap / sum(line) for tap in line]
    weight = weight[..., None]
    # Variances do not move with the origin; from the middle of the range they lose fewer digits.
    g, p = target - 0.5, probability - 0.5
    moments = (g, p, ops.square(g), ops.square(p), g * p)
    blurred = blur(ops.concatenate([weight, *(weight * m for m in moments)], axis=-1), line)
    means = divide(blurred[..., 1:], blurred[..., :1])
    g, p, gg, pp, gp = ops.split(means, 5, axis=-1)
    # Rounding can leave a variance a little below 0.
    spread = ops.relu(gg - ops.square(g)) + ops.relu(pp - ops.square(p))
    contrast = (2.0 * (gp - g * p) + _CONTRAST) / (spread + _CONTRAST)
    g, p = g + 0.5, p + 0.5
    luminance = (2.0 * g * p + _LUMINANCE) / (ops.square(g) + ops.square(p) + _LUMINANCE)
    return luminance, contrast


@keras.saving.register_keras_serializable(package="tilesegm")
class MSSSIM(SegmentationLoss):
    """Multi-scale structural similarity as a loss, in the normalised form.

    ``1 - prod_i ((c_i + 1) / 2)^b_i`` over resolutions i, each half the previous one, with c_i the
    weighted mean over the tile of the contrast-structure term, at the last resolution times
    luminance (Wang et al. 2003). The shift by one, which avoids powers of negative numbers, is the
    "normalised" form.

    It rewards the same structure at each resolution, and so sharp, well-placed borders. In flat
    regions, where neither truth nor prediction vary, only the luminance of the coarsest resolution
    has a gradient: add cross-entropy or focal loss. Windows at the edge of a tile count too; the
    usual form leaves 5 pixels out, times 16 at the fifth resolution.

    Args:
        powers: exponents b of the resolutions, finest first; by default those of the paper.
            Resolutions at which the smaller side of the tile is shorter than the window are left
            out, and the other powers scaled to the same sum.
        window: side of the Gaussian window (sigma 1.5) in pixels, odd.
        **common: ``from_logits``, ``ignore`` and ``name``, as for every loss.

    Raises:
        SettingsError: ``powers`` are not above 0, or ``window`` is not odd.
    """

    def __init__(
        self, *, powers: Sequence[float] = _POWERS, window: int = 11, **common: Unpack[Common]
    ) -> None:
        super().__init__(**common)
        if min(powers, default=0.0) <= 0.0:
            raise SettingsError(f"powers is {powers}; expected one number above 0 per resolution")
        if window < 1 or window % 2 == 0:
            raise SettingsError(f"window is {window}; expected an odd number of pixels")
        self.powers = [float(b) for b in powers]
        self.window = window

    def compute(self, batch: LossInputs) -> Tensor:
        """Return one minus the multi-scale SSIM, in [0, 1], averaged over images and classes."""
        halvings = math.log2(max(min(sides(batch.weight)) / self.window, 1.0))
        used = self.powers[: 1 + int(halvings)]
        used = [power * sum(self.powers) / sum(used) for power in used]
        product = 1.0
        level = pooled(batch, 1)
        for i, power in enumerate(used):
            level = pooled(level, 2) if i else level
            luminance, contrast = similarity(
                level.target, level.probability, level.weight, window=self.window
            )
            terms = luminance * contrast if i == len(used) - 1 else contrast
            area = ops.sum(level.weight, axis=(1, 2))[:, None]
            mean = divide(ops.sum(level.weight[..., None] * terms, axis=(1, 2)), area)
            # The floor keeps the gradient finite where truth and prediction are exact opposites.
            product = product * ops.maximum((mean + 1.0) / 2.0, 1e-6) ** power
        loss = ops.mean(ops.relu(1.0 - product), axis=-1)
        return weighted_mean(loss, ops.sum(batch.weight, axis=(1, 2)))

"""The hybrid loss of UNet 3+, at the level of pixels, patches and maps."""

from __future__ import annotations

from typing import Any, Unpack

import keras

from tilesegm.losses.base import Common, Compound
from tilesegm.losses.focal import Focal
from tilesegm.losses.ms_ssim import MSSSIM
from tilesegm.losses.tversky import Jaccard

__all__ = ["UNet3PlusHybrid"]


@keras.saving.register_keras_serializable(package="tilesegm")
class UNet3PlusHybrid(Compound):
    """``Focal() + MSSSIM() + Jaccard()`` (Huang et al. 2020, ICASSP).

    Focal loss judges pixels, MS-SSIM patches and Jaccard whole masks. The paper applies the sum to
    every output of the decoder: ``DeepSupervision(UNet3PlusHybrid())``.

    Args:
        **common: ``from_logits``, ``ignore`` and ``name``, as for every loss.
    """

    def __init__(self, **common: Unpack[Common]) -> None:
        name = common.pop("name", None) or "unet3plus_hybrid"
        super().__init__([Focal(**common), MSSSIM(**common), Jaccard(**common)], name=name)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that rebuild this loss."""
        return {"from_logits": self.from_logits, "ignore": self.ignore, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> UNet3PlusHybrid:
        """Rebuild the loss."""
        return cls(**config)

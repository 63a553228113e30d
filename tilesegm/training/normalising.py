"""Which normalisation a run uses, and its bundle after it."""

from __future__ import annotations

import numpy as np

from tilesegm.data.training_data import TrainingData
from tilesegm.model.normalisation import Normalisation
from tilesegm.networks.encoders import expected_normalisation
from tilesegm.networks.settings import ModelSettings
from tilesegm.networks.start_weights import StartWeights

__all__ = ["choose_normalisation"]


def choose_normalisation(
    material: TrainingData, settings: ModelSettings, started: StartWeights | None
) -> Normalisation:
    """Choose what the first weights were made for, as far as there is such a thing.

    Args:
        material: What is learnt from.
        settings: Of the network.
        started: What was taken over from another network, if anything was.

    Returns:
        That of the network that a run starts from, or that of a pretrained encoder for three bands
        of 8 bits; otherwise every band is brought to mean 0 and deviation 1.
    """
    if started is not None and started.normalisation is not None:
        return started.normalisation
    scenes = material.scenes
    photographs = scenes.bands == 3 and scenes.dtype == np.uint8
    expected = expected_normalisation(settings) if photographs else None
    return expected or material.standardisation

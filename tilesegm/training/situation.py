"""The facts of a run that decide which of its settings have an effect."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np

from tilesegm.data.scene import BY_PLACE
from tilesegm.data.training_data import TrainingData
from tilesegm.losses import CrossEntropy
from tilesegm.source.vector.address import is_vector
from tilesegm.training.objective import make_loss
from tilesegm.training.settings.config import TrainingConfig
from tilesegm.training.settings.without_effect import Situation

__all__ = ["situation_of"]


def situation_of(config: TrainingConfig, data: TrainingData) -> Situation:
    """Collect what settings and data tell before a run."""
    loss = config.loss
    open_terms = tuple(term for term in loss.terms if "label_smoothing" not in term)
    smoothed = make_loss(replace(loss, terms=open_terms)).terms if open_terms else ()
    below = np.array(data.bands.low) < 0
    names = data.scenes.band_names or [f"band {n + 1}" for n in range(data.scenes.bands)]
    return Situation(
        config=config,
        classes_learnt=int((data.counts > 0).sum()),
        held_out=any(view.held_out for view in data.views),
        vector_scenes=sum(is_vector(scene.labels) for scene in config.data.scenes),
        terms=len(make_loss(loss).terms),
        smoothed_terms=sum(type(term) is CrossEntropy for term in smoothed),
        negative_bands=tuple(name for name, low in zip(names, below, strict=True) if low),
        backend=keras.backend.backend(),
        roles_by_place=any(info.role == BY_PLACE for info in data.scenes.infos),
    )

"""What a run learns from and is looked at with: scenes, split, statistics and samples."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tilesegm.data.scenes import Scenes
from tilesegm.data.split import (
    SceneView,
    Split,
    band_statistics,
    load_split,
    make_split,
    save_split,
    scene_counts,
)
from tilesegm.data.split.picture import draw_split
from tilesegm.data.statistics import (
    BandStatistics,
    SceneStatistics,
    cell_side,
    measure,
)
from tilesegm.data.stream import SampleStream, StreamSettings
from tilesegm.errors import SettingsError
from tilesegm.events import OnEvent
from tilesegm.model.normalisation import Normalisation
from tilesegm.training.class_weights import class_weights
from tilesegm.training.run_folder import RunFolder
from tilesegm.training.settings.config import TrainingConfig
from tilesegm.training.workers import Workers

__all__ = ["Material", "make_stream", "prepare"]


@dataclass(frozen=True)
class Material:
    """Scenes, and what each of their pixels is for."""

    scenes: Scenes
    split: Split
    views: tuple[SceneView, ...]
    statistics: tuple[SceneStatistics, ...]
    bands: BandStatistics
    """Of the pixels that are learnt from."""
    scene_counts: NDArray[np.int64]
    """``(M, K)`` labelled pixels of each class that are learnt from, in each scene."""

    @property
    def counts(self) -> NDArray[np.int64]:
        """``(K,)`` labelled pixels of each class that are learnt from."""
        total: NDArray[np.int64] = self.scene_counts.sum(axis=0)
        return total

    @property
    def standardisation(self) -> Normalisation:
        """Bring each band to mean 0 and deviation 1 over the pixels that are learnt from."""
        # A constant band says nothing: a deviation of 1 leaves it at 0 instead of dividing by 0.
        deviation = [d if d > 0 and math.isfinite(d) else 1.0 for d in self.bands.deviation]
        return Normalisation.of_statistics(self.bands.mean, deviation)


def prepare(
    scenes: Scenes,
    config: TrainingConfig,
    folder: RunFolder,
    buffer: int,
    on_event: OnEvent,
    workers: Workers | None = None,
) -> Material:
    """Measure the scenes and split them, or take over what an earlier start has made.

    Args:
        scenes: Images with labels.
        config: Settings of the run.
        folder: Keeps statistics, and the split as a file and a picture.
        buffer: Pixels around held-out ones that are not learnt from, unless the settings say.
        on_event: Called with progress.
        workers: Processes that all need it; the first alone measures, splits and uses the folder.

    Raises:
        SettingsError: Nothing is left to learn from or to look at, or a split is of other scenes.
    """
    settings = config.split
    workers = workers or Workers()

    def measure_and_split() -> tuple[tuple[SceneStatistics, ...], Split]:
        pixels = sum(info.height * info.width for info in scenes.infos)
        cell = cell_side(settings.block, pixels)
        statistics = measure(scenes, cell=cell, cache=folder.statistics, on_event=on_event)
        given = settings.file or (folder.split if folder.split.exists() else None)
        if given is not None:
            return statistics, load_split(given, scenes)
        wide = buffer if settings.buffer is None else settings.buffer
        return statistics, make_split(scenes, statistics, settings, wide)

    def keep_split() -> None:
        if not folder.split.exists():
            save_split(split, folder.split)
            draw_split(folder.split_picture, views, statistics)

    statistics, split = workers.first(measure_and_split)
    views = split.views(settings.fold)
    if config.validation.metric != "loss" and not any(view.held_out for view in views):
        raise SettingsError(
            f"no pixel is held out and validation.metric is {config.validation.metric!r}; hold "
            "scenes or blocks out (split), or pass loss"
        )
    material = Material(
        scenes=scenes,
        split=split,
        views=views,
        statistics=statistics,
        bands=band_statistics(statistics, views),
        scene_counts=scene_counts(statistics, views),
    )
    workers.first(keep_split)
    return material


def make_stream(
    material: Material, config: TrainingConfig, normalisation: Normalisation
) -> SampleStream:
    """Make the samples of a run.

    Raises:
        SettingsError: No pixel is both labelled and may be learnt from.
    """
    schedule = config.schedule
    return SampleStream(
        material.scenes,
        material.views,
        material.statistics,
        material.bands,
        normalisation,
        StreamSettings(
            size=schedule.size,
            batch=schedule.batch,
            sampling=config.sampling,
            augmentation=config.augmentation,
            seed=config.seed,
        ),
        class_weights(material.scene_counts, config.loss.class_weights),
    )

"""Prepares scenes for a run: measures and splits them, and draws samples from them."""

from __future__ import annotations

from tilesegm.data.scenes import Scenes
from tilesegm.data.split import Split, load_split, make_split, save_split
from tilesegm.data.split.picture import draw_views
from tilesegm.data.statistics import SceneStatistics, cell_side, measure
from tilesegm.data.stream import SampleStream, StreamSettings
from tilesegm.data.training_data import TrainingData
from tilesegm.errors import SettingsError
from tilesegm.events import OnEvent
from tilesegm.model.normalisation import Normalisation
from tilesegm.training.class_weights import class_weights
from tilesegm.training.run_folder import RunFolder
from tilesegm.training.settings.config import TrainingConfig
from tilesegm.training.workers import Workers

__all__ = ["make_stream", "prepare_data"]


def prepare_data(
    scenes: Scenes,
    config: TrainingConfig,
    folder: RunFolder,
    buffer: int,
    on_event: OnEvent,
    workers: Workers | None = None,
) -> TrainingData:
    """Measure the scenes and split them, or use the results of an earlier start again.

    Args:
        scenes: images with labels.
        config: settings of the run.
        folder: keeps statistics, and the split as a file and a picture.
        buffer: pixels around held-out ones that are not learnt from, unless the settings say.
        on_event: called with progress.
        workers: processes that all need it; the first alone measures, splits and uses the folder.

    Raises:
        SettingsError: nothing is left to learn from or to look at, or a split is of other scenes.
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
            draw_views(folder.split_picture, data.views, statistics, scenes.band_names)

    statistics, split = workers.first(measure_and_split)
    data = TrainingData.of(scenes, statistics, split, settings.fold)
    metric = config.validation.metric
    if metric != "loss" and not any(view.held_out for view in data.views):
        raise SettingsError(
            f"no pixel is held out and validation.metric is {metric!r}; hold scenes or blocks out "
            "(split), or pass loss"
        )
    workers.first(keep_split)
    return data


def make_stream(
    data: TrainingData, config: TrainingConfig, normalisation: Normalisation
) -> SampleStream:
    """Make the samples of a run.

    Raises:
        SettingsError: no pixel is both labelled and may be learnt from.
    """
    schedule = config.schedule
    settings = StreamSettings(
        size=schedule.size,
        batch=schedule.batch,
        sampling=config.sampling,
        augmentation=config.augmentation,
        seed=config.seed,
    )
    weights = class_weights(data.scene_counts, config.loss.class_weights)
    return SampleStream(data, settings, normalisation, weights)

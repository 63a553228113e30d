"""Which pixels training would learn from, found without a network and without reading images."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from tilesegm.data.scenes import Scenes
from tilesegm.data.split import ROLES, SceneView, load_split, make_split
from tilesegm.data.statistics import cell_side, load_statistics, measure_labels, scenes_digest
from tilesegm.errors import SettingsError
from tilesegm.events import OnEvent
from tilesegm.grid.window import Window
from tilesegm.training.settings.config import TrainingConfig

__all__ = ["training_views"]


def training_views(
    scenes: Scenes, config: TrainingConfig, on_event: OnEvent
) -> tuple[SceneView, ...]:
    """Tell what the pixels of each scene are for, as `train` will.

    The split of an earlier start in the run's folder is used where there is one, and its
    statistics. The buffer around held-out pixels is that of the settings, or 0: how far a network
    sees is known only when it is built.

    Args:
        scenes: images with labels.
        config: settings of the run.
        on_event: called with progress.

    Raises:
        SettingsError: there are too few parts to split, or a split is of other scenes.
    """
    settings, run = config.split, Path(config.output)
    if settings.file is not None:
        return load_split(settings.file, scenes).views(settings.fold)
    if (run / "split.json").exists():
        with suppress(SettingsError):  # of other scenes: `train` says so
            return load_split(run / "split.json", scenes).views(settings.fold)
    if all(info.role in ROLES for info in scenes.infos):
        return tuple(_whole(info.name, info.height, info.width, info.role) for info in scenes.infos)
    cell = cell_side(settings.block, sum(info.height * info.width for info in scenes.infos))
    statistics = load_statistics(run / "statistics.npz", scenes_digest(scenes, cell))
    if statistics is None:
        statistics = measure_labels(scenes, cell=cell, on_event=on_event)
    return make_split(scenes, statistics, settings, 0).views(settings.fold)


def _whole(name: str, height: int, width: int, role: str | None) -> SceneView:
    whole = (Window(0, 0, height, width),)
    return SceneView(
        name=name,
        height=height,
        width=width,
        held_out=whole if role == "validation" else (),
        test=whole if role == "test" else (),
    )

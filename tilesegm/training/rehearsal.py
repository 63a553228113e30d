"""Everything of a run that comes before its first step, without the run."""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tilesegm.data.find import find_scenes
from tilesegm.data.open_scenes import open_scenes
from tilesegm.data.preview import Display, before_and_after, draw_preview
from tilesegm.data.settings import AugmentationSettings
from tilesegm.data.split.picture import draw_split as draw_views
from tilesegm.data.training_data import TrainingData
from tilesegm.events import OnEvent, StageStarted, ignore
from tilesegm.model.base import ModelSpec
from tilesegm.model.keras_model import describe
from tilesegm.networks.build import build, inference_model
from tilesegm.networks.start_weights import load_start_weights
from tilesegm.training.normalising import choose_normalisation
from tilesegm.training.preparation import make_stream, prepare_data
from tilesegm.training.run_folder import RunFolder
from tilesegm.training.settings.config import TrainingConfig

if TYPE_CHECKING:
    from tilesegm.model.normalisation import Normalisation

__all__ = ["Rehearsal", "draw_split", "draw_windows", "rehearse"]


@dataclass(frozen=True)
class Rehearsal:
    """What a run would begin with."""

    config: TrainingConfig
    model: Any
    """Network as it would be saved, but for other outputs of deep supervision."""
    spec: ModelSpec
    material: TrainingData
    normalisation: Normalisation


@contextmanager
def rehearse(config: TrainingConfig, on_event: OnEvent = ignore) -> Iterator[Rehearsal]:
    """Open scenes, build the network, measure and split, and leave only the statistics behind.

    Statistics are kept in the folder of the run, which takes them over. The split of a run that was
    begun is used again.

    Raises:
        InputError: settings, images and labels cannot be used, or do not fit each other.
        OutputError: statistics cannot be kept.
    """
    run = RunFolder(Path(config.output))
    scenes = open_scenes(find_scenes(config.data, Path()), config.data, config.loss.border_weights)
    try:
        model = build(config.model, scenes.bands, len(scenes.classes))
        started = load_start_weights(model, config.model.weights) if config.model.weights else None
        spec = describe(inference_model(model), model.name)
        buffer = config.schedule.size // 2 if spec.radius is None else spec.radius
        with tempfile.TemporaryDirectory(prefix="tilesegm-") as name:
            folder = _Elsewhere(Path(name), run.statistics)
            if run.split.exists():
                shutil.copyfile(run.split, folder.split)
            on_event(StageStarted("measuring"))
            material = prepare_data(scenes, config, folder, buffer, on_event)
        normalisation = choose_normalisation(material, config.model, started)
        yield Rehearsal(config, model, spec, material, normalisation)
    finally:
        scenes.close()


def draw_windows(
    config: TrainingConfig, path: Path, *, windows: int = 6, on_event: OnEvent = ignore
) -> None:
    """Draw windows that would be learnt from, each as it is and as augmentation changes it.

    Args:
        config: settings of the run.
        path: PNG file.
        windows: how many.
        on_event: called with progress.

    Raises:
        InputError: settings, images and labels cannot be used, or do not fit each other.
        OutputError: the picture cannot be written.
    """
    with rehearse(config, on_event) as ready:
        material, normalisation = ready.material, ready.normalisation
        plain = dataclasses.replace(config, augmentation=AugmentationSettings(flip=False))
        streams = [make_stream(material, one, normalisation) for one in (plain, config)]
        low, high = (
            tuple(
                (value - offset) * scale
                for value, offset, scale in zip(
                    values,
                    _each(normalisation.offset, len(values)),
                    _each(normalisation.scale, len(values)),
                    strict=True,
                )
            )
            for values in (material.bands.low, material.bands.high)
        )
        across = 2 if windows > 1 else 1
        rows = before_and_after(
            streams[0].sample, streams[1].sample, rows=-(-windows // across), across=across
        )
        draw_preview(rows, path, Display(material.scenes.classes, low, high))


def draw_split(
    config: TrainingConfig, path: Path, *, on_event: OnEvent = ignore
) -> tuple[str, ...]:
    """Draw which pixels would be learnt from and which held out.

    Returns:
        What one should know of the split before trusting scores.

    Raises:
        InputError: settings, images and labels cannot be used, or do not fit each other.
        OutputError: the picture cannot be written.
    """
    with rehearse(config, on_event) as ready:
        split = ready.material.split
        draw_views(path, ready.material.views, ready.material.statistics)
        return split.notes


@dataclass(frozen=True)
class _Elsewhere(RunFolder):
    """A folder of a run whose statistics lie in another one."""

    cache: Path

    @property
    def statistics(self) -> Path:
        """Cache of statistics."""
        return self.cache


def _each(values: tuple[float, ...], bands: int) -> tuple[float, ...]:
    """Give each band its value where one stands for all."""
    return values * bands if len(values) == 1 else values

"""Pictures of a run before it begins: windows with their augmentation, and the split."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from tilesegm.data.preview import Display, before_and_after, draw_preview
from tilesegm.data.settings import AugmentationSettings
from tilesegm.data.split.picture import draw_views
from tilesegm.events import OnEvent, ignore
from tilesegm.training.preparation import make_stream
from tilesegm.training.settings.config import TrainingConfig
from tilesegm.training.setup import set_up_aside

__all__ = ["draw_split", "draw_windows"]


def draw_windows(
    config: TrainingConfig, path: Path, *, windows: int = 6, on_event: OnEvent = ignore
) -> None:
    """Draw training windows, each as it is and as augmentation changes it.

    Args:
        config: settings of the run.
        path: PNG file.
        windows: number of windows.
        on_event: called with progress and notes.

    Raises:
        InputError: settings, images and labels cannot be used, or do not fit each other.
        OutputError: the picture cannot be written.
    """
    with set_up_aside(config, on_event=on_event) as setup:
        data, normalisation = setup.data, setup.normalisation
        plain = dataclasses.replace(config, augmentation=AugmentationSettings(flip=False))
        before, after = (make_stream(data, each, normalisation).sample for each in (plain, config))
        offset, scale = np.array(normalisation.offset), np.array(normalisation.scale)
        low, high = (
            tuple(((np.array(values) - offset) * scale).tolist())
            for values in (data.bands.low, data.bands.high)
        )
        across = 2 if windows > 1 else 1
        rows = before_and_after(before, after, rows=-(-windows // across), across=across)
        draw_preview(rows, path, Display(data.scenes.classes, low, high, data.scenes.band_names))


def draw_split(config: TrainingConfig, path: Path, *, on_event: OnEvent = ignore) -> None:
    """Draw which pixels would be learnt from and which held out.

    Args:
        config: settings of the run.
        path: PNG file.
        on_event: called with progress and notes.

    Raises:
        InputError: settings, images and labels cannot be used, or do not fit each other.
        OutputError: the picture cannot be written.
    """
    with set_up_aside(config, on_event=on_event) as setup:
        data = setup.data
        draw_views(path, data.views, data.statistics, data.scenes.band_names)

"""Tries settings as far as training goes before it needs a network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tilesegm.data.find import find_scenes
from tilesegm.data.open_scenes import open_scenes
from tilesegm.data.scenes import Scenes
from tilesegm.data.settings import SplitSettings
from tilesegm.data.split import make_split
from tilesegm.data.statistics import cell_side, measure
from tilesegm.data.training_data import TrainingData
from tilesegm.errors import SettingsError
from tilesegm.events import Noted, OnEvent
from tilesegm.training.init.hold_out import HoldOut
from tilesegm.training.settings.settings_file import read_config

__all__ = ["first_that_works", "open_as_training"]

_LISTED = 5
"""Classes that are named in a note."""
_BLOCK = 64
"""All blocks are multiples of it."""


def open_as_training(chosen: dict[str, Any], folder: Path) -> Scenes:
    """Open the scenes of settings as training does.

    Raises:
        InputError: training would refuse the settings, images or labels; the reason is the same.
    """
    config = read_config(chosen, folder)
    return open_scenes(find_scenes(config.data, folder), config.data, config.loss.border_weights)


def first_that_works(scenes: Scenes, ways: Sequence[HoldOut], on_event: OnEvent) -> HoldOut:
    """Return the first way to hold out that leaves something on both sides.

    Args:
        scenes: images with labels, all of which are read.
        ways: the preferred one first.
        on_event: called with progress.

    Raises:
        SettingsError: none does; the reason is that of the first.
    """
    pixels = sum(info.height * info.width for info in scenes.infos)
    statistics = measure(scenes, cell=cell_side(_BLOCK, pixels), on_event=on_event)
    counts = sum(scene.counts.sum((0, 1)) for scene in statistics)
    absent = [repr(entry.name) for entry, n in zip(scenes.classes, counts, strict=True) if not n]
    if 0 < len(absent) < len(scenes.classes):
        more = f" and {len(absent) - _LISTED} more" if len(absent) > _LISTED else ""
        names = ", ".join(absent[:_LISTED]) + more
        on_event(Noted(f"no pixel of an image is labelled {names}: not to be learnt"))
    reason: SettingsError | None = None
    for way in ways:
        settings = SplitSettings(**way.split)
        try:
            split = make_split(scenes, statistics, settings, way.buffer)
            TrainingData.of(scenes, statistics, split, settings.fold)
        except SettingsError as error:
            reason = reason or error
        else:
            return way
    raise SettingsError(
        f"{reason}; no other way holds anything out of {len(scenes)} images with so few labels "
        "either: give more images, or label more places"
    )

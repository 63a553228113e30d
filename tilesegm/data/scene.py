"""One scene with its files open: image, labels, area and objects on one grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.data.find import SceneFiles
from tilesegm.data.instances import InstanceLabels, Instances
from tilesegm.data.labels.base import Labels
from tilesegm.data.labels.classes import known_values
from tilesegm.data.labels.open import open_labels
from tilesegm.data.labels.raster import RasterLabels
from tilesegm.data.patch import IGNORE
from tilesegm.data.settings import INSTANCES, DataSettings
from tilesegm.grid.window import Window
from tilesegm.source.area import Area, open_area
from tilesegm.source.base import Source
from tilesegm.source.identity import Identity
from tilesegm.source.open import open_source

__all__ = ["OpenScene", "SceneInfo", "meaning", "open_scene"]

_FROM_THE_TOP = ("GIF", "JPEG", "PNG", "WEBP")
"""Formats that decode from the first row only."""


@dataclass(frozen=True)
class SceneInfo:
    """What is known about a scene before a pixel is read."""

    name: str
    group: str
    role: str | None
    height: int
    width: int
    identity: Identity
    """Names and values that differ when image, labels, area or the meaning of labels differ."""


@dataclass(frozen=True)
class OpenScene:
    """Open files of a scene, for one thread at a time."""

    image: Source
    labels: Labels
    area: Area | None = None
    instances: Instances | None = None

    @property
    def slow_image(self) -> bool:
        """Whether a window anywhere in the image costs much more than its pixels."""
        return self.image.info.kind in _FROM_THE_TOP

    @property
    def slow_labels(self) -> bool:
        """Whether a window anywhere in the labels costs much more than its pixels."""
        if isinstance(self.labels, RasterLabels):
            return self.labels.kind in _FROM_THE_TOP
        return isinstance(self.labels, InstanceLabels)

    @property
    def identity(self) -> Identity:
        """Names and values that differ when one of the files does."""
        parts = {"image": self.image.info.identity, "labels": self.labels.identity}
        if self.area:
            parts["area"] = self.area.identity
        if self.instances:
            parts["instances"] = self.instances.identity
        return tuple((f"{part}.{name}", v) for part, pairs in parts.items() for name, v in pairs)

    def read_labels(self, window: Window) -> NDArray[np.int32]:
        """Return ``(height, width)`` labels, ``IGNORE`` outside the area."""
        labels = self.labels.read(window)
        if self.area is not None:
            labels[~self.area.mask(window)] = IGNORE
        return labels

    def close(self) -> None:
        """Close all files."""
        self.image.close()
        self.labels.close()
        if self.instances is not None:
            self.instances.close()


def open_scene(files: SceneFiles, settings: DataSettings, *, separate: bool) -> OpenScene:
    """Open the files of a scene.

    Args:
        files: where they are.
        settings: how they are read.
        separate: whether objects that touch are drawn apart, where labels are made from them.

    Raises:
        SourceError: a file cannot be read, or does not fit the image.
        SettingsError: settings contradict the files.
    """
    image = open_source(files.image, bands=settings.bands, nodata=settings.nodata)
    opened: list[Any] = [image]
    try:
        instances = None
        drawn = files.labels == INSTANCES
        if files.instances is not None:
            instances = Instances(files.instances, image.info, separate=separate and drawn)
            opened.append(instances)
        labels: Labels
        if drawn and instances is not None:
            labels = InstanceLabels(instances, settings.labels, image.info)
        else:
            labels = open_labels(files.labels, settings.labels, image.info)
        opened.append(labels)
        area = None if files.area is None else open_area(files.area, image.info)
    except BaseException:
        for each in opened:
            each.close()
        raise
    return OpenScene(image, labels, area, instances)


def meaning(settings: DataSettings, extras: Sequence[object]) -> Identity:
    """Return what decides class ids beside the files, colours and names left out."""
    labels = settings.labels
    told = (
        sorted((str(value), number) for value, number in known_values(labels).items()),
        labels.unknown,
        labels.attribute,
        labels.layer,
        labels.all_touched,
        labels.background,
        *extras,
    )
    return (("labels mean", repr(told)),)

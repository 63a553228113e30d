"""One scene: image, labels, area and objects on one grid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tilesegm.closing import Closing
from tilesegm.data.instances import InstanceLabels, Instances
from tilesegm.data.labels.base import Labels
from tilesegm.data.labels.raster import RasterLabels
from tilesegm.data.labels.roles import RoleLabels
from tilesegm.data.labels.vector import VectorLabels
from tilesegm.data.patch import IGNORE
from tilesegm.data.weight_map import WeightMap
from tilesegm.grid.window import Window
from tilesegm.source.area import Area
from tilesegm.source.base import Source
from tilesegm.source.hidden import find_hidden
from tilesegm.source.identity import Identity
from tilesegm.source.margin_share import find_margin_share
from tilesegm.source.vector.reading import Reading

__all__ = ["BY_PLACE", "OpenScene", "SceneEntry", "SceneInfo"]

BY_PLACE = "by place"
"""Role of a scene whose labels have several: those of each place say what it is for."""

_FROM_THE_TOP = ("GIF", "JPEG", "PNG", "WEBP")
"""Formats that decode from the first row only."""


@dataclass(frozen=True, kw_only=True)
class SceneInfo:
    """Facts about a scene, known before a pixel is read."""

    name: str
    group: str
    role: str | None
    """``train``, ``validation``, ``test``, or ``BY_PLACE``; None where the split decides."""
    height: int
    width: int
    identity: Identity
    """Names and values that differ when image, labels, area, weights or the meaning of labels
    differ."""
    weight: float = 1.0
    """How often a pixel is drawn for training, compared with those of other scenes."""
    image: str = ""
    """Name of the image without folder and suffix."""


@dataclass(frozen=True, kw_only=True)
class OpenScene(Closing):
    """Open files of a scene, for one thread at a time."""

    image: Source
    labels: Labels
    label_identity: Identity = ()
    """Names and values that differ when the labels' values mean other classes."""
    area: Area | None = None
    instances: Instances | None = None
    weights: WeightMap | None = None
    """Labels do not count where the weight is 0."""

    @property
    def weight_map(self) -> WeightMap | None:
        """Weights of pixels: its own, or those of the labels that are learnt from."""
        parts = self.labels.parts if isinstance(self.labels, RoleLabels) else ()
        return next((part.weights for part in parts if part.role == "train"), self.weights)

    @property
    def slow_weights(self) -> bool:
        """Whether a window anywhere in the weights costs much more than its pixels."""
        return self.weight_map is not None and self.weight_map.kind in _FROM_THE_TOP

    @property
    def slow_image(self) -> bool:
        """Whether a window anywhere in the image costs much more than its pixels."""
        return self.image.info.kind in _FROM_THE_TOP

    @property
    def slow_labels(self) -> bool:
        """Whether a window anywhere in the labels costs much more than its pixels."""
        return self.slow_weights or any(
            labels.kind in _FROM_THE_TOP
            if isinstance(labels, RasterLabels)
            else isinstance(labels, InstanceLabels)
            for labels in self._files
        )

    @property
    def readings(self) -> tuple[Reading, ...]:
        """What is to be told of the vector files of the labels."""
        return tuple(each.reading for each in self._files if isinstance(each, VectorLabels))

    @property
    def areas(self) -> tuple[Area, ...]:
        """Its area, or that of each role."""
        parts = self.labels.parts if isinstance(self.labels, RoleLabels) else ()
        return tuple(filter(None, (self.area, *(part.area for part in parts))))

    @property
    def _files(self) -> tuple[Labels, ...]:
        """Labels of each role, or the only ones."""
        if isinstance(self.labels, RoleLabels):
            return tuple(part.labels for part in self.labels.parts)
        return (self.labels,)

    @property
    def identity(self) -> Identity:
        """Names and values that differ when one of the files or the meaning of labels does."""
        parts = {"image": self.image.info.identity, "labels": self.labels.identity}
        if self.area:
            parts["area"] = self.area.identity
        if self.instances:
            parts["instances"] = self.instances.identity
        if self.weights:
            parts["weights"] = self.weights.identity
        files = ((f"{part}.{name}", v) for part, pairs in parts.items() for name, v in pairs)
        return (*files, *self.label_identity)

    def read_labels(self, window: Window) -> NDArray[np.int32]:
        """Return ``(height, width)`` labels, ``IGNORE`` outside the area and at weight 0."""
        labels = self.labels.read(window)
        if self.area is not None:
            labels[~self.area.mask(window)] = IGNORE
        if self.weights is not None:
            labels[self.weights.read(window) == 0] = IGNORE
        return labels

    def hidden(self) -> tuple[str, ...]:
        """Say how many pixels tags of image and labels hide, and which settings read them.

        Also how many are a margin that nothing hides.
        """
        image = tuple(
            f"image {self.image.info.uri}: {found.settings_text}"
            for found in find_hidden(self.image)
            if found.pixels or found.doubtful
        )
        margin = find_margin_share(self.image)
        if margin is not None:
            image += (f"image {self.image.info.uri}: {margin.settings_text}",)
        labels = [each.hidden() for each in self._files if isinstance(each, RasterLabels)]
        return image + tuple(note for notes in labels for note in notes)

    def snapped(self) -> tuple[int, int]:
        """Count pixels of labels whose colour is snapped to the nearest, and all of such labels."""
        counts = [each.snapped() for each in self._files if isinstance(each, RasterLabels)]
        return sum(some for some, _ in counts), sum(of for _, of in counts)

    def close(self) -> None:
        """Close all files."""
        self.image.close()
        self.labels.close()
        for part in (self.instances, self.weights):
            if part is not None:
                part.close()


@dataclass(frozen=True)
class SceneEntry:
    """A scene that can be opened, as often as threads need it."""

    name: str
    group: str
    role: str | None
    open: Callable[[], OpenScene]
    weight: float = 1.0

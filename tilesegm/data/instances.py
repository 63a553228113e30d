"""Single objects: labels made from them, and the weights of the borders between them."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, partial
from glob import has_magic
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.data.border_weights import (
    balancing_weights,
    falk_weights,
    ridge_reach,
    ronneberger_weights,
    separate_instances,
)
from tilesegm.data.file_names import is_shown
from tilesegm.data.labels.classes import class_ids
from tilesegm.data.labels.open import open_on_grid
from tilesegm.data.labels.table import ValueTable
from tilesegm.data.labels.values import strips
from tilesegm.data.labels.vector import VectorObjects
from tilesegm.data.settings import BorderWeightSettings, LabelSettings
from tilesegm.errors import SettingsError, SourceError
from tilesegm.grid.window import Window
from tilesegm.source.base import ImageInfo, Source
from tilesegm.source.identity import Identity, files_identity
from tilesegm.source.vector.address import VectorAddress, is_vector
from tilesegm.source.vector.reading import Reading

__all__ = ["InstanceLabels", "Instances", "write_border_weights"]

_BLOCK = 1024
"""Side of the blocks that border weights are computed in."""


class Instances:
    """Ids of objects on the grid of an image, 0 for background."""

    def __init__(
        self, path: str, info: ImageInfo, *, separate: bool, buffer: float | str | None = None
    ) -> None:
        """Open a raster of ids, polygons, or one mask per object; a later one lies above.

        Args:
            path: of the raster or vector file, or a pattern whose last part holds ``*``.
            info: of the image.
            separate: whether to open a gap of background between objects that touch.
            buffer: around points and lines of a vector file, as `LabelSettings.buffer`.

        Raises:
            SourceError: a file cannot be read, does not fit the image, or holds no ids.
        """
        self._window = info.window
        self._separate = separate
        self._source: Source | None = None
        if is_vector(path):
            objects = VectorObjects(VectorAddress.parse(path), info, buffer)
            self._draw: Callable[[Window], NDArray[Any]] | None = objects.read
            self.identity: Identity = objects.identity
            self.readings: tuple[Reading, ...] = (objects.reading,)
            return
        self._draw, self.readings = None, ()
        if has_magic(Path(path).name) and not Path(path).exists():
            masks = Path(path).parent.glob(Path(path).name)
            files = sorted(mask for mask in masks if is_shown(mask.name))
            self._join = cache(partial(_join_masks, files, info))
            self.identity = files_identity(map(str, files))
            return
        self._source = open_on_grid(path, info)
        if self._source.info.bands != 1 or self._source.info.dtype.kind not in "iu":
            self._source.close()
            raise SourceError(
                f"instances {path}: {self._source.info.bands} bands of {self._source.info.dtype}; "
                "expected one band of whole ids, or a pattern such as 'masks/*.png'"
            )
        self.identity = self._source.info.identity

    def read(self, window: Window) -> NDArray[Any]:
        """Return ``(height, width)`` ids."""
        if not self._separate:
            return self._load(window)
        near = window.widen(1).intersect(self._window) or window
        apart = separate_instances(self._load(near))
        return apart[window.shift(-near.row, -near.col).slices]

    def _load(self, window: Window) -> NDArray[Any]:
        if self._draw is not None:
            return self._draw(window)
        if self._source is None:
            return self._join()[window.slices]
        pixels = self._source.read(window)
        ids = np.maximum(pixels.values[..., 0], 0)
        return ids if pixels.valid is None else np.where(pixels.valid, ids, 0)

    def close(self) -> None:
        """Close the file."""
        if self._source:
            self._source.close()


class InstanceLabels:
    """Labels that are 1 where an object is and 0 elsewhere, as the classes' values."""

    def __init__(self, instances: Instances, settings: LabelSettings, info: ImageInfo) -> None:
        """Take the objects.

        Raises:
            SettingsError: classes leave open what 0 and 1 stand for.
        """
        ids = class_ids(settings)
        if not {0, 1} <= set(ids):
            raise SettingsError(
                "labels are made from instances: one class needs the value 0 (background) and "
                f"one the value 1 (objects); labels.classes have {', '.join(map(str, ids))}"
            )
        self._instances = instances
        self._table = ValueTable({0: ids[0], 1: ids[1]})
        self.height, self.width = info.height, info.width
        self.identity = instances.identity

    def read(self, window: Window) -> NDArray[np.int32]:
        """Return ``(height, width)`` class ids."""
        return self._table.look_up((self._instances.read(window) > 0).astype(np.uint8))

    def close(self) -> None:
        """Do nothing: whoever opened the instances closes them."""


def write_border_weights(
    instances: Instances, settings: BorderWeightSettings, weights: NDArray[np.float32]
) -> None:
    """Compute the weights of a whole image, block by block.

    Around each block as much is read as the ridges reach, so that the result is that of the whole
    image at once, to the tolerance of `tilesegm.data.border_weights`.

    Args:
        instances: of the image.
        settings: kind and shape of the ridges.
        weights: ``(H, W)`` to write to.
    """
    whole = Window(0, 0, *weights.shape)
    # 1 and 10 are height and width of the other slope of Falk's weights.
    height, width = settings.ridge
    margin = math.ceil(max(ridge_reach(height, width), ridge_reach(1.0, 10.0)))
    objects = sum(int(np.count_nonzero(instances.read(strip))) for strip in strips(whole, 1))
    balance = balancing_weights(whole.pixels, objects)
    for block in whole.tiles(_BLOCK):
        near = block.widen(margin).intersect(whole) or block
        ids = instances.read(near)
        if settings.kind == "falk":
            ridges = falk_weights(ids, strength=height, sigma=width)
        else:
            ridges = ronneberger_weights(ids, w0=height, sigma=width, class_weights=balance)
        weights[block.slices] = ridges[block.shift(-near.row, -near.col).slices]


def _join_masks(files: list[Path], info: ImageInfo) -> NDArray[np.int32]:
    """Number the objects of masks, each in a file of its own, in the order of their names."""
    ids = np.zeros((info.height, info.width), np.int32)
    for number, file in enumerate(files, 1):
        with open_on_grid(str(file), info) as source:
            pixels = source.read(info.window)
        mask = pixels.values.any(-1)
        ids[mask if pixels.valid is None else mask & pixels.valid] = number
    return ids

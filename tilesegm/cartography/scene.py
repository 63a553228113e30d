"""A class map, and the image that it was made of, at the size of a picture."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tilesegm.cartography.class_map import ShownMap
from tilesegm.cartography.shrinking import (
    MISSING_ID,
    Shape,
    open_coarse,
    shape_within,
    shrink_ids,
    shrink_pixels,
)
from tilesegm.class_kinds import says_background
from tilesegm.classes import ClassInfo
from tilesegm.errors import SettingsError, SourceError
from tilesegm.events import OnEvent, StageProgress, StageStarted
from tilesegm.pictures.colours import colour_classes
from tilesegm.pictures.rendering import Rendering
from tilesegm.source.base import Georeference, ImageInfo, Source, same_place
from tilesegm.source.open import open_source
from tilesegm.source.resampled import ResampledSource
from tilesegm.source.scaled import covers

__all__ = [
    "ImageChoice",
    "Scene",
    "ShownImage",
    "find_image",
    "progress_of",
    "read_scene",
    "resized",
]

_MOST_LEVELS = 64


@dataclass(frozen=True, kw_only=True)
class ImageChoice:
    """An image, and how it is opened."""

    image: Any
    """What `open_source` takes."""
    options: dict[str, Any] = field(default_factory=dict)
    """Further arguments of `open_source`, but for the level."""
    resampled: tuple[Shape, Shape] | None = None
    """Height and width of the finest level, and those that it is read with."""

    def open(self, level: int = 0) -> Source:
        """Open a level of it; 0 is the finest."""
        source = open_source(self.image, level=level, **self.options)
        if self.resampled is None:
            return source
        stored, read = np.array(self.resampled)
        size = np.maximum(np.rint((source.info.height, source.info.width) * read / stored), 1)
        return ResampledSource(source, int(size[0]), int(size[1]))

    @property
    def names(self) -> list[str]:
        """Paths and addresses of its files; none of an array."""
        several = self.image if isinstance(self.image, list | tuple) else [self.image]
        return [os.fspath(one) for one in several if isinstance(one, str | os.PathLike)]


@dataclass(frozen=True, eq=False)
class ShownImage:
    """An image as it is drawn."""

    choice: ImageChoice
    level: int
    """Level that has the size of the map."""
    rendering: Rendering
    rgb: NDArray[np.uint8]
    """``(rows, cols, 3)``."""
    place: Georeference
    """Where the pixels of the map lie, by the image."""


@dataclass(frozen=True, eq=False)
class Scene:
    """What pictures of a class map are drawn from."""

    shown: ShownMap
    ids: NDArray[np.int32]
    """``(rows, cols)``: places in ``classes``; -1 where a pixel has no class."""
    values: tuple[int, ...]
    """Ids of the map, in the order of ``classes``."""
    classes: tuple[ClassInfo, ...]
    """Those that are seen at this size."""
    image: ShownImage | None = None

    @property
    def colours(self) -> NDArray[np.uint8]:
        """``(rows, cols, 3)``: colour of each class, grey where there is none."""
        return colour_classes(self.ids, self.classes)

    @property
    def painted(self) -> NDArray[np.bool_]:
        """``(rows, cols)``: pixels whose class is painted on an image, which background is not."""
        shown = [not says_background(info.name) for info in self.classes]
        return np.array([*shown, False])[self.ids]

    @property
    def place(self) -> Georeference:
        """Where the map lies; where its image does, if it does not tell."""
        place = self.shown.place
        unknown = place.transform is None and place.pixel_size is None
        return self.image.place if unknown and self.image else place

    @property
    def step(self) -> float:
        """Pixels of the map that a dot is wide."""
        return float(self.shown.info.width / self.ids.shape[1])


def find_image(choice: ImageChoice, grid: ImageInfo) -> tuple[ImageChoice, int, Georeference]:
    """Return the level of an image that has the pixels of a class map, and where they lie.

    Where none has, the image is resampled if it covers the same ground.

    Raises:
        SourceError: there is none, or it lies elsewhere.
    """
    with closing(choice.open()) as source:
        first = source.info
    level, info = 0, first
    while (info.height, info.width) != (grid.height, grid.width) and level < _MOST_LEVELS:
        level += 1
        smaller = info.height < grid.height or info.width < grid.width
        try:
            if smaller:
                raise SourceError
            with closing(choice.open(level)) as source:
                info = source.info
        except (SourceError, SettingsError):
            if covers(first, grid):
                sizes = (first.height, first.width), (grid.height, grid.width)
                return replace(choice, resampled=sizes), 0, grid.georeference
            raise SourceError(
                f"{first.uri} has {first.height} x {first.width} pixels and {grid.uri} "
                f"{grid.height} x {grid.width}; give the image that the map was made of"
            ) from None
    here, there = info.georeference, grid.georeference
    if not same_place(here, there, grid.height, grid.width):
        raise SourceError(
            f"{first.uri} and {grid.uri} have pixels at different places: their transforms differ; "
            "give the image that the map was made of"
        )
    return choice, level, here


def read_scene(
    shown: ShownMap,
    side: int,
    choice: ImageChoice | None,
    on_event: OnEvent,
) -> Scene:
    """Read a class map and its image at the size of a picture.

    Args:
        shown: the map.
        side: pixels along the longer side of the picture.
        choice: the image.
        on_event: called with progress, as reading a raster without overviews takes time.

    Raises:
        SourceError: they cannot be read, or the image is not of the map's size.
    """
    info = shown.info
    found = find_image(choice, info) if choice else None
    shape = shape_within(info.height, info.width, side)
    on_event(StageStarted(f"reading {info.uri}"))
    with closing(open_coarse(shown.open, shape)) as source:
        ids = shrink_ids(source, shape, progress_of(on_event))
    values = tuple(np.unique(ids[ids != MISSING_ID]).tolist())
    places = np.full(MISSING_ID + 1, -1, np.int32)
    places[list(values)] = np.arange(len(values))
    image = None
    if choice and found:
        on_event(StageStarted("reading the image"))
        image = _read_image(found, shape, progress_of(on_event))
    return Scene(shown, places[ids], values, shown.classes_of(values), image)


def _read_image(
    found: tuple[ImageChoice, int, Georeference],
    shape: Shape,
    on_progress: Callable[[float], None],
) -> ShownImage:
    choice, level, place = found
    with closing(open_coarse(partial(_deeper, choice, level), shape)) as source:
        pixels, info = shrink_pixels(source, shape, on_progress), source.info
    rendering = Rendering.of([(pixels.values, pixels.valid)], info.band_names, info.band_colours)
    rgb = rendering.draw(pixels.values, pixels.valid)
    return ShownImage(choice, level, rendering, resized(rgb, shape), place)


def _deeper(choice: ImageChoice, level: int, further: int) -> Source:
    return choice.open(level + further)


def resized(rgb: NDArray[np.uint8], shape: Shape) -> NDArray[np.uint8]:
    """Bring a picture to a size; few pixels are enlarged to squares."""
    if rgb.shape[:2] == shape:
        return rgb
    grows = max(shape) > max(rgb.shape[:2])
    kind = Image.Resampling.NEAREST if grows else Image.Resampling.BOX
    return np.array(Image.fromarray(rgb).resize(shape[::-1], kind))


def progress_of(on_event: OnEvent) -> Callable[[float], None]:
    """Return what reports the fraction done of a stage."""

    def report(done: float) -> None:
        on_event(StageProgress(done))

    return report

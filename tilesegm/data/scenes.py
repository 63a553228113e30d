"""Images with labels to learn from, read by windows from any thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tilesegm.classes import ClassInfo
from tilesegm.closing import Closing
from tilesegm.data.copies import Copies
from tilesegm.data.handles import Handles
from tilesegm.data.instances import write_border_weights
from tilesegm.data.labels.roles import RoleLabels, RolePlaces
from tilesegm.data.labels.values import strips
from tilesegm.data.patch import IGNORE, Patch
from tilesegm.data.scene import SceneEntry, SceneInfo
from tilesegm.data.scene_facts import SceneFacts, check_alike, other_order
from tilesegm.data.settings import BorderWeightSettings
from tilesegm.errors import SourceError
from tilesegm.grid.window import Window
from tilesegm.source.base import ImageInfo, Pixels
from tilesegm.source.vector.reading import Reading, tell, tell_bare

__all__ = ["Scenes"]

_OPEN = 32
"""Scenes that stay open while nobody reads them."""

_LOOKED_AT = 16
"""Scenes whose tags are looked at before a run, of all that there are."""

_COPIED_BYTES = 4 * 2**30
"""Most bytes of decoded images and labels to copy into the temporary folder."""

_Array = NDArray[Any]
_Fill = Callable[[int, _Array], None]


class Scenes(Closing):
    """Images with labels on one grid each; close it, or use it as a context manager.

    Images whose format decodes from the first row only (PNG, JPEG, GIF, WebP) are decoded once
    into the temporary folder, while room set aside for them lasts. All others are read where they
    are.
    """

    classes: tuple[ClassInfo, ...]
    """Name and colour of each class id."""
    infos: tuple[SceneInfo, ...]
    """Facts about each scene."""
    images: tuple[ImageInfo, ...]
    """Facts about the image of each scene, its georeference among them."""
    readings: tuple[Reading, ...]
    """What was read of vector files that are labels, one for each image."""
    notes: tuple[str, ...]
    """What one should know of the order of bands and of the polygons that were read, in a line
    each."""

    def __init__(
        self,
        entries: Sequence[SceneEntry],
        classes: tuple[ClassInfo, ...],
        border: BorderWeightSettings | None = None,
    ) -> None:
        """Open each scene once.

        Args:
            entries: one per scene.
            classes: name and colour of each class id.
            border: weights of the borders between objects, for scenes that have instances.

        Raises:
            SourceError: there is no scene, a file cannot be read, images differ in their bands, or
                the polygons of a file touch no image.
        """
        if not entries:
            raise SourceError("there is no scene; name at least one image with its labels")
        self.classes, self._border = classes, border
        self._handles = Handles(lambda number: entries[number].open(), _OPEN)
        self._copies = Copies()
        self._scenes: list[SceneFacts] = []
        labels: list[Reading] = []
        areas: list[Reading] = []
        masks: list[str] = []
        room = _COPIED_BYTES
        try:
            for number, entry in enumerate(entries):
                with self._handles.lend(number) as opened:
                    scene = SceneFacts.of(entry, opened, room)
                    labels += opened.readings
                    areas += filter(None, (area.reading for area in opened.areas))
                    known = {reading.file for reading in labels}
                    objects = opened.instances.readings if opened.instances else ()
                    areas += (reading for reading in objects if reading.file not in known)
                    masks += (note for area in opened.areas for note in area.notes)
                room -= scene.copied_bytes
                self._scenes.append(scene)
            self.images = tuple(scene.image for scene in self._scenes)
            check_alike(self.images)
            order = other_order(self.images)
            self.readings = tuple(labels)
            bare = tell_bare(labels)
            self.notes = (*order, *tell(labels), *bare, *tell(areas), *dict.fromkeys(masks))
        except BaseException:
            self.close()
            raise
        self.infos = tuple(scene.info for scene in self._scenes)
        self._dtype = np.result_type(*{image.dtype for image in self.images})

    def __len__(self) -> int:
        return len(self.infos)

    @property
    def bands(self) -> int:
        """Bands of every image."""
        return self.images[0].bands

    @property
    def band_names(self) -> tuple[str, ...]:
        """Names of the bands, as the first image tells them."""
        return self.images[0].band_names

    @property
    def dtype(self) -> np.dtype[Any]:
        """Smallest dtype that holds the pixels of all images."""
        return self._dtype

    def read(self, scene: int, window: Window) -> Patch:
        """Read pixels and labels of a window.

        Args:
            scene: number of the scene, counted from 0.
            window: inside its image.

        Returns:
            Pixels in `dtype`; ``IGNORE`` where the image has no pixel, outside the area and
            where labels say nothing; weights where the scene has a raster of them, or objects and
            border weights were asked for.

        Raises:
            SourceError: the window leaves the image, a file cannot be read, or labels hold an
                unknown value.
        """
        pixels = self._pixels(scene, window)
        labels = self._labels(scene, window)
        valid = pixels.valid
        if valid is None:
            valid = np.ones(labels.shape, bool)
        else:
            labels[~valid] = IGNORE
        values = pixels.values.astype(self._dtype, copy=False)
        return Patch(values, valid, labels, self._weights(scene, window))

    def read_labels(self, scene: int, window: Window) -> NDArray[np.int32]:
        """Read the ``(height, width)`` labels of a window, as in `read`.

        Raises:
            SourceError: see `read`.
        """
        labels = self._labels(scene, window)
        if self.images[scene].masked:
            valid = self._pixels(scene, window).valid
            if valid is not None:
                labels[~valid] = IGNORE
        return labels

    def read_instances(self, scene: int, window: Window) -> _Array | None:
        """Read the ``(height, width)`` ids of objects, 0 for background; None where none are known.

        Raises:
            SourceError: the window leaves the image, or a file cannot be read.
        """
        self._check(scene, window)
        if not self._scenes[scene].has_instances:
            return None
        with self._handles.lend(scene) as opened:
            assert opened.instances is not None
            return opened.instances.read(window)

    def role_places(self, scene: int) -> RolePlaces:
        """Find where the labels of each role lie in a scene with the role ``BY_PLACE``.

        Raises:
            SourceError: labels cannot be read, or hold an unknown value.
        """
        with self._handles.lend(scene) as opened:
            assert isinstance(opened.labels, RoleLabels)
            return opened.labels.places()

    def hidden(self) -> tuple[str, ...]:
        """Say what tags hide of the first scene that has any, and of how many others."""
        step = -(-len(self) // _LOOKED_AT)
        numbers = range(0, len(self), step)
        notes: list[tuple[str, ...]] = []
        for number in numbers:
            with self._handles.lend(number) as opened:
                notes += filter(None, [opened.hidden()])
        if not notes:
            return ()
        more = f" (and the like of {len(notes) - 1} more of {len(numbers)} scenes looked at)"
        return tuple(note + (more if len(notes) > 1 else "") for note in notes[0])

    def snapped(self) -> tuple[str, ...]:
        """Say how many pixels of masks have a colour that is none of a class, where it is snapped.

        Of many scenes some are looked at.
        """
        step = -(-len(self) // _LOOKED_AT)
        snapped = pixels = 0
        for number in range(0, len(self), step):
            with self._handles.lend(number) as opened:
                more, all_of_it = opened.snapped()
            snapped, pixels = snapped + more, pixels + all_of_it
        if not pixels:
            return ()
        return (
            f"{snapped:,} of {pixels:,} pixels of labels ({snapped / pixels:.2%}) have a colour "
            "that settings do not name and become that of the nearest (labels.snap)"
            + (f"; one scene in {step} was looked at" if step > 1 else ""),
        )

    def _pixels(self, scene: int, window: Window) -> Pixels:
        self._check(scene, window)
        if not self._scenes[scene].copies_image:
            with self._handles.lend(scene) as opened:
                return opened.image.read(window)
        info = self.images[scene]
        copy = self._copy(scene, "values", info.dtype, self._copy_pixels, info.bands)
        values = np.array(copy[window.slices])
        if not info.masked:
            return Pixels(values, None)
        valid = np.array(self._copy(scene, "valid", bool, self._copy_pixels)[window.slices])
        return Pixels(values, None if valid.all() else valid)

    def _copy(self, scene: int, part: str, dtype: DTypeLike, fill: _Fill, *bands: int) -> _Array:
        """Return all of a part of a scene, which ``fill`` makes the first time."""
        shape = (self.images[scene].height, self.images[scene].width, *bands)
        return self._copies.get((scene, part), shape, dtype, partial(fill, scene))

    def _copy_pixels(self, scene: int, target: _Array) -> None:
        with self._handles.lend(scene) as opened:
            info = opened.image.info
            for strip in strips(info.window, info.block[0]):
                pixels = opened.image.read(strip)
                if target.ndim == 3:
                    target[strip.slices] = pixels.values
                else:
                    target[strip.slices] = True if pixels.valid is None else pixels.valid

    def _labels(self, scene: int, window: Window) -> NDArray[np.int32]:
        self._check(scene, window)
        if not self._scenes[scene].copies_labels:
            with self._handles.lend(scene) as opened:
                return opened.read_labels(window)
        small = np.int8 if len(self.classes) <= 127 else np.int32
        labels = self._copy(scene, "labels", small, self._copy_labels)
        return np.array(labels[window.slices], np.int32)

    def _copy_labels(self, scene: int, target: _Array) -> None:
        with self._handles.lend(scene) as opened:
            for strip in strips(self.images[scene].window, 1):
                target[strip.slices] = opened.read_labels(strip)

    def has_weights(self, scene: int) -> bool:
        """Tell whether the user gives a raster of weights for a scene."""
        return self._scenes[scene].has_weights

    def read_weights(self, scene: int, window: Window) -> NDArray[np.float32] | None:
        """Read the ``(height, width)`` weights that the user gives; None where there are none.

        Raises:
            SourceError: they cannot be read, or one is negative or infinite.
        """
        if not self._scenes[scene].has_weights:
            return None
        if self._scenes[scene].copies_weights:
            given = self._copy(scene, "given weights", np.float32, self._copy_weights)
            return np.array(given[window.slices])
        with self._handles.lend(scene) as opened:
            assert opened.weight_map is not None
            return opened.weight_map.read(window)

    def _copy_weights(self, scene: int, target: _Array) -> None:
        with self._handles.lend(scene) as opened:
            assert opened.weight_map is not None
            for strip in strips(self.images[scene].window, 1):
                target[strip.slices] = opened.weight_map.read(strip)

    def _weights(self, scene: int, window: Window) -> NDArray[np.float32] | None:
        given = self.read_weights(scene, window)
        if self._border is None or not self._scenes[scene].has_instances:
            return given
        weights = self._copy(scene, "weights", np.float32, self._compute_weights)
        ridges = np.array(weights[window.slices])
        return ridges if given is None else ridges * given

    def _compute_weights(self, scene: int, target: _Array) -> None:
        with self._handles.lend(scene) as opened:
            if opened.instances is not None and self._border is not None:
                write_border_weights(opened.instances, self._border, target)

    def _check(self, scene: int, window: Window) -> None:
        image = self.images[scene]
        if not image.window.contains(window):
            raise SourceError(f"{image.uri}: {window} leaves the image, {image.window}")

    def close(self) -> None:
        """Close all files, those that a thread reads just now when it is done; delete copies."""
        self._handles.close()
        self._copies.close()

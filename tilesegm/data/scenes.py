"""Images with labels to learn from, read by windows from any thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tilesegm.classes import ClassInfo, default_classes
from tilesegm.data.copies import Copies
from tilesegm.data.find import SceneFiles
from tilesegm.data.handles import Handles
from tilesegm.data.instances import write_border_weights
from tilesegm.data.labels.classes import class_infos
from tilesegm.data.labels.raster import strips
from tilesegm.data.memory_scene import memory_scene
from tilesegm.data.patch import IGNORE, Patch
from tilesegm.data.scene import OpenScene, SceneInfo, meaning, open_scene
from tilesegm.data.settings import BorderWeightSettings, DataSettings
from tilesegm.errors import SourceError
from tilesegm.grid.window import Window
from tilesegm.source.base import ImageInfo, Pixels
from tilesegm.source.identity import Identity

__all__ = ["Scenes"]

_OPEN = 32
"""Scenes that stay open while nobody reads them."""

_COPIED_BYTES = 4 * 2**30
"""Most bytes of decoded images and labels to copy into the temporary folder."""


class Scenes:
    """Images with labels on one grid each; close it, or use it as a context manager.

    Images whose format decodes from the first row only (PNG, JPEG, GIF, WebP) are decoded once
    into the temporary folder, while room set aside for them lasts. All others are read where they
    are.
    """

    classes: tuple[ClassInfo, ...]
    """Name and colour of each class id."""
    infos: tuple[SceneInfo, ...]
    """What is known about each scene."""
    images: tuple[ImageInfo, ...]
    """What is known about the image of each scene, its georeference among it."""

    def __init__(
        self,
        files: Sequence[SceneFiles],
        settings: DataSettings,
        border: BorderWeightSettings | None = None,
    ) -> None:
        """Open each scene once, so that what does not fit is refused before work starts.

        Args:
            files: of the scenes, as :func:`~tilesegm.data.find.find_scenes` returns them.
            settings: how they are read.
            border: weights of the borders between objects, for scenes that have instances.

        Raises:
            SourceError: a file cannot be read, labels do not fit their image, or images differ in
                their bands.
            SettingsError: settings contradict the files.
        """
        separate = border is not None

        def opener(scene: int) -> OpenScene:
            return open_scene(files[scene], settings, separate=separate)

        self._border = border
        described = [(each.name, each.group, each.role) for each in files]
        told = meaning(settings, (border,))
        self._set_up(opener, described, class_infos(settings.labels), told)

    @classmethod
    def in_memory(
        cls,
        images: Sequence[NDArray[Any]],
        labels: Sequence[NDArray[Any]],
        *,
        names: Sequence[str] | None = None,
        groups: Sequence[str] | None = None,
        roles: Sequence[str | None] | None = None,
    ) -> Self:
        """Make scenes of arrays.

        Args:
            images: each ``(H, W)`` or ``(H, W, bands)``.
            labels: of each image ``(H, W)`` class ids, -1 where nothing is to be learnt; the
                highest id of all tells how many classes there are.
            names: of the scenes; their numbers when None.
            groups: what belongs together; the names when None.
            roles: ``"train"``, ``"validation"``, ``"test"`` or None for each.

        Raises:
            SourceError: an image and its labels differ in size, or are no image and no ids.
        """
        scenes = cls.__new__(cls)
        scenes._border = None
        opened = [memory_scene(*pair) for pair in zip(images, labels, strict=True)]
        names = [str(n) for n in range(len(opened))] if names is None else names
        groups = names if groups is None else groups
        roles = [None] * len(opened) if roles is None else roles
        described = list(zip(names, groups, roles, strict=True))
        count = max((int(ids.max(initial=0)) for ids in labels), default=0) + 1
        scenes._set_up(opened.__getitem__, described, default_classes(count), ())
        return scenes

    def _set_up(
        self,
        opener: Callable[[int], OpenScene],
        described: Sequence[tuple[str, str, str | None]],
        classes: tuple[ClassInfo, ...],
        told: Identity,
    ) -> None:
        if not described:
            raise SourceError("there is no scene; name at least one image with its labels")
        self.classes = classes
        self._handles = Handles(opener, _OPEN)
        self._copies = Copies()
        infos, images, copied_images, copied_labels, objects = [], [], [], [], []
        left = _COPIED_BYTES
        try:
            for number, (name, group, role) in enumerate(described):
                with self._handles.lend(number) as opened:
                    image, identity = opened.image.info, (*opened.identity, *told)
                    slow_image, slow_labels = opened.slow_image, opened.slow_labels
                    objects.append(opened.instances is not None)
                infos.append(SceneInfo(name, group, role, image.height, image.width, identity))
                images.append(image)
                size = image.pixels * (image.bands * image.dtype.itemsize + 1)
                copied_images.append(slow_image and size <= left)
                left -= size if copied_images[-1] else 0
                copied_labels.append(slow_labels and image.pixels <= left)
                left -= image.pixels if copied_labels[-1] else 0
            _check_alike(images)
        except BaseException:
            self.close()
            raise
        self.infos, self.images = tuple(infos), tuple(images)
        self._copied_images, self._copied_labels = copied_images, copied_labels
        self._objects = objects
        self._dtype = np.result_type(*{image.dtype for image in images})

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
            Pixels in :attr:`dtype`; ``IGNORE`` where the image has no pixel, outside the area and
            where labels say nothing; weights where the scene has objects and border weights were
            asked for.

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
        """Read the ``(height, width)`` labels of a window, as in :meth:`read`.

        Raises:
            SourceError: see :meth:`read`.
        """
        labels = self._labels(scene, window)
        if self.images[scene].masked:
            valid = self._pixels(scene, window).valid
            if valid is not None:
                labels[~valid] = IGNORE
        return labels

    def _pixels(self, scene: int, window: Window) -> Pixels:
        self._check(scene, window)
        if not self._copied_images[scene]:
            with self._handles.lend(scene) as opened:
                return opened.image.read(window)
        info = self.images[scene]
        shape = (info.height, info.width)
        copy = partial(self._copies.get, fill=partial(self._copy_pixels, scene))
        values = copy((scene, "values"), (*shape, info.bands), info.dtype)
        if not info.masked:
            return Pixels(np.array(values[window.slices]), None)
        valid = np.array(copy((scene, "valid"), shape, bool)[window.slices])
        return Pixels(np.array(values[window.slices]), None if valid.all() else valid)

    def _copy_pixels(self, scene: int, target: NDArray[Any]) -> None:
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
        if not self._copied_labels[scene]:
            with self._handles.lend(scene) as opened:
                return opened.read_labels(window)
        info = self.images[scene]
        small = np.int8 if len(self.classes) <= 127 else np.int32
        fill = partial(self._copy_labels, scene)
        labels = self._copies.get((scene, "labels"), (info.height, info.width), small, fill)
        return np.array(labels[window.slices], np.int32)

    def _copy_labels(self, scene: int, target: NDArray[Any]) -> None:
        with self._handles.lend(scene) as opened:
            for strip in strips(self.images[scene].window, 1):
                target[strip.slices] = opened.read_labels(strip)

    def _weights(self, scene: int, window: Window) -> NDArray[np.float32] | None:
        if self._border is None or not self._objects[scene]:
            return None
        info = self.images[scene]
        weights = self._copies.get(
            (scene, "weights"),
            (info.height, info.width),
            np.float32,
            partial(self._compute_weights, scene, self._border),
        )
        return np.array(weights[window.slices])

    def _compute_weights(
        self, scene: int, border: BorderWeightSettings, target: NDArray[np.float32]
    ) -> None:
        with self._handles.lend(scene) as opened:
            if opened.instances is not None:
                write_border_weights(opened.instances, border, target)

    def _check(self, scene: int, window: Window) -> None:
        image = self.images[scene]
        if not image.window.contains(window):
            raise SourceError(f"{image.uri}: {window} leaves the image, {image.window}")

    def close(self) -> None:
        """Close all files, those that a thread reads just now when it is done; delete copies."""
        self._handles.close()
        self._copies.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _check_alike(images: Sequence[ImageInfo]) -> None:
    """Refuse images that one network cannot learn from together."""
    first = images[0]
    for image in images[1:]:
        if image.bands != first.bands:
            raise SourceError(
                f"{image.uri}: {image.bands} bands, but {first.uri} has {first.bands}; choose "
                "those that all images have with data.bands"
            )

"""A scene as an image that the engine can read."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tilesegm.closing import Closing
from tilesegm.grid.window import Window
from tilesegm.source.base import ImageInfo, Pixels

if TYPE_CHECKING:
    from tilesegm.data.scenes import Scenes

__all__ = ["SceneSource"]


class SceneSource(Closing):
    """The pixels of one scene, without its labels. Closing it leaves the scenes open."""

    def __init__(self, scenes: Scenes, number: int) -> None:
        """Take scene ``number``."""
        self._scenes, self._number = scenes, number
        image = scenes.images[number]
        self._info = replace(image, uri=scenes.infos[number].name, dtype=scenes.dtype)

    @property
    def info(self) -> ImageInfo:
        """What is known about the image."""
        return self._info

    def read(self, window: Window) -> Pixels:
        """Read ``window``, which lies inside the image.

        Raises:
            SourceError: the pixels cannot be read or decoded.
        """
        patch = self._scenes.read(self._number, window)
        return Pixels(patch.pixels, patch.valid)

    def close(self) -> None:
        """Do nothing: the scenes stay open."""

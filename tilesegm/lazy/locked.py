"""What one thread at a time may use, made safe for all threads of a scheduler."""

from __future__ import annotations

from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.closing import Closing
from tilesegm.grid.window import Window
from tilesegm.model.base import Predictor
from tilesegm.model.wrapper import PredictorWrapper
from tilesegm.source.area import Area
from tilesegm.source.base import ImageInfo, Pixels, Source
from tilesegm.source.vector.reading import Reading

__all__ = ["LockedArea", "LockedPredictor", "LockedSource"]


class LockedPredictor(PredictorWrapper):
    """A predictor that several chunks share."""

    def __init__(self, predictor: Predictor) -> None:
        super().__init__(predictor)
        self._lock = Lock()

    def __call__(self, tiles: NDArray[Any]) -> NDArray[np.float32]:
        """Score a batch when no other chunk does; see `Predictor`."""
        with self._lock:
            return self._predictor(tiles)


class LockedSource(Closing):
    """An image that several chunks read."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._lock = Lock()

    @property
    def info(self) -> ImageInfo:
        """What is known about the image."""
        return self._source.info

    def read(self, window: Window) -> Pixels:
        """Read ``window`` when no other chunk does; see `Source`."""
        with self._lock:
            return self._source.read(window)

    def close(self) -> None:
        """Let go of files and caches."""
        self._source.close()


class LockedArea:
    """An area of interest that several chunks ask."""

    def __init__(self, area: Area) -> None:
        self._area = area
        self._lock = Lock()
        self.reading: Reading | None = area.reading
        self.notes = area.notes
        self.identity = area.identity
        self.files = area.files

    def mask(self, window: Window) -> NDArray[np.bool_]:
        """Return ``(height, width)``, True where a pixel is of interest."""
        with self._lock:
            return self._area.mask(window)

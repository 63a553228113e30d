"""Scenes whose images and labels are arrays."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.data.patch import IGNORE
from tilesegm.data.scene import OpenScene
from tilesegm.errors import SourceError
from tilesegm.grid.window import Window
from tilesegm.source.open import open_source

__all__ = ["ArrayLabels", "memory_scene"]


class ArrayLabels:
    """An array of class ids."""

    def __init__(self, ids: NDArray[Any]) -> None:
        """Take ``(H, W)`` whole ids, -1 where nothing is to be learnt."""
        self._ids = ids
        self.height, self.width = ids.shape
        digest = blake2b(np.ascontiguousarray(ids).tobytes(), digest_size=16).hexdigest()
        self.identity = (("dtype", str(ids.dtype)), ("content", digest))

    def read(self, window: Window) -> NDArray[np.int32]:
        """Return a copy of a window."""
        return self._ids[window.slices].astype(np.int32)

    def survey(self) -> dict[int | str, int]:
        """Count the pixels of each class id; the most frequent first."""
        ids, times = np.unique(self._ids[self._ids != IGNORE], return_counts=True)
        order = np.argsort(-times, kind="stable")
        return dict(zip(ids[order].tolist(), times[order].tolist(), strict=True))

    def close(self) -> None:
        """Do nothing: an array needs no closing."""


def memory_scene(image: Any, labels: NDArray[Any]) -> OpenScene:
    """Make a scene of arrays.

    Args:
        image: ``(H, W)`` or ``(H, W, bands)``.
        labels: ``(H, W)`` whole class ids, -1 where nothing is to be learnt.

    Raises:
        SourceError: the arrays are no image, no labels, or differ in size.
    """
    source = open_source(image)
    labels = np.asarray(labels)
    if labels.dtype.kind not in "iu" or labels.shape != (source.info.height, source.info.width):
        raise SourceError(
            f"labels of shape {labels.shape} and dtype {labels.dtype}; expected whole class ids of "
            f"shape {(source.info.height, source.info.width)}, that of the image"
        )
    if labels.size and labels.min() < IGNORE:
        raise SourceError(
            f"labels hold {labels.min()}; expected class ids from 0, or -1 where nothing is learnt"
        )
    return OpenScene(source, ArrayLabels(labels))

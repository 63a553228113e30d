"""Scenes whose images and labels are arrays."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.classes import default_classes
from tilesegm.data.patch import IGNORE
from tilesegm.data.scene import OpenScene, SceneEntry
from tilesegm.data.scenes import Scenes
from tilesegm.errors import SourceError
from tilesegm.grid.window import Window
from tilesegm.source.open import open_source

__all__ = ["scenes_in_memory"]


class _ArrayLabels:
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

    def close(self) -> None:
        """Do nothing: an array needs no closing."""


def scenes_in_memory(
    images: Sequence[NDArray[Any]],
    labels: Sequence[NDArray[Any]],
    *,
    names: Sequence[str] | None = None,
    groups: Sequence[str] | None = None,
    roles: Sequence[str | None] | None = None,
) -> Scenes:
    """Make scenes of arrays.

    Args:
        images: each ``(H, W)`` or ``(H, W, bands)``.
        labels: of each image ``(H, W)`` class ids, -1 where nothing is to be learnt; the highest
            id of all tells how many classes there are.
        names: of the scenes; their numbers when None.
        groups: the same for scenes that belong together; the names when None.
        roles: ``"train"``, ``"validation"``, ``"test"`` or None for each.

    Raises:
        SourceError: an image and its labels differ in size, or are no image and no ids.
    """
    names = [str(n) for n in range(len(images))] if names is None else names
    groups = names if groups is None else groups
    roles = [None] * len(images) if roles is None else roles
    entries = [_entry(*scene) for scene in zip(names, groups, roles, images, labels, strict=True)]
    classes = max((int(ids.max(initial=0)) for ids in labels), default=0) + 1
    return Scenes(entries, default_classes(classes))


def _entry(
    name: str, group: str, role: str | None, image: NDArray[Any], labels: NDArray[Any]
) -> SceneEntry:
    """Check that arrays are an image and its labels."""
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
    opened = OpenScene(image=source, labels=_ArrayLabels(labels))
    return SceneEntry(name, group, role, lambda: opened)

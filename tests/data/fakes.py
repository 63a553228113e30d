"""Scenes in memory, as `tilesegm.data.scenes.Scenes` gives them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.classes import ClassInfo
from tilesegm.data.patch import Patch
from tilesegm.grid.window import Window


@dataclass(frozen=True)
class Info:
    name: str
    group: str
    role: str | None
    height: int
    width: int
    identity: tuple[tuple[str, str], ...]
    weight: float = 1.0
    image: str = ""


class MemoryScenes:
    """Arrays with labels and a mask of valid pixels; counts the pixels that are read."""

    def __init__(
        self,
        labels: Sequence[Any],
        images: Sequence[Any] | None = None,
        *,
        classes: int | None = None,
        groups: Sequence[str] | None = None,
        roles: Sequence[str | None] | None = None,
        identity: str = "1",
    ) -> None:
        self.labels = [np.asarray(part, np.int32) for part in labels]
        self.images = [
            np.asarray(part) for part in (images or [np.zeros((*p.shape, 1)) for p in self.labels])
        ]
        self.valid = [np.ones(part.shape, bool) for part in self.labels]
        self.bands, self.dtype = self.images[0].shape[2], self.images[0].dtype
        count = classes or 1 + max(int(part.max()) for part in self.labels)
        self.classes = tuple(ClassInfo(f"class {k}", (k, k, k)) for k in range(count))
        names = [f"scene {n}" for n in range(len(self.labels))]
        self.infos = tuple(
            Info(name, group, role, *part.shape, (("time", identity),))
            for name, group, role, part in zip(
                names, groups or names, roles or [None] * len(names), self.labels, strict=True
            )
        )
        self.read_pixels = 0

    def read(self, scene: int, window: Window) -> Patch:
        self.read_pixels += window.pixels
        return Patch(
            self.images[scene][window.slices],
            self.valid[scene][window.slices],
            np.where(self.valid[scene], self.labels[scene], -1)[window.slices].astype(np.int32),
        )

    def read_weights(self, scene: int, window: Window) -> None:
        return None

    def read_labels(self, scene: int, window: Window) -> NDArray[np.int32]:
        return self.read(scene, window).labels

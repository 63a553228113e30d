"""Small scenes to draw samples from, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.data.patch import IGNORE, Patch
from tilesegm.data.settings import AugmentationSettings, SamplingSettings
from tilesegm.data.split import SceneView, Split
from tilesegm.data.statistics import BandStatistics, SceneStatistics
from tilesegm.data.statistics.seams import border_pixels
from tilesegm.data.stream import SampleStream, StreamSettings
from tilesegm.data.training_data import TrainingData
from tilesegm.grid.window import Window
from tilesegm.model.normalisation import Normalisation

CELL = 16
ALL = AugmentationSettings(
    flip=True,
    rotate=45,
    scale=0.5,
    elastic=4,
    exposure=0.2,
    tint=0.1,
    brightness=0.1,
    contrast=0.1,
    gamma=0.1,
    blur=1.0,
    cutmix=0.3,
    mixup=0.3,
    copy_paste=0.3,
)
NONE = AugmentationSettings(flip=False)


@dataclass(frozen=True)
class Info:
    name: str
    height: int
    width: int
    weight: float = 1.0


class ArrayScenes:
    """What a stream asks of scenes, from arrays."""

    def __init__(
        self,
        labels: Sequence[NDArray[Any]],
        images: Sequence[NDArray[Any]] | None = None,
        weights: Sequence[NDArray[np.float32]] | None = None,
        of_scenes: Sequence[float] = (),
    ) -> None:
        self._labels = [np.asarray(array, np.int32) for array in labels]
        self._images = images or [places_of(number, y) for number, y in enumerate(labels)]
        self._weights = weights
        self.bands = self._images[0].shape[2]
        of_scenes = of_scenes or [1.0] * len(labels)
        self.infos = tuple(
            Info(f"scene{n}", *y.shape, weight)
            for n, (y, weight) in enumerate(zip(labels, of_scenes, strict=True))
        )

    def read(self, scene: int, window: Window) -> Patch:
        labels = self.read_labels(scene, window)
        return Patch(
            self._images[scene][window.slices],
            np.ones(labels.shape, bool),
            labels,
            None if self._weights is None else self._weights[scene][window.slices],
        )

    def read_labels(self, scene: int, window: Window) -> NDArray[np.int32]:
        info = self.infos[scene]
        assert Window(0, 0, info.height, info.width).contains(window)
        return self._labels[scene][window.slices]


def places_of(scene: int, labels: NDArray[Any]) -> NDArray[np.float32]:
    """An image whose pixels tell where they are: scene, row and col, all counted from 1."""
    rows, cols = np.indices(labels.shape)
    return np.stack([np.full(labels.shape, scene), rows, cols], -1).astype(np.float32) + 1


def count(labels: NDArray[Any], classes: int, cell: int = CELL) -> SceneStatistics:
    """Statistics of labels, counted plainly."""
    labels = np.asarray(labels, np.int32)
    rows, cols = -(-labels.shape[0] // cell), -(-labels.shape[1] // cell)
    counts, borders = np.zeros((rows, cols, classes), np.int64), np.zeros((rows, cols), np.int64)
    border = border_pixels(labels)
    for row in range(rows):
        for col in range(cols):
            part = Window(row * cell, col * cell, cell, cell).slices
            for label in range(classes):
                counts[row, col, label] = (labels[part] == label).sum()
            borders[row, col] = border[part].sum()
    bands, flat = 3, np.zeros((rows, cols, 3))
    return SceneStatistics(
        name="",
        height=labels.shape[0],
        width=labels.shape[1],
        cell=cell,
        counts=counts,
        borders=borders,
        valid=np.zeros((rows, cols), np.int64),
        means=flat,
        squares=flat,
        step=1,
        sample=np.zeros((*labels.shape, bands)),
        sample_valid=np.ones(labels.shape, bool),
    )


def view_of(labels: NDArray[Any], *held_out: Window, buffer: int = 0) -> SceneView:
    """A view of one scene."""
    return SceneView("", *labels.shape, held_out=held_out, buffer=buffer)


def make_stream(
    labels: Sequence[NDArray[Any]],
    views: Sequence[SceneView] | None = None,
    *,
    scenes: ArrayScenes | None = None,
    sampling: SamplingSettings | None = None,
    augmentation: AugmentationSettings = NONE,
    size: int = 32,
    class_weights: NDArray[np.float32] | None = None,
    normalisation: Normalisation | None = None,
) -> SampleStream:
    """A stream of samples of scenes in memory, with three bands and batches of 2."""
    classes = 1 + max(int(array.max(initial=IGNORE)) for array in labels)
    data = TrainingData(
        scenes=scenes or ArrayScenes(labels),  # type: ignore[arg-type]
        split=Split(strategy="image", folds=1, buffer=0, seed=0, scenes=(), pieces=()),
        views=tuple(views or [view_of(array) for array in labels]),
        statistics=tuple(count(array, classes) for array in labels),
        bands=BandStatistics((50.0,) * 3, (20.0,) * 3, (0.0,) * 3, (100.0,) * 3),
    )
    chosen = StreamSettings(
        size=size,
        batch=2,
        sampling=sampling or SamplingSettings(),
        augmentation=augmentation,
        seed=7,
    )
    return SampleStream(data, chosen, normalisation or Normalisation(), class_weights)


def blotches(height: int, width: int, classes: int, seed: int = 0) -> NDArray[np.int32]:
    """Labels in squares of 7 pixels, some of them ignored."""
    random = np.random.default_rng(seed)
    coarse = random.integers(IGNORE, classes, (height // 7 + 1, width // 7 + 1))
    return np.kron(coarse, np.ones((7, 7), int))[:height, :width].astype(np.int32)

"""Trains with one loss, and scores the result."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.data.find import SceneFiles, find_scenes
from tilesegm.data.memory_scenes import scenes_in_memory
from tilesegm.data.open_scenes import open_scenes
from tilesegm.data.patch import IGNORE
from tilesegm.data.scenes import Scenes
from tilesegm.data.settings import DataSettings
from tilesegm.grid.window import Window
from tilesegm.metrics.calibration import count_confidence, count_scores
from tilesegm.metrics.map_counts import MapCounts, count_measures
from tilesegm.metrics.measures import Measures
from tilesegm.metrics.pair import make_pair
from tilesegm.model.base import Predictor
from tilesegm.training.settings.config import TrainingConfig

from .protocol import DATASETS, Dataset, make_config

__all__ = ["ImageRow", "RunRow", "Shown", "Study", "finite_mean", "open_stretched"]

_LEVELS = 255
"""Steps of probabilities when thresholds are chosen."""
_BAND, _TOLERANCE = 2, 2.0


@dataclass(frozen=True)
class RunRow:
    """One finished run. Scores are of all test pixels together, in points unless said."""

    data: str
    loss: str
    seed: int
    threshold: float
    """Of class 1, chosen on validation images by F1; 0.5 stands for the likeliest class."""
    validation: float
    """Mean IoU of validation images at that threshold."""
    accuracy: float
    mean_iou: float
    mean_dice: float
    boundary_iou: float
    boundary_f1: float
    hausdorff95: float
    """Pixels."""
    cldice: float
    calibration_error: float
    processor: float
    """Seconds of all threads, training and scoring."""


@dataclass(frozen=True)
class ImageRow:
    """One test image of a run, in points."""

    data: str
    loss: str
    seed: int
    image: str
    mean_iou: float
    boundary_iou: float


@dataclass(frozen=True)
class Shown:
    """An image with the probabilities that a network gives it."""

    name: str
    labels: NDArray[np.int32]
    """``(H, W)``."""
    probabilities: NDArray[np.float32]
    """``(K, H, W)``."""

    @property
    def levels(self) -> NDArray[np.int32]:
        """``(H, W, K)`` probabilities as whole numbers."""
        levels = np.rint(self.probabilities * _LEVELS).astype(np.int32)
        return np.moveaxis(levels, 0, -1)


class Study:
    """The images of one data set, opened once for all runs."""

    def __init__(self, name: str, data: Path, out: Path) -> None:
        settings = DATASETS[name].data
        files = find_scenes(settings, data)
        self.name, self._out = name, out
        self._dataset: Dataset = DATASETS[name]
        opener = open_stretched if self._dataset.stretch else open_scenes
        self._learnt = opener([each for each in files if each.role != "test"], settings)
        self._tested = opener([each for each in files if each.role == "test"], settings)

    def run(self, loss: str, seed: int) -> tuple[RunRow, list[ImageRow]]:
        """Train and score; class maps of the first seed stay for pictures."""
        began = time.process_time()
        folder = self._out / f"{self.name}-{loss}-{seed}"
        config = make_config(self.name, loss, seed, folder.absolute())
        validation, tests = self.train_and_show(config)
        threshold = self._threshold(validation)
        tallies = [self._count(shown, threshold) for shown in tests]
        if seed == 0:
            maps: dict[str, Any] = {shown.name: _decide(shown, threshold) for shown in tests[:4]}
            np.savez_compressed(self._out / f"{self.name}-{loss}.npz", **maps)
        total = sum(tallies[1:], tallies[0])
        looks = [self._count(shown, threshold) for shown in validation]
        row = self._row(loss, seed, threshold, sum(looks[1:], looks[0]), total, began)
        images = [
            ImageRow(
                self.name,
                loss,
                seed,
                shown.name,
                100 * tally.class_scores.mean_iou,
                100 * finite_mean(_bands(tally)),
            )
            for shown, tally in zip(tests, tallies, strict=True)
        ]
        return row, images

    def train_and_show(self, config: TrainingConfig) -> tuple[list[Shown], list[Shown]]:
        """Train as settings say, and return validation and test images with their probabilities."""
        import keras

        from tilesegm.model.open import open_model
        from tilesegm.training.run import train_on

        keras.backend.clear_session()
        result = train_on(self._learnt, config, overwrite=True)
        predictor = open_model(result.bundle, bands=self._learnt.bands)
        shutil.rmtree(config.output)
        held_out = [
            number for number, info in enumerate(self._learnt.infos) if info.role == "validation"
        ]
        validation = list(_show(self._learnt, held_out, predictor))
        return validation, list(_show(self._tested, range(len(self._tested)), predictor))

    def close(self) -> None:
        """Close all images."""
        self._learnt.close()
        self._tested.close()

    def _threshold(self, validation: list[Shown]) -> float:
        if not self._dataset.binary:
            return 0.5
        counts = [
            count_scores(shown.levels, shown.labels, shown.labels != IGNORE, _LEVELS)
            for shown in validation
        ]
        curve = sum(counts[1:], counts[0]).curve(1)
        return float(max(curve.best, 1) / _LEVELS)

    def _count(self, shown: Shown, threshold: float) -> MapCounts:
        thin = () if self._dataset.thin is None else (self._dataset.thin,)
        measures = Measures(band=_BAND, tolerances=(_TOLERANCE,), thin=thin)
        classes = len(shown.probabilities)
        pair = make_pair(shown.labels, _decide(shown, threshold), classes)
        tally = count_measures(pair, measures)
        known = shown.labels != IGNORE
        likeliest = shown.probabilities.argmax(0)
        confidence = count_confidence(
            shown.levels.max(-1), likeliest == shown.labels, known, _LEVELS
        )
        return MapCounts(
            tally.confusion,
            bands=tally.bands,
            surfaces=tally.surfaces,
            skeletons=tally.skeletons,
            confidence=confidence,
        )

    def _row(
        self,
        loss: str,
        seed: int,
        threshold: float,
        looks: MapCounts,
        total: MapCounts,
        began: float,
    ) -> RunRow:
        assert total.surfaces is not None
        assert total.confidence is not None
        thin = total.skeletons.cldice[0] if total.skeletons is not None else np.nan
        return RunRow(
            self.name,
            loss,
            seed,
            threshold=threshold,
            validation=100 * looks.class_scores.mean_iou,
            accuracy=100 * total.class_scores.accuracy,
            mean_iou=100 * total.class_scores.mean_iou,
            mean_dice=100 * total.class_scores.mean_dice,
            boundary_iou=100 * finite_mean(_bands(total)),
            boundary_f1=100 * finite_mean(total.surfaces.boundary_f1(_TOLERANCE)),
            hausdorff95=finite_mean(total.surfaces.hausdorff()),
            cldice=100 * float(thin),
            calibration_error=100 * total.confidence.expected_calibration_error(),
            processor=time.process_time() - began,
        )


def open_stretched(files: Sequence[SceneFiles], settings: DataSettings) -> Scenes:
    """Open images as grey, their 1st and 99.8th percentile at 0 and 255, nuclei bright.

    Background is what there is most of; where it is brighter than the mean the image is inverted.
    """
    with open_scenes(files, settings) as scenes:
        patches = [
            scenes.read(number, Window(0, 0, info.height, info.width))
            for number, info in enumerate(scenes.infos)
        ]
        names = [info.name for info in scenes.infos]
    images = []
    for patch in patches:
        grey = patch.pixels[..., :3].mean(-1)
        if np.median(grey) > grey.mean():
            grey = -grey
        low, high = np.quantile(grey, [0.01, 0.998])
        images.append((255 * np.clip((grey - low) / max(high - low, 1.0), 0, 1)).astype(np.uint8))
    labels = [patch.labels for patch in patches]
    return scenes_in_memory(images, labels, names=names, roles=[each.role for each in files])


def _bands(tally: MapCounts) -> NDArray[np.float64]:
    assert tally.bands is not None
    return tally.bands.iou


def finite_mean(values: NDArray[np.float64]) -> float:
    """Return the mean over what is no NaN, NaN when nothing is."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")


def _decide(shown: Shown, threshold: float) -> NDArray[np.uint8]:
    """Return the class map ``(H, W)``."""
    if len(shown.probabilities) == 2:
        return np.asarray(shown.levels[..., 1] >= round(threshold * _LEVELS), np.uint8)
    return np.asarray(shown.probabilities.argmax(0), np.uint8)


def _show(scenes: Scenes, numbers: range | list[int], predictor: Predictor) -> Iterator[Shown]:
    """Let the network see whole images; they are small."""
    step = max(64, predictor.spec.stride)
    for number in numbers:
        info = scenes.infos[number]
        patch = scenes.read(number, Window(0, 0, info.height, info.width))
        fill = np.asarray(predictor.spec.fill, patch.pixels.dtype)
        # Few distinct sizes, since each is compiled for.
        size = [-(-side // step) * step for side in patch.labels.shape]
        image = np.broadcast_to(fill, (*size, patch.pixels.shape[-1])).copy()
        image[: info.height, : info.width][patch.valid] = patch.pixels[patch.valid]
        scores = predictor(image[None])[0, :, : info.height, : info.width]
        odds = np.exp(scores - scores.max(0))
        yield Shown(info.name, patch.labels, odds / odds.sum(0))

"""The demo: render a scene, learn from its western half, map all of it, score the eastern half."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window as RasterWindow

from tilesegm.demo.classes import CLASSES
from tilesegm.demo.quicklook import error_panel, image_panel, map_panel, save_panels
from tilesegm.demo.scene import Scene, render_scene
from tilesegm.errors import OutputError
from tilesegm.events import OnEvent, StageProgress, StageStarted, ignore
from tilesegm.model.bundle import BundleInfo, save_bundle
from tilesegm.models.unet import unet
from tilesegm.options import Options
from tilesegm.segment import segment
from tilesegm.training.fit import Trained, fit
from tilesegm.training.sample import Sample
from tilesegm.training.score import count_confusion, intersection_over_union
from tilesegm.training.settings import Augmentation, TrainingSettings

__all__ = ["DemoResult", "run_demo"]

_UNLABELLED = 255
_PANEL = 900
_MINUTES = 1.5
"""Longest time to train: a slow machine learns less, and the demo still ends soon."""


@dataclass(frozen=True)
class DemoResult:
    """Files and figures of a demo."""

    image: Path
    labels: Path
    model: Path
    """Bundle of the trained network."""
    class_map: Path
    """Cloud Optimized GeoTIFF of the whole scene."""
    quicklook: Path
    """PNG of image, truth, prediction and errors."""
    mean_iou: float
    """Mean IoU over the classes, on the half that training never saw."""
    class_iou: tuple[tuple[str, float], ...]
    seconds: tuple[tuple[str, float], ...]
    """Wall time of each step."""

    @property
    def advice(self) -> str:
        """What to look at."""
        weakest = min(self.class_iou, key=lambda pair: pair[1])
        return (
            f"Open {self.quicklook}: training saw only what lies left of the line. Most errors "
            f"should be thin lines along edges; a whole parcel in the last panel is one that was "
            f"taken for something else, and tiles should leave no trace. The hardest class is "
            f"{weakest[0]} (IoU {weakest[1]:.2f}). {self.class_map} opens in any GIS, on top of "
            f"{self.image}."
        )


def run_demo(
    folder: Path,
    *,
    size: int = 6144,
    seed: int = 0,
    steps: int = 220,
    on_event: OnEvent = ignore,
) -> DemoResult:
    """Run the demo; files of an earlier demo in ``folder`` are replaced, others are left alone.

    Args:
        folder: Where scene, model, class map and quicklook go.
        size: Side of the scene in pixels, at least 512.
        seed: Seed of scene and training.
        steps: Training steps; fewer are done where they would take more than 90 seconds.
        on_event: Called with progress.

    Raises:
        SettingsError: If ``size`` or ``steps`` is too small.
        OutputError: If the folder cannot be written.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder} is a file; pass a folder for the demo")
    clock = _Clock(on_event)
    clock.start("rendering the scene")
    scene = render_scene(folder, size=size, seed=seed)
    half = size // 2

    clock.start("training on the western half")
    trained = _train(scene, half, seed, steps, on_event)
    info = BundleInfo(
        classes=CLASSES,
        normalisation=trained.normalisation,
        band_names=("red", "green", "blue"),
        training={"scene": "demo", "seed": seed, "steps": len(trained.losses)},
    )
    model = save_bundle(folder / "model", trained.model, info, overwrite=True)

    clock.start("segmenting the scene")
    class_map = folder / "classes.tif"
    segment(
        scene.image, model, class_map,
        options=Options(precision="auto"), overwrite=True, on_event=on_event,
    )  # fmt: skip

    clock.start("scoring the eastern half")
    iou = intersection_over_union(_compare(scene.labels, class_map, half))
    clock.start("drawing the quicklook")
    quicklook = _draw(folder / "quicklook.png", scene, class_map)
    return DemoResult(
        image=scene.image,
        labels=scene.labels,
        model=model,
        class_map=class_map,
        quicklook=quicklook,
        mean_iou=float(np.nanmean(iou)),
        class_iou=tuple((info.name, float(v)) for info, v in zip(CLASSES, iou, strict=True)),
        seconds=clock.stop(),
    )


class _Clock:
    """Announces steps and times them."""

    def __init__(self, on_event: OnEvent) -> None:
        self._on_event = on_event
        self._marks: list[tuple[str, float]] = []

    def start(self, name: str) -> None:
        self._on_event(StageStarted(name))
        self._marks.append((name, time.monotonic()))

    def stop(self) -> tuple[tuple[str, float], ...]:
        ends = [start for _, start in self._marks[1:]] + [time.monotonic()]
        return tuple(
            (name, end - start) for (name, start), end in zip(self._marks, ends, strict=True)
        )


def _train(scene: Scene, half: int, seed: int, steps: int, on_event: OnEvent) -> Trained:
    with rasterio.open(scene.image) as image, rasterio.open(scene.labels) as labels:
        west = RasterWindow(0, 0, half, image.height)
        sample = Sample(np.moveaxis(image.read(window=west), 0, -1), labels.read(1, window=west))
    settings = TrainingSettings(
        steps=steps,
        minutes=_MINUTES,
        size=192,
        learning_rate=4e-3,
        balance=0.8,  # houses are rare, and time is short
        ignore=_UNLABELLED,
        augmentation=Augmentation(exposure=0.1, tint=0.05),
        seed=seed,
    )
    keras.utils.set_random_seed(seed)  # for the first weights
    return fit(
        [sample],
        len(CLASSES),
        settings=settings,
        model=unet(3, len(CLASSES), filters=8),
        on_step=lambda progress: on_event(StageProgress(progress.fraction)),
    )


def _compare(truth: Path, predicted: Path, first_column: int) -> NDArray[np.int64]:
    """Count the confusion of all columns from ``first_column`` on, strip by strip."""
    total = np.zeros((len(CLASSES), len(CLASSES)), np.int64)
    with rasterio.open(truth) as actual, rasterio.open(predicted) as given:
        for top in range(0, actual.height, 512):
            rows = min(512, actual.height - top)
            window = RasterWindow(first_column, top, actual.width - first_column, rows)
            total += count_confusion(
                actual.read(1, window=window), given.read(1, window=window), len(CLASSES)
            )
    return total


def _draw(path: Path, scene: Scene, class_map: Path) -> Path:
    panels = [
        image_panel("image", scene.image, _PANEL),
        map_panel("truth", scene.labels, CLASSES, _PANEL),
        map_panel("prediction", class_map, CLASSES, _PANEL),
        error_panel(
            "errors, in the colour of the true class", scene.labels, class_map, CLASSES, _PANEL
        ),
    ]
    for panel in panels:  # what was learnt from ends here
        panel.pixels[:, panel.pixels.shape[1] // 2 + np.array([-1, 0, 1])] = 255
        panel.pixels[::12, panel.pixels.shape[1] // 2] = 0
    return save_panels(panels, CLASSES, path)

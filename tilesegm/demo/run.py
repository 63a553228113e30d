"""The demo: render a scene, learn from its western half, map all of it, score the eastern half."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window as RasterWindow

from tilesegm.data.settings import (
    AugmentationSettings,
    ClassSettings,
    DataSettings,
    LabelSettings,
    SamplingSettings,
    SceneSettings,
    SplitSettings,
)
from tilesegm.data.split import TRAIN, VALIDATION, Piece, Split
from tilesegm.demo.classes import CLASSES
from tilesegm.demo.quicklook import quicklook_panels, write_quicklook
from tilesegm.demo.scene import RenderedScene, render_scene
from tilesegm.errors import OutputError
from tilesegm.events import OnEvent, StageStarted, ignore
from tilesegm.grid.window import Window
from tilesegm.metrics.confusion import Scores, count_confusion
from tilesegm.networks.settings import ModelSettings
from tilesegm.segmentation.options import Options
from tilesegm.segmentation.segment import segment
from tilesegm.training.run import train
from tilesegm.training.settings.config import (
    LossSettings,
    OptimizerSettings,
    ScheduleSettings,
    TrainingConfig,
    ValidationSettings,
)

__all__ = ["DemoResult", "run_demo"]

_PANEL = 900
_EPOCHS = 2
_BUFFER = 96
"""Columns along the line that are not learnt from: the network sees this far."""


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
    report: Path
    """Page on the training."""
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
            f"{self.image}; {self.report} shows how training went."
        )


def run_demo(
    folder: Path,
    *,
    size: int = 6144,
    seed: int = 0,
    steps: int = 300,
    on_event: OnEvent = ignore,
) -> DemoResult:
    """Run the demo; files of an earlier demo in ``folder`` are replaced, others are left alone.

    Args:
        folder: Where scene, model, class map and quicklook go.
        size: Side of the scene in pixels, at least 512.
        seed: Seed of scene and training.
        steps: Training steps.
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
    config = _settings(folder, scene, size, seed, steps)
    trained = train(config, overwrite=True, on_event=on_event)
    model = trained.bundle

    clock.start("segmenting the scene")
    class_map = folder / "classes.tif"
    segment(
        scene.image, model, class_map,
        options=Options(precision="auto"), overwrite=True, on_event=on_event,
    )  # fmt: skip

    clock.start("scoring the eastern half")
    iou = Scores(_compare(scene.labels, class_map, half)).iou
    clock.start("drawing the quicklook")
    quicklook = _draw(folder / "quicklook.png", scene, class_map)
    return DemoResult(
        image=scene.image,
        labels=scene.labels,
        model=model,
        class_map=class_map,
        quicklook=quicklook,
        report=trained.folder / "report.html",
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


def _settings(
    folder: Path, scene: RenderedScene, size: int, seed: int, steps: int
) -> TrainingConfig:
    """Say how the western half is learnt; the split is a file beside the scene."""
    name, half = scene.image.stem, size // 2
    west = Piece(name, Window(0, 0, size, half), TRAIN)
    east = Piece(name, Window(0, half, size, size - half), VALIDATION)
    split = Split("halves", 1, _BUFFER, seed, ((name, size, size),), (west, east))
    split.save(folder / "halves.json")
    return TrainingConfig(
        data=DataSettings(
            scenes=(SceneSettings(str(scene.image), str(scene.labels)),),
            labels=LabelSettings(
                tuple(
                    ClassSettings(info.name, number, "#{:02X}{:02X}{:02X}".format(*info.colour))
                    for number, info in enumerate(CLASSES)
                )
            ),
        ),
        output=str(folder / "training"),
        split=SplitSettings(file=str(folder / "halves.json")),
        sampling=SamplingSettings(balanced=0.8),  # houses are rare, and time is short
        augmentation=AugmentationSettings(exposure=0.1, tint=0.05),
        model=ModelSettings(filters=8),
        loss=LossSettings(terms=({"name": "cross_entropy"},)),  # learns fastest at first
        optimizer=OptimizerSettings(learning_rate=4e-3),
        schedule=ScheduleSettings(epochs=_EPOCHS, steps=max(steps // _EPOCHS, 1), size=192),
        validation=ValidationSettings(every=_EPOCHS, tile=1024, overlap=128, megapixels=1.0),
        seed=seed,
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


def _draw(path: Path, scene: RenderedScene, class_map: Path) -> Path:
    panels = quicklook_panels(scene.image, scene.labels, class_map, CLASSES, _PANEL)
    for panel in panels:  # what was learnt from ends here
        panel.pixels[:, panel.pixels.shape[1] // 2 + np.array([-1, 0, 1])] = 255
        panel.pixels[::12, panel.pixels.shape[1] // 2] = 0
    return write_quicklook(path, panels, CLASSES)

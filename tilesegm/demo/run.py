"""The demo: render a scene, learn from its western half, map all of it, score the eastern half."""

from __future__ import annotations

import dataclasses
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
from tilesegm.demo.classes import CLASSES
from tilesegm.demo.quicklook import quicklook_panels, write_quicklook
from tilesegm.demo.scene import RenderedScene, render_scene
from tilesegm.errors import OutputError
from tilesegm.events import Event, OnEvent, RunStarted, StageStarted, ignore
from tilesegm.grid.tiling import Tiling
from tilesegm.metrics.confusion import Scores, count_confusion
from tilesegm.networks.settings import ModelSettings
from tilesegm.ownership import check_place
from tilesegm.pictures.png import PNG_MARK
from tilesegm.segmentation.outputs import check_outputs
from tilesegm.segmentation.segment import segment
from tilesegm.training.run import train
from tilesegm.training.settings.config import (
    DeviceSettings,
    LossSettings,
    OptimizerSettings,
    ScheduleSettings,
    TrainingConfig,
    ValidationSettings,
)

__all__ = ["DEMO_TILING", "DemoResult", "demo_settings", "run_demo"]

_PANEL = 900
_EPOCHS = 5
DEMO_TILING = Tiling(tile=1376, overlap=128)
"""Four of them side by side are as wide as the scene, so that little is computed twice."""


@dataclass(frozen=True, kw_only=True)
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
    """Report of the training run, an HTML page."""
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
            f"Open {self.quicklook}: training saw only the pixels to the left of the line. Most "
            f"errors should be thin lines along edges; where a whole patch is one, it was taken "
            f"for another class. Edges of tiles should not show. The hardest class is "
            f"{weakest[0]} (IoU {weakest[1]:.2f}). {self.class_map} opens in any GIS, on top of "
            f"{self.image}; {self.report} shows how training went."
        )


def run_demo(
    folder: Path,
    *,
    size: int = 5120,
    seed: int = 0,
    steps: int = 240,
    on_event: OnEvent = ignore,
) -> DemoResult:
    """Run the demo; files of an earlier demo in ``folder`` are replaced, others are left alone.

    Args:
        folder: folder of all files.
        size: side of the scene in pixels, at least 512.
        seed: seed of scene and training.
        steps: training steps.
        on_event: called with progress.

    Raises:
        SettingsError: ``size`` or ``steps`` is too small.
        OutputError: the folder cannot be written, or holds files of other makers under the names of
            the demo's.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder} is a file; pass a folder for the demo")
    class_map, quicklook = folder / "classes.tif", folder / "quicklook.png"
    check_place(quicklook, PNG_MARK)
    if folder.exists():
        check_outputs([class_map])
    progress = _Steps(on_event)
    progress.start("rendering the scene")
    scene = render_scene(folder, size=size, seed=seed, on_event=progress)

    progress.start("training on the western half")
    trained = train(
        demo_settings(folder, scene, size, seed, steps), overwrite=True, on_event=progress
    )

    progress.start("segmenting the scene")
    segment(
        scene.image, trained.bundle, class_map,
        tiling=DEMO_TILING, overwrite=True, on_event=progress,
    )  # fmt: skip

    progress.start("scoring the eastern half")
    iou = Scores(_compare(scene.labels, class_map, size // 2)).iou
    _draw(quicklook, scene, class_map)
    return DemoResult(
        image=scene.image,
        labels=scene.labels,
        model=trained.bundle,
        class_map=class_map,
        quicklook=quicklook,
        report=trained.folder / "report.html",
        mean_iou=float(np.nanmean(iou)),
        class_iou=tuple((info.name, float(v)) for info, v in zip(CLASSES, iou, strict=True)),
        seconds=progress.stop(),
    )


class _Steps:
    """Counts and times the steps of the demo, and says which of them an event belongs to."""

    count = 4

    def __init__(self, on_event: OnEvent) -> None:
        self._on_event = on_event
        self._marks: list[tuple[str, float]] = []

    def start(self, name: str) -> None:
        self._marks.append((name, time.monotonic()))
        self._on_event(StageStarted(self._title))

    @property
    def _title(self) -> str:
        return f"step {len(self._marks)} of {self.count}: {self._marks[-1][0]}"

    def __call__(self, event: Event) -> None:
        match event:
            case StageStarted():
                event = StageStarted(f"{self._title}, {event.name}")
            case RunStarted():
                event = dataclasses.replace(event, uri=self._title)
        self._on_event(event)

    def stop(self) -> tuple[tuple[str, float], ...]:
        ends = [start for _, start in self._marks[1:]] + [time.monotonic()]
        return tuple(
            (name, end - start) for (name, start), end in zip(self._marks, ends, strict=True)
        )


def demo_settings(
    folder: Path, scene: RenderedScene, size: int, seed: int, steps: int
) -> TrainingConfig:
    """Return the settings of a short run on the western half, a ninth of which is held out."""
    return TrainingConfig(
        data=DataSettings(
            scenes=(SceneSettings(str(scene.west_image), str(scene.west_labels)),),
            labels=LabelSettings(
                tuple(
                    ClassSettings(info.name, number, "#{:02X}{:02X}{:02X}".format(*info.colour))
                    for number, info in enumerate(CLASSES)
                )
            ),
        ),
        output=str(folder / "training"),
        split=SplitSettings(folds=9, block=size // 6),
        sampling=SamplingSettings(balanced=0.8),  # houses are rare, and time is short
        augmentation=AugmentationSettings(exposure=0.1, tint=0.05),
        model=ModelSettings(filters=8),
        loss=LossSettings(terms=({"name": "cross_entropy"},)),  # learns fastest at first
        optimizer=OptimizerSettings(learning_rate=4e-3),
        # Many small windows teach more than the same pixels in few large ones.
        schedule=ScheduleSettings(
            epochs=_EPOCHS, steps=max(steps // _EPOCHS, 1), batch=24, size=64
        ),
        validation=ValidationSettings(every=_EPOCHS, megapixels=0.5),
        device=DeviceSettings(precision="float32"),  # bfloat16 gains nothing for so few filters
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


def _draw(path: Path, scene: RenderedScene, class_map: Path) -> None:
    panels = quicklook_panels(scene.image, scene.labels, class_map, CLASSES, _PANEL)
    for panel in panels:  # the pixels that were learnt from end here
        panel.pixels[:, panel.pixels.shape[1] // 2 + np.array([-1, 0, 1])] = 255
        panel.pixels[::12, panel.pixels.shape[1] // 2] = 0
    write_quicklook(path, panels, CLASSES)

"""A small scene with textured classes, as files, and settings that learn it in seconds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.transform import from_origin

from tilesegm.data.settings import (
    ClassSettings,
    DataSettings,
    LabelSettings,
    SceneSettings,
    SplitSettings,
)
from tilesegm.networks.settings import ModelSettings
from tilesegm.training.settings.config import (
    DeviceSettings,
    OptimizerSettings,
    ScheduleSettings,
    TrainingConfig,
    ValidationSettings,
)


def paint(size: int = 160, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return uint8 pixels ``(size, size, 2)`` and labels: plain, striped, bright; 255."""
    random = np.random.default_rng(seed)
    rows, cols = np.indices((size, size))
    labels = ((rows // 20 + 2 * (cols // 28)) % 3).astype(np.uint8)
    stripes = np.where(cols % 4 < 2, 60, 10)
    bright = 60 + np.where(labels == 1, stripes, 0) + np.where(labels == 2, 90, 0)
    image = np.stack([bright, 120 - bright / 2], -1) + random.normal(0, 6, (size, size, 2))
    labels[random.random((size, size)) < 0.05] = 255
    return np.clip(image, 0, 255).astype(np.uint8), labels


def write_scene(folder: Path, name: str, size: int = 160, seed: int = 0) -> None:
    """Write ``name.tif`` and ``name_labels.tif``."""
    image, labels = paint(size, seed)
    place = {"crs": "EPSG:32632", "transform": from_origin(500_000, 5_000_000, 10, 10)}
    shape = {"driver": "GTiff", "height": size, "width": size, "dtype": "uint8", **place}
    with rasterio.open(folder / f"{name}.tif", "w", count=2, **shape) as file:
        file.write(image.transpose(2, 0, 1))
    with rasterio.open(folder / f"{name}_labels.tif", "w", count=1, **shape) as file:
        file.write(labels[None])


def settings(folder: Path, **changes: Any) -> TrainingConfig:
    """Return settings for ``a.tif`` in ``folder``, which is written if it is not there.

    A change is a section (``schedule={"epochs": 3}``), or a value of the top level.
    """
    if not (folder / "a.tif").exists():
        write_scene(folder, "a")
    classes = tuple(ClassSettings(name, n) for n, name in enumerate(("plain", "striped", "bright")))
    config = TrainingConfig(
        data=DataSettings(
            scenes=(SceneSettings(str(folder / "a.tif"), str(folder / "a_labels.tif")),),
            labels=LabelSettings(classes, ignore=(255,)),
        ),
        output=str(folder / "run"),
        split=SplitSettings(block=40, folds=4, buffer=4),
        model=ModelSettings(filters=4, depth=2),
        optimizer=OptimizerSettings(learning_rate=1e-2),
        schedule=ScheduleSettings(epochs=2, steps=10, batch=4, size=32),
        validation=ValidationSettings(tile=64, overlap=16),
        device=DeviceSettings(precision="float32", readers=1),
    )
    for name, change in changes.items():
        if isinstance(change, dict):
            change = replace(getattr(config, name), **change)
        config = replace(config, **{name: change})
    return config

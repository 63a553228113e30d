"""Staged results to finish."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tilesegm.classes import ClassInfo
from tilesegm.grid.window import Window
from tilesegm.sink.layer import Layer
from tilesegm.sink.provenance import MapFacts
from tilesegm.sink.staging import Staging, staging_folder

CLASSES = Layer("classes", np.dtype("uint8"), nodata=255, overview="mode")


def stage_rows(
    staging: Staging, values: dict[str, NDArray[np.generic]], *, skip: Collection[int] = ()
) -> None:
    """Write all bands of one chunk's height as one region each, as the engine does."""
    height, width = staging.size
    for region, row in enumerate(range(0, height, staging.chunk)):
        if region in skip:
            continue
        rows = min(staging.chunk, height - row)
        for name, whole in values.items():
            band = whole[..., row : row + rows, :]
            staging.write(name, Window(row, 0, rows, width), band)
        staging.commit(region)


@pytest.fixture
def staged(tmp_path: Path) -> Callable[..., Staging]:
    """Stage whole rasters, keyed by layer, beside ``tmp_path / "out.tif"``."""
    opened: list[Staging] = []

    def stage(values: dict[Layer, NDArray[np.generic]], *, chunk: int = 256) -> Staging:
        staging = Staging.open(
            staging_folder(tmp_path / "out.tif"),
            size=next(iter(values.values())).shape[-2:],
            layers=list(values),
            fingerprint={},
            chunk=chunk,
        )
        opened.append(staging)
        stage_rows(staging, {layer.name: array for layer, array in values.items()})
        return staging

    yield stage
    for staging in opened:
        staging.close()


@pytest.fixture
def facts() -> MapFacts:
    """Four classes, and where they come from."""
    names = ["water", "rôad", "field & wood", "built up"]
    classes = tuple(ClassInfo(name, (40 * i, 10, 200 - i)) for i, name in enumerate(names))
    return MapFacts(classes=classes, version="1.2", model="unet <7>")


def patches(height: int, width: int, classes: int = 4, seed: int = 0) -> NDArray[np.uint8]:
    """A map with large shapes, noise, and a corner of nodata."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, classes, (height // 16 + 1, width // 16 + 1))
    values = np.kron(coarse, np.ones((16, 16), int))[:height, :width].astype(np.uint8)
    noisy = rng.random((height, width)) < 0.1
    values[noisy] = rng.integers(0, classes, noisy.sum())
    values[: height // 5, : width // 7] = 255
    return values

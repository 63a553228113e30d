"""Rasters on disk for tests of whole runs."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning

__all__ = ["blobs", "file_state", "read", "write"]

GEO = {"crs": "EPSG:32633", "transform": Affine(10, 0, 5e5, 0, -10, 5e6)}


def blobs(height: int, width: int, bands: int = 3, seed: int = 0) -> NDArray[np.uint8]:
    """Return ``(H, W, bands)`` of smooth shapes with noise: classes change where shapes end."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 200, (height // 40 + 1, width // 40 + 1, bands))
    large = np.kron(coarse, np.ones((40, 40, 1), int))[:height, :width]
    return (large + rng.integers(0, 55, large.shape)).astype(np.uint8)


def write(path: Path, image: NDArray[Any], **profile: Any) -> Path:
    """Write ``(H, W)`` or ``(H, W, bands)`` as GeoTIFF unless the profile says otherwise."""
    planes = image[None] if image.ndim == 2 else image.transpose(2, 0, 1)
    count, height, width = planes.shape
    settings = {"driver": "GTiff", "count": count, "height": height, "width": width}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, "w", dtype=planes.dtype, **(settings | profile)) as target:
            target.write(planes)
    return path


def read(path: Path, bands: int | None = 1) -> NDArray[Any]:
    """Read a band, or all of them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path) as dataset:
            values: NDArray[Any] = dataset.read(bands)
            return values


def file_state(path: Path) -> tuple[int, int, int]:
    """Return what changes when a file is written or replaced, and not when it is read."""
    state = path.stat()
    return state.st_ino, state.st_size, state.st_mtime_ns

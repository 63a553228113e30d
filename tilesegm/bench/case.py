"""The image and the network that a benchmark of the engine runs on."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window as RasterWindow
from scipy import ndimage

from tilesegm.grid.tiling import Tiling
from tilesegm.grid.window import Window

__all__ = ["TilingCase", "geotiff", "make_network", "write_image"]

_TEXTURE = 2048
_CLASSES = 5


@dataclass(frozen=True)
class TilingCase:
    """What is measured."""

    size: int = 16384
    """Side of a uint8 RGB GeoTIFF, deflate, blocks of 512."""
    tiling: Tiling = field(default_factory=lambda: Tiling(tile=512, overlap=64))
    filters: int = 0
    """Filters of a U-Net of depth 4; 0 for one 1 x 1 convolution, which costs next to nothing."""

    @property
    def megapixels(self) -> float:
        """Pixels of the image, in millions."""
        return self.size**2 / 1e6


def write_image(path: Path, size: int) -> None:
    """Write smooth fields with fine noise, mirrored from a texture: it compresses like a photo."""
    texture = _texture()
    profile = geotiff(
        size,
        size,
        count=3,
        dtype="uint8",
        interleave="pixel",
        crs="EPSG:32633",
        transform=rasterio.transform.from_origin(5e5, 5e6, 0.25, 0.25),
    )
    with rasterio.open(path, "w", **profile) as target:
        for place in Window(0, 0, size, size).tiles(_TEXTURE):
            down, across = (-1) ** (place.row // _TEXTURE), (-1) ** (place.col // _TEXTURE)
            part = texture[:, ::down, ::across][:, : place.height, : place.width]
            target.write(part, window=RasterWindow.from_slices(*place.slices))


def geotiff(height: int, width: int, **more: Any) -> dict[str, Any]:
    """Say how a tiled GeoTIFF is written with all cores, and ``more`` of it."""
    return {
        "driver": "GTiff",
        "height": height,
        "width": width,
        "tiled": True,
        "blockxsize": 512,
        "blockysize": 512,
        "compress": "deflate",
        "num_threads": "all_cpus",
        "BIGTIFF": "IF_SAFER",
        **more,
    }


def _texture() -> NDArray[np.uint8]:
    rng = np.random.default_rng(0)
    base = np.zeros((_TEXTURE, _TEXTURE))
    for step, weight in ((256, 40), (64, 25), (16, 12)):
        coarse = rng.standard_normal((_TEXTURE // step, _TEXTURE // step))
        base += weight * ndimage.zoom(coarse, step, order=1)
    bands = [120 + base * gain + rng.normal(0, 3, base.shape) for gain in (1, 0.8, -0.6)]
    texture: NDArray[np.uint8] = np.clip(np.stack(bands), 0, 255).astype(np.uint8)
    return texture


def make_network(filters: int) -> Any:
    """Make the network of a case, with random weights that are always the same."""
    import keras

    from tilesegm.networks.build import unet

    keras.utils.set_random_seed(0)
    if filters:
        return unet(3, _CLASSES, filters=filters, depth=4)
    pixels = keras.Input((None, None, 3))
    scaled = keras.layers.Rescaling(1 / 64, offset=-2)(pixels)
    return keras.Model(pixels, keras.layers.Conv2D(_CLASSES, 1)(scaled))

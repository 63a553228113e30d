"""A labelled aerial scene, rendered: the same one for the same seed."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window as RasterWindow

from tilesegm.demo.classes import CLASSES
from tilesegm.demo.countryside import plan_countryside
from tilesegm.demo.drawing import draw_countryside
from tilesegm.demo.light import Light
from tilesegm.errors import SettingsError
from tilesegm.events import OnEvent, StageProgress, ignore
from tilesegm.files import replacing
from tilesegm.ownership import check_place

__all__ = ["SCENE_MARK", "RenderedScene", "draw_scene", "place_of_scene", "render_scene"]

SCENE_MARK = b"tilesegm demo"
"""What tells a raster of a demo."""

_STRIP = 256
_CRS, _LEFT, _TOP, _METRES = "EPSG:32633", 603_000.0, 5_411_500.0, 0.25
_SMALLEST = 512
_JPEG = {"compress": "jpeg", "photometric": "ycbcr", "jpeg_quality": 92}
_SMALL_BLOCKS = {"blockxsize": 64, "blockysize": 64, "photometric": "rgb", "interleave": "pixel"}
"""Training reads small windows in random order."""


@dataclass(frozen=True)
class RenderedScene:
    """Files of a rendered scene: all of it, and its western half to learn from."""

    image: Path
    """RGB GeoTIFF, uint8, EPSG:32633, 0.25 m per pixel."""
    labels: Path
    """Class ids on the same grid, in the order of `CLASSES`."""
    west_image: Path
    west_labels: Path


def render_scene(
    folder: Path, *, size: int = 5120, seed: int = 0, on_event: OnEvent = ignore
) -> RenderedScene:
    """Render a scene of ``size`` x ``size`` pixels into ``folder``.

    Raises:
        SettingsError: ``size`` leaves no room for a village, a river and fields.
        OutputError: a file has the name of one of these and is not of a demo.
    """
    _check_size(size)
    names = ("scene.tif", "labels.tif", "west.tif", "west_labels.tif")
    scene = RenderedScene(*(folder / name for name in names))
    for name in names:
        check_place(folder / name, SCENE_MARK)
    light, cover = _plan(size, seed)
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as opened:
        images = [
            (opened.enter_context(_create_image(path, size, width, **options)), width)
            for path, width, options in (
                (scene.image, size, _JPEG),
                (scene.west_image, size // 2, _SMALL_BLOCKS),
            )
        ]
        for top, strip in _strips(light, size):
            for file, width in images:
                window = RasterWindow(0, top, width, strip.shape[1])
                file.write(strip[..., :width], window=window)
            on_event(StageProgress((top + strip.shape[1]) / size))
    for path, width in ((scene.labels, size), (scene.west_labels, size // 2)):
        _write_labels(path, cover[:, :width])
    return scene


def draw_scene(size: int, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Render a scene in memory.

    Returns:
        ``(size, size, 3)`` red, green and blue, and ``(size, size)`` ids of `CLASSES`.

    Raises:
        SettingsError: as `render_scene`.
    """
    _check_size(size)
    light, cover = _plan(size, seed)
    image = np.concatenate([strip for _, strip in _strips(light, size)], axis=1)
    return np.ascontiguousarray(np.moveaxis(image, 0, -1)), cover


def place_of_scene(height: int, width: int) -> dict[str, Any]:
    """Return coordinate system and transform of a scene, as rasterio takes them."""
    grid = _grid(height, width)
    return {key: grid[key] for key in ("crs", "transform")}


def _check_size(size: int) -> None:
    if size < _SMALLEST:
        raise SettingsError(f"a scene of {size} px has no room; pass a size of {_SMALLEST} or more")


def _plan(size: int, seed: int) -> tuple[Light, NDArray[np.uint8]]:
    """Return what renders a scene, and the class ids of its pixels."""
    random = np.random.default_rng(seed)
    plan = plan_countryside(size, random)
    layers = draw_countryside(plan, random).layers()
    return Light(layers, plan.parcels, random), layers[1]


@contextmanager
def _create_image(path: Path, height: int, width: int, **options: Any) -> Iterator[Any]:
    with (
        replacing(path, SCENE_MARK) as draft,
        rasterio.open(draft, "w", **(_grid(height, width) | options), count=3) as file,
    ):
        file.update_tags(TIFFTAG_SOFTWARE=SCENE_MARK.decode())
        yield file


def _write_labels(path: Path, cover: NDArray[np.uint8]) -> None:
    grid = _grid(*cover.shape)
    with (
        replacing(path, SCENE_MARK) as draft,
        rasterio.open(draft, "w", **grid, count=1, nodata=255, compress="deflate") as file,
    ):
        file.update_tags(TIFFTAG_SOFTWARE=SCENE_MARK.decode())
        file.write(cover, 1)
        file.write_colormap(1, {i: (*info.colour, 255) for i, info in enumerate(CLASSES)})
        file.update_tags(1, **{f"class_{i}": info.name for i, info in enumerate(CLASSES)})


def _grid(height: int, width: int) -> dict[str, Any]:
    return {
        "driver": "GTiff", "height": height, "width": width, "dtype": "uint8", "crs": _CRS,
        "transform": rasterio.Affine(_METRES, 0, _LEFT, 0, -_METRES, _TOP),
        "tiled": True, "blockxsize": 256, "blockysize": 256,
    }  # fmt: skip


def _strips(light: Light, size: int) -> Iterator[tuple[int, NDArray[Any]]]:
    """Yield strips from top to bottom, two in the making at a time."""
    tops = range(0, size, _STRIP)
    with ThreadPoolExecutor(2, thread_name_prefix="scene") as threads:
        waiting = [threads.submit(light.strip, top, min(top + _STRIP, size)) for top in tops[:2]]
        for index, top in enumerate(tops):
            strip = waiting.pop(0).result()
            if index + 2 < len(tops):
                following = tops[index + 2]
                waiting.append(
                    threads.submit(light.strip, following, min(following + _STRIP, size))
                )
            yield top, strip

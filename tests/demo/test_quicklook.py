"""The quicklook: a picture of the right size with the right colours and a legend."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image

from tilesegm.classes import ClassInfo
from tilesegm.demo.quicklook import error_panel, quicklook
from tilesegm.errors import SourceError

CLASSES = (ClassInfo("red things", (220, 20, 10)), ClassInfo("blue things", (10, 40, 200)))


def write(path: Path, array: np.ndarray) -> Path:
    bands = array[None] if array.ndim == 2 else np.moveaxis(array, -1, 0)
    count, height, width = bands.shape
    with rasterio.open(
        path, "w", driver="GTiff", count=count, height=height, width=width, dtype=array.dtype,
        crs="EPSG:32633", transform=rasterio.Affine(2, 0, 500, 0, -2, 900),
    ) as file:  # fmt: skip
        file.write(bands)
    return path


@pytest.fixture
def class_map(tmp_path: Path) -> Path:
    ids = np.zeros((400, 600), np.uint8)
    ids[:, 300:] = 1
    ids[:100] = 255
    return write(tmp_path / "map.tif", ids)


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as picture:
        return picture.size


def colours(path: Path) -> dict[tuple[int, ...], int]:
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB")).reshape(-1, 3)
    found, counts = np.unique(pixels, axis=0, return_counts=True)
    return {tuple(map(int, c)): int(n) for c, n in zip(found, counts, strict=True)}


def test_a_map_in_its_colours(class_map: Path, tmp_path: Path) -> None:
    png = quicklook(class_map, tmp_path / "sub" / "look.png", CLASSES, max_side=300)
    assert png.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = size_of(png)
    assert 300 < width < 350
    assert 200 < height < 300
    found = colours(png)
    # Half of the 300 x 150 labelled pixels each, and a box in the legend.
    assert 22_500 < found[CLASSES[0].colour] < 22_900
    assert 22_500 < found[CLASSES[1].colour] < 22_900
    assert found[(226, 226, 226)] >= 15_000


def test_small_maps_are_not_enlarged(class_map: Path, tmp_path: Path) -> None:
    assert colours(quicklook(class_map, tmp_path / "l.png", CLASSES))[CLASSES[0].colour] > 90_000


def test_with_the_image_beside_it(class_map: Path, tmp_path: Path) -> None:
    dark = write(tmp_path / "image.tif", np.full((400, 600, 4), 77, np.uint8))
    png = quicklook(class_map, tmp_path / "look.png", CLASSES, image=dark, max_side=300)
    assert size_of(png)[0] > 600
    assert colours(png)[(77, 77, 77)] >= 300 * 200


def test_a_sixteen_bit_image_is_stretched(class_map: Path, tmp_path: Path) -> None:
    ramp = np.tile(np.linspace(1000, 9000, 600).astype(np.uint16), (400, 1))
    image = write(tmp_path / "image.tif", ramp)
    png = quicklook(class_map, tmp_path / "look.png", CLASSES, image=image, max_side=300)
    grey = [c for c in colours(png) if len(set(c)) == 1]
    assert len(grey) > 200


def test_errors_take_the_colour_of_the_truth(class_map: Path, tmp_path: Path) -> None:
    ids = np.zeros((400, 600), np.uint8)
    panel = error_panel("errors", class_map, write(tmp_path / "p.tif", ids), CLASSES, 600)
    assert (panel.pixels[200, 100] == 255).all()  # right
    assert tuple(panel.pixels[200, 500]) == CLASSES[1].colour  # wrong
    assert (panel.pixels[50, 50] == 226).all()  # unlabelled


def test_a_file_that_is_no_raster(tmp_path: Path) -> None:
    (tmp_path / "map.tif").write_text("no raster")
    with pytest.raises(SourceError, match="cannot read"):
        quicklook(tmp_path / "map.tif", tmp_path / "look.png", CLASSES)

"""What is skipped is of one colour or glass, hangs together with the border, and shows nothing."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.enums import Resampling
from scipy import ndimage

from tests.images import GEO, blobs, write
from tilesegm.errors import InputError
from tilesegm.source.background import Background, find_background
from tilesegm.source.base import Source
from tilesegm.source.cells import read_cells
from tilesegm.source.open import open_source


def levels(image: Any) -> Callable[[int], Source]:
    return lambda level: open_source(image, level=level)


def look(image: Any, *, glass: bool = False, **choices: Any) -> tuple[Background, np.ndarray]:
    """Return the background of an image, and which pixels it covers."""
    opener = levels(image)
    with open_source(image, **choices) as source:
        background = find_background(read_cells(source, opener), source.info, glass=glass)
        whole = source.info.window
        covered = background.covers(whole, source.read(whole).values)
        for window in list(whole.tiles(37, 53))[::4]:
            part = background.covers(window, source.read(window).values)
            np.testing.assert_array_equal(part, covered[window.slices])
    return background, covered


def framed(content: np.ndarray, top: int, left: int, size: tuple[int, int], colour: int) -> Any:
    image = np.full((*size, content.shape[2]), colour, content.dtype)
    image[top : top + content.shape[0], left : left + content.shape[1]] = content
    return image


@settings(deadline=None, max_examples=40)
@given(
    top=st.integers(0, 150),
    left=st.integers(0, 150),
    height=st.integers(40, 200),
    width=st.integers(40, 200),
    colour=st.sampled_from([0, 255, 128]),
    roof=st.booleans(),
)
def test_a_margin_goes_and_all_that_it_surrounds_stays(
    top: int, left: int, height: int, width: int, colour: int, roof: bool
) -> None:
    content = blobs(min(height, 300 - top), min(width, 280 - left)) // 2 + 60
    if roof:  # of the very colour of the margin, but not connected to it
        content[10:-10, 10:-10] = colour
    image = framed(content, top, left, (300, 280), colour)
    background, covered = look(image)
    shown = np.zeros((300, 280), bool)
    shown[top : top + height, left : left + width] = True
    assert not covered[shown].any()
    far = ~ndimage.binary_dilation(shown, np.ones((3, 3)), iterations=24)
    assert covered[far].all() or far.sum() < 64
    assert covered.sum() == background.pixels
    assert background.exact


@pytest.mark.parametrize("most", [1 << 21, 20_000, 5_000])
def test_a_margin_goes_up_to_its_edge(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """And no farther: what is white beyond a line that is not, or at the end of a path, stays."""
    monkeypatch.setattr("tilesegm.source.cells._PARTS", most)
    rows, cols = np.mgrid[:320, :320]
    shown = rows + 1.3 * cols > 300
    image = np.where(shown[..., None], blobs(320, 320) // 2 + 60, 255).astype(np.uint8)
    beside = ndimage.binary_dilation(~shown, np.ones((3, 3)), iterations=4)
    inside = shown & ~ndimage.binary_dilation(~shown, np.ones((3, 3)), iterations=2)
    cars = beside & inside & (cols % 20 < 6)
    image[cars] = 255
    path = shown & (rows + 1.3 * cols < 400) & (rows >= 100) & (rows < 103)
    image[path] = 255
    background, covered = look(image)
    side = {1 << 21: 1, 20_000: 4, 5_000: 8}[most]
    assert covered.sum() == background.pixels
    assert not covered[shown & ~path].any()
    assert not covered[path & ~ndimage.binary_dilation(~shown, iterations=17)].any()
    reach = 2 * side if side < 8 else 2 * 8
    left = ~ndimage.binary_dilation(shown, np.ones((3, 3)), iterations=reach)
    assert covered[left & (rows >= 40) & (cols >= 40)].all()  # it ends in a point at the border
    assert ("of their edge" in background.text) is (side < 8)


def test_a_white_roof_that_touches_the_margin_by_a_bridge_stays() -> None:
    image = framed(blobs(200, 200) // 2 + 60, 100, 100, (320, 320), 255)
    image[180:260, 180:260] = 255
    image[96:180, 200:220] = 255  # a white path from the roof to the margin
    _, covered = look(image)
    assert covered[:80].all()
    assert not covered[182:258, 182:258].any()


def test_margins_of_several_colours_go_and_a_large_sky_of_many_values_stays() -> None:
    image = framed(blobs(160, 200) // 2 + 60, 80, 60, (320, 320), 255)
    image[:, 270:] = 0
    background, covered = look(image)
    assert len(background.colours) == 2
    assert covered[:60, :40].all()
    assert covered[:, 290:].all()
    gradient = np.linspace(0, 255, 320)[:, None, None] + np.zeros((320, 320, 3))
    background, covered = look(gradient.astype(np.uint8))
    assert not background.pixels
    assert "none connected to the border" in background.text


def test_still_water_stays() -> None:
    """Its values differ by as little as those of a white margin in JPEG, but all over it."""
    image = framed(blobs(160, 200) // 2 + 60, 80, 60, (320, 320), 255)
    water = np.random.default_rng(0).integers(48, 53, (320, 320, 3))
    shore = np.where((image == 255).all(2, keepdims=True), water, image).astype(np.uint8)
    background, covered = look(shore)
    assert not covered.any()
    assert "none connected to the border" in background.text
    shore[:, 290:] = 255  # a margin beside it goes
    background, covered = look(shore)
    assert [colour.tolist() for colour in background.colours] == [[255] * 3]
    assert covered[:, 310:].all()
    assert not covered[:, :290].any()


@pytest.mark.parametrize(("colour", "nearly"), [(0, (0, 4)), (255, (252, 256))])
def test_water_and_snow_beside_a_margin_of_nearly_their_colour_stay(
    colour: int, nearly: tuple[int, int]
) -> None:
    image = framed(blobs(240, 240) // 2 + 60, 60, 60, (320, 320), colour)
    image[60:180, 60:300] = np.random.default_rng(0).integers(*nearly, (120, 240, 3))
    _, covered = look(image)
    assert covered[:50, :].all()
    # Those within two cells of 8 pixels and a rim of as many may be what JPEG smeared.
    assert not covered[60 + 32 : 180, 60 + 32 : 300 - 32].any()


@pytest.mark.parametrize("dtype", ["uint16", "int16", "float32"])
def test_deeper_pixels_are_of_one_colour_when_they_are_equal(dtype: str) -> None:
    content = (blobs(160, 200).astype(dtype) * 20 + 100).astype(dtype)
    image = framed(content, 80, 60, (320, 320), -7 if dtype != "uint16" else 65_535)
    _, covered = look(image)
    assert covered[:60].all()
    assert not covered[80:240, 60:260].any()
    image[:, :, 0] += np.arange(320).astype(dtype)  # no two columns are of one colour
    assert not look(image)[1].any()


def test_of_few_values_each_is_one_of_its_own() -> None:
    """An image of indices: 0 to 3 are no noise around one colour."""
    image = np.random.default_rng(0).integers(0, 4, (256, 256, 1)).astype(np.uint8)
    assert not look(image)[1].any()


def test_missing_pixels_around_a_margin_do_not_part_it_from_the_border() -> None:
    image = framed(blobs(160, 160) // 2 + 60, 80, 80, (320, 320), 255)
    image[:40] = image[-40:] = image[:, :40] = image[:, -40:] = 0
    _, covered = look(image, nodata=0)
    assert covered[44:64, 44:276].all()
    assert not covered[:40].any()
    assert not covered[80:240, 80:240].any()


def test_jpeg_around_a_margin_costs_a_rim_and_no_content(tmp_path: Path) -> None:
    content = blobs(300, 300) // 2 + 60
    image = framed(content, 100, 120, (640, 600), 255)
    options = {"compress": "jpeg", "photometric": "ycbcr", "jpeg_quality": 60}
    path = write(tmp_path / "ortho.tif", image, **GEO, **options)
    _, covered = look(str(path))
    assert not covered[100:400, 120:420].any()
    shown = np.zeros((640, 600), bool)
    shown[100:400, 120:420] = True
    far = ~ndimage.binary_dilation(shown, np.ones((3, 3)), iterations=32)
    assert covered[far].all()


def test_a_wide_image_of_large_blocks_is_read_in_bounded_memory(tmp_path: Path) -> None:
    image = np.zeros((1024, 12_000, 3), np.uint8)
    path = write(tmp_path / "wide.tif", image, tiled=True, blockxsize=1024, blockysize=1024)
    with open_source(path) as source:
        tracemalloc.start()
        read_cells(source, levels(path))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 128 << 20  # cells, and sums in float32 of 4 million pixels of three bands


@pytest.mark.parametrize("way", [Resampling.nearest, Resampling.average])
def test_from_an_overview_only_pixels_of_the_colour_go(tmp_path: Path, way: Resampling) -> None:
    """What is smaller than a pixel of the overview is not seen there."""
    image = framed(blobs(200, 180) // 2 + 60, 500, 420, (901, 803), 255)
    image[300:303, 333:336] = 90
    path = write(tmp_path / "ortho.tif", image, tiled=True, compress="deflate", **GEO)
    with rasterio.open(path, "r+") as file:
        file.build_overviews([2, 4, 8], way)
    background, covered = look(str(path))
    assert "its level of 451 x 402 pixels" in background.text
    assert background.pixels >= covered.sum()
    assert not background.exact
    assert (image[covered] == 255).all()
    assert covered[:290].all()
    assert not covered[300:303, 333:336].any()
    assert covered.mean() > 0.9


def slide() -> tuple[np.ndarray, np.ndarray]:
    """Glass with noise, tissue with a lumen, and which pixels are tissue."""
    rng = np.random.default_rng(1)
    rows, cols = np.mgrid[:700, :600]
    tissue = ((rows - 350) / 250) ** 2 + ((cols - 280) / 180) ** 2 < 1
    lumen = ((rows - 350) / 70) ** 2 + ((cols - 280) / 60) ** 2 < 1
    image = rng.integers(240, 246, (700, 600, 1)) + rng.integers(-1, 2, (700, 600, 3))
    pink = np.array([214, 160, 196]) + rng.integers(-20, 20, (700, 600, 3))
    image[tissue & ~lumen] = pink[tissue & ~lumen]
    return image.astype(np.uint8), tissue


def test_glass_goes_and_tissue_and_its_lumina_stay(tmp_path: Path) -> None:
    image, tissue = slide()
    path = tmp_path / "slide.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as file:
        size = {"PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5}
        file.write(image, photometric="rgb", tile=(64, 64), subifds=1, metadata=size)
        small = image.reshape(350, 2, 300, 2, 3).mean((1, 3)).astype(np.uint8)
        file.write(small, photometric="rgb", tile=(64, 64), subfiletype=1)
    for one in (str(path), image):
        background, covered = look(one, glass=True)
        assert "glass" in background.text
        assert not covered[tissue].any()
        far = ~ndimage.binary_dilation(tissue, np.ones((3, 3)), iterations=24)
        assert covered[far].mean() > 0.99


def test_without_glass_nothing_of_a_slide_is_taken_for_it() -> None:
    """Tissue from edge to edge, however pale, and grey dirt on it."""
    rng = np.random.default_rng(2)
    pale = np.array([232, 214, 226]) + rng.integers(-9, 9, (300, 300, 3))
    pale[100:140] = rng.integers(60, 160, (40, 300, 1))
    assert not look(pale.astype(np.uint8), glass=True)[1].any()


def test_other_backgrounds_are_told_apart() -> None:
    image = framed(blobs(200, 200) // 2 + 60, 50, 50, (300, 300), 255)
    first, same, other = (
        look(each)[0].identity for each in (image, image.copy(), np.roll(image, 16, axis=0))
    )
    assert first == same != other


def test_levels_that_are_absent_are_no_error() -> None:
    with open_source(np.zeros((40, 50, 3), np.uint8)) as source:

        def nothing(level: int) -> Source:
            raise InputError("no levels")

        cells = read_cells(source, nothing)
    assert cells.low.shape == (40, 50, 3)

"""How many pixels tags of an image hide, and what reads them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image

from tests.images import GEO, write
from tilesegm.grid.window import Window
from tilesegm.source.hidden import find_hidden
from tilesegm.source.open import open_source

RANDOM = np.random.default_rng(0)


def test_infrared_that_is_tagged_alpha_is_doubted(tmp_path: Path) -> None:
    image = RANDOM.integers(1, 250, (100, 80, 4)).astype(np.uint8)
    image[:10, :, 3] = 0
    path = str(write(tmp_path / "rgbn.tif", image))
    (found,) = find_hidden(open_source(path))
    assert (found.reason, found.pixels, found.exact, found.doubtful) == ("alpha", 800, True, True)
    assert (
        "band 4 is tagged alpha and taken as a mask, which hides 800 pixels (10.0%)" in found.text
    )
    assert found.text.endswith("--bands 1,2,3,4 reads it as a band")
    assert found.settings_text.endswith("data.bands: [1, 2, 3, 4] reads it as a band")
    assert find_hidden(open_source(path, bands=[1, 2, 3, 4])) == ()


def test_alpha_of_a_picture_is_a_mask(tmp_path: Path) -> None:
    image = np.zeros((40, 50, 4), np.uint8)
    image[10:, :, 3] = 255
    Image.fromarray(image).save(tmp_path / "a.png")
    (found,) = find_hidden(open_source(tmp_path / "a.png"))
    assert (found.pixels, found.doubtful) == (500, False)


def test_a_mask_band_and_nodata_are_told_apart(tmp_path: Path) -> None:
    image = RANDOM.integers(1, 250, (40, 50, 3)).astype(np.uint8)
    image[:4] = 0
    path = write(tmp_path / "a.tif", image, nodata=0)
    (found,) = find_hidden(open_source(str(path)))
    assert found.text == "nodata 0 hides 200 pixels (10.0%); --nodata none reads them"
    plain = write(tmp_path / "b.tif", image, **GEO)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False), rasterio.open(plain, "r+") as file:
        mask = np.full((40, 50), 255, np.uint8)
        mask[:6] = 0
        file.write_mask(mask)
    (found,) = find_hidden(open_source(str(plain)))
    assert (found.reason, found.text) == ("mask", "a mask band hides 300 pixels (15.0%)")


def test_a_large_image_is_sampled_and_the_number_said_to_be_about_right(tmp_path: Path) -> None:
    image = np.ones((1500, 1200), np.uint8)
    image[:, :300] = 0
    path = write(tmp_path / "a.tif", image, nodata=0)
    (found,) = find_hidden(open_source(str(path)), most=2**20)
    assert not found.exact
    assert found.share == pytest.approx(0.25, abs=0.1)
    assert "hides about" in found.text


def test_nodata_none_reads_every_value(tmp_path: Path) -> None:
    path = str(write(tmp_path / "a.tif", np.array([[0, 1]], np.uint8), nodata=0))
    with open_source(path, nodata="none") as source:
        assert (source.info.nodata, source.info.masked) == (None, False)
        assert source.read(Window(0, 0, 1, 2)).valid is None
    assert find_hidden(open_source(path, nodata="none")) == ()


def test_nan_and_infinity_are_counted_beside_nodata(tmp_path: Path) -> None:
    image = RANDOM.random((40, 50, 3), np.float32)
    image[:4, :, 0] = -9999
    image[3:6, :, 1] = np.inf
    image[..., 2] = np.nan
    path = str(write(tmp_path / "a.tif", image, nodata=-9999))
    assert [found.text for found in find_hidden(open_source(path, bands=[1, 2]))] == [
        "nodata -9999 hides 150 pixels (7.5%); --nodata none reads them",
        "NaN or infinity hides 150 pixels (7.5%)",
    ]
    assert find_hidden(open_source(path))[1].text == (
        "NaN or infinity hides 2,000 pixels (100.0%): there is nothing else in band 3 of those read"
    )


@pytest.mark.parametrize("nodata", [None, np.nan])
def test_floats_without_nan_hide_nothing(tmp_path: Path, nodata: float | None) -> None:
    path = str(write(tmp_path / "a.tif", RANDOM.random((40, 50, 3), np.float32), nodata=nodata))
    assert find_hidden(open_source(path)) == ()

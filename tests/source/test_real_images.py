"""Real images read as their own libraries read them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
import tifffile
from PIL import Image

from tilesegm.grid.window import Window
from tilesegm.source.base import Source
from tilesegm.source.open import open_source


def whole(source: Source, rows: int = 300) -> np.ndarray:
    """Read top to bottom in bands whose height suits no block."""
    info = source.info
    return np.concatenate(
        [
            source.read(Window(row, 0, min(rows, info.height - row), info.width)).values
            for row in range(0, info.height, rows)
        ]
    )


@pytest.mark.parametrize(
    ("name", "bands", "block", "nodata", "masked"),
    [
        # A palette image: its ids are read, not its colours.
        ("rio_tiler/cog_cmap.tif", 1, (512, 512), 0.0, True),
        # The fourth band is alpha: a mask, no input.
        ("rasterio/RGBA.byte.tif", 3, (2, 791), None, True),
        # Seven bands in strips.
        ("nc_landsat/lsat7_2002.tif", 7, (2, 526), None, False),
        # Classes with nodata 255.
        ("nc_landsat/landclass96.tif", 1, (15, 526), 255.0, True),
        # One band of a satellite scene.
        ("sentinel2/S2B_L1C_20181013_B04.tiff", 1, (8, 2629), None, False),
        # A drone orthophoto, JPEG within TIFF.
        ("oam_tcd/5b3622402b6a08001185f8d8_10_00004.tif", 3, (16, 2048), None, False),
        # A plain JPEG without georeference.
        ("dubai/tile_1/images/image_part_001.jpg", 3, (1, 797), None, False),
    ],
)
def test_rasters_read_as_rasterio_reads_them(
    shared_data: Path,
    name: str,
    bands: int,
    block: tuple[int, int],
    nodata: float | None,
    masked: bool,
) -> None:
    with (
        open_source(shared_data / name) as source,
        pytest.warns() if name.endswith(".jpg") else rasterio.Env(),
        rasterio.open(shared_data / name) as oracle,
    ):
        info = source.info
        assert (info.height, info.width, info.bands) == (*oracle.shape, bands)
        assert info.block == block
        assert info.nodata == nodata
        assert info.masked is masked
        assert info.dtype == oracle.dtypes[0]
        truth = oracle.read(range(1, bands + 1)).transpose(1, 2, 0)
        np.testing.assert_array_equal(whole(source), truth)
        valid = source.read(info.window).valid
        shown = oracle.dataset_mask() != 0
        np.testing.assert_array_equal(True if valid is None else valid, shown | (not masked))
        place = info.georeference
        if name.endswith(".jpg"):
            assert (place.crs, place.transform) == (None, None)
        else:
            assert place.crs == oracle.crs.to_wkt()
            assert place.transform == tuple(oracle.transform)[:6]


def test_alpha_is_a_band_when_asked_for(shared_data: Path) -> None:
    path = shared_data / "rasterio/RGBA.byte.tif"
    with open_source(path, bands=[4, 1]) as source, rasterio.open(path) as oracle:
        assert not source.info.masked
        np.testing.assert_array_equal(
            source.read(source.info.window).values, oracle.read([4, 1]).transpose(1, 2, 0)
        )


def test_overview_is_a_level(shared_data: Path) -> None:
    path = shared_data / "rio_tiler/cog_cmap.tif"
    with open_source(path, level=2) as source, rasterio.open(path, OVERVIEW_LEVEL=1) as oracle:
        assert (source.info.height, source.info.width) == (8704 // 4, 7168 // 4)
        assert source.info.georeference.transform == tuple(oracle.transform)[:6]
        np.testing.assert_array_equal(whole(source)[..., 0], oracle.read(1))


def test_eight_sentinel_bands_are_one_image(shared_data: Path) -> None:
    paths = sorted((shared_data / "sentinel2").glob("*.tiff"))
    with open_source(paths, bands=[4, 3, 2]) as source:
        info = source.info
        assert info.bands == 3
        assert info.band_names == tuple(f"S2B_L1C_20181013_B0{n}" for n in (4, 3, 2))
        window = Window(1000, 700, 333, 444)
        read = source.read(window).values
        for band, number in enumerate((4, 3, 2)):
            with rasterio.open(paths[number - 1]) as oracle:
                assert info.georeference.transform == tuple(oracle.transform)[:6]
                np.testing.assert_array_equal(read[..., band], oracle.read(1)[window.slices])


def test_slide_is_read_once_from_top_to_bottom(shared_data: Path) -> None:
    path = shared_data / "wsi/cmu_small_region.svs"
    with open_source(path) as source:
        info = source.info
        assert (info.kind, info.height, info.width, info.bands) == ("SVS", 2967, 2220, 3)
        assert info.block == (240, 240)
        assert info.georeference.pixel_size == (0.499, 0.499)
        np.testing.assert_array_equal(whole(source), tifffile.imread(path))
        # 13 x 10 tiles; bands of 300 rows cut most of them.
        assert source.decoded == 130


def test_photo_is_read_as_pillow_reads_it(shared_data: Path) -> None:
    path = shared_data / "dubai/tile_1/images/image_part_001.jpg"
    with open_source(path) as source, Image.open(path) as photo:
        difference = whole(source).astype(int) - np.asarray(photo)
    # Two JPEG decoders smooth subsampled colour differently, by 19 levels at most here.
    assert np.abs(difference).mean() < 0.5

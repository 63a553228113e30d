"""Bad input gets one clear line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import tifffile
from affine import Affine
from PIL import Image

from tilesegm.errors import SettingsError, SourceError
from tilesegm.grid.window import Window
from tilesegm.source.open import open_source

from .conftest import WriteRaster, pixels

NOISE = np.random.default_rng(0).integers(1, 255, (256, 256, 3), np.uint8)


def refusal(image: Any, **options: Any) -> str:
    """Return the one line that opening ``image`` is refused with."""
    with pytest.raises((SourceError, SettingsError)) as caught:
        open_source(image, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def read_refusal(image: Any, window: Window | None = None) -> str:
    """Return the one line that reading ``image`` is refused with."""
    with open_source(image) as source, pytest.raises(SourceError) as caught:
        source.read(window or source.info.window)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", ["none.tif", "none.svs", "none.ome.tif", "none.zarr", "none"])
def test_absent_file(name: str, tmp_path: Path) -> None:
    assert "no such f" in refusal(tmp_path / name)
    assert str(tmp_path / name) in refusal(tmp_path / name)


@pytest.mark.parametrize("name", ["notes.txt", "notes.tif", "notes.ome.tif", "notes.png"])
@pytest.mark.parametrize("content", [b"", b"no image at all " * 50])
def test_file_that_is_no_image(name: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert str(path) in refusal(path)
    assert "can" in refusal(path)


def test_folder_is_no_image(tmp_path: Path) -> None:
    assert "not an image that GDAL" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("name", "profile"),
    [
        ("cut.tif", {"compress": "deflate", "tiled": True, "blockxsize": 64, "blockysize": 64}),
        ("cut.tif", {"interleave": "band"}),
        ("cut.tif", {"compress": "jpeg"}),
        ("cut.jp2", {"driver": "JP2OpenJPEG", "QUALITY": 100, "REVERSIBLE": "YES"}),
    ],
)
def test_truncated_raster(name: str, profile: dict[str, Any], write_raster: WriteRaster) -> None:
    path = write_raster(name, NOISE, **profile)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    message = read_refusal(path)
    assert f"{path}: the image cannot be read at Window(row=0" in message
    assert "cut short, damaged" in message


@pytest.mark.parametrize("suffix", ["png", "jpg"])
@pytest.mark.parametrize("rows", [100, 256])
def test_truncated_photo(suffix: str, rows: int, tmp_path: Path) -> None:
    path = tmp_path / f"cut.{suffix}"
    Image.fromarray(NOISE).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert "cut short, damaged" in read_refusal(path, Window(256 - rows, 0, rows, 256))


def test_truncated_slide(tmp_path: Path) -> None:
    path = tmp_path / "cut.ome.tif"
    tifffile.imwrite(path, NOISE, tile=(64, 64), compression="zlib", photometric="rgb")
    with open_source(path) as source:
        source.read(Window(0, 0, 64, 64))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2] + bytes(len(data) - len(data) // 2))
    assert "cut.ome.tif: the image cannot be read at Window(row=0" in read_refusal(path)


def test_codec_that_gdal_lacks_is_named(tmp_path: Path) -> None:
    path = tmp_path / "image.tif"
    tifffile.imwrite(path, NOISE, compression="png", tile=(64, 64), photometric="rgb")
    message = refusal(path)
    assert "this GDAL has no codec PNG; install rasterio from conda-forge" in message


def test_codec_that_tifffile_lacks_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "image.ome.tif"
    tifffile.imwrite(path, NOISE, compression="jpeg", tile=(64, 64), photometric="rgb")

    def absent(self: object, key: int) -> object:
        raise KeyError(f"{key} requires the 'imagecodecs' package")

    monkeypatch.setattr(type(tifffile.TIFF.DECOMPRESSORS), "__getitem__", absent)
    message = refusal(path)
    assert 'no decoder for its JPEG compression; run: pip install "tilesegm[wsi]"' in message


@pytest.mark.parametrize("dtype", ["complex64", "complex_int16"])
def test_complex_raster(dtype: str, tmp_path: Path) -> None:
    path = tmp_path / "radar.tif"
    place = Affine(3, 0, 0, 0, -3, 0)
    profile = {"driver": "GTiff", "height": 4, "width": 4, "count": 1, "transform": place}
    with rasterio.open(path, "w", dtype=dtype, **profile):
        pass
    assert f"{path}: pixels are complex" in refusal(path)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.ones((3, 3), complex), "<numpy array>: pixels are complex"),
        (np.ones((3, 3), bool), "pixels are bool; expected integers or floats"),
        (np.array([["a"]]), "expected integers or floats"),
        (np.ones((0, 3)), "the image has no pixels (its sides are 0 x 3)"),
        (np.ones((3, 3, 0)), "the image has no pixels"),
        (np.ones(3), "shape (3,); expected (H, W) or (H, W, bands)"),
        (np.ones((1, 2, 3, 4)), "shape (1, 2, 3, 4); expected"),
        (42, "int is no image; pass a path"),
        (None, "NoneType is no image"),
        ({"a": 1}, "dict is no image"),
        ([], "a list of images must name files"),
        ([np.ones((2, 2)), np.ones((2, 2))], "a list of images must name files"),
    ],
)
def test_what_is_no_image(image: Any, message: str) -> None:
    assert message in refusal(image)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bands": []}, "name at least one band, counted from 1"),
        ({"bands": [0]}, "bands=[0]"),
        ({"level": -1}, "levels count from 0"),
        ({"cache_bytes": 0}, "give at least 1 byte"),
        ({"level": 1}, "an array has level 0 alone"),
        ({"nodata": "many"}, "nodata='many': expected a number, 'nan' or 'none'"),
    ],
)
def test_options_that_make_no_sense(options: dict[str, Any], message: str) -> None:
    assert message in refusal(np.ones((2, 2)), **options)


def test_level_beyond_the_overviews(write_raster: WriteRaster) -> None:
    path = write_raster("image.tif", pixels(8, 8, 1))
    assert "level=1 was asked for, but the image has 0 overviews" in refusal(path, level=1)


def test_file_of_several_images_names_them(tmp_path: Path) -> None:
    place = Affine(3, 0, 0, 0, -3, 0)
    profile = {"driver": "GPKG", "height": 4, "width": 4, "count": 1, "dtype": "uint8"}
    path = tmp_path / "maps.gpkg"
    for number, table in enumerate(("roads", "trees")):
        with rasterio.open(
            path,
            "w",
            transform=place,
            crs="EPSG:3857",
            RASTER_TABLE=table,
            APPEND_SUBDATASET="YES" if number else "NO",
            **profile,
        ) as out:
            out.write(np.ones((1, 4, 4), np.uint8))
    message = refusal(path)
    assert "the file holds 2 images; pass one of them: GPKG:" in message
    assert message.endswith(":trees")
    with open_source(message.rsplit(" ", 1)[1]) as source:
        assert source.info.kind == "GPKG"


def test_grids_that_differ_name_the_file(write_raster: WriteRaster) -> None:
    place = {"crs": "EPSG:3857", "transform": Affine(2, 0, 0, 0, -2, 0)}
    first = write_raster("first.tif", pixels(8, 8, 1), **place)
    smaller = write_raster("smaller.tif", pixels(8, 7, 1), **place)
    assert f"{smaller}: 8 x 7 pixels, but {first} has 8 x 8" in refusal([first, first, smaller])
    other = write_raster("other.tif", pixels(8, 8, 1), **(place | {"crs": "EPSG:32618"}))
    assert f"{other}: its coordinate reference system differs" in refusal([first, other])
    moved = place | {"transform": Affine(2, 0, 0, 0, -2, 1)}
    elsewhere = write_raster("moved.tif", pixels(8, 8, 1), **moved)
    assert f"{elsewhere}: its pixels lie elsewhere than those of {first}" in refusal(
        [first, elsewhere]
    )
    # A file that does not say where it lies is taken at its size.
    assert open_source([first, write_raster("bare.tif", pixels(8, 8, 1))]).info.bands == 2


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("cover.gpkg", "it seems to hold polygons, which are given as labels or area of interest"),
        ("cover.geojson", "it seems to hold polygons"),
        ("net.keras", "it seems to be a network, which is given as model"),
        ("run.yaml", "it seems to be settings"),
        ("notes.txt", "can read$"),
        ("notes.csv", "can read$"),
    ],
)
def test_files_of_other_kinds_are_known_by_their_names(
    tmp_path: Path, name: str, words: str
) -> None:
    (tmp_path / name).write_text("{}")
    with pytest.raises(SourceError, match=words):
        open_source(tmp_path / name)


def test_a_folder_is_called_one(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="it is a folder: give one of the files in it"):
        open_source(tmp_path)

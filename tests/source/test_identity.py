"""An image that changes is another image."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import rasterio
import tifffile
import zarr

from tilesegm.source.base import ImageInfo
from tilesegm.source.open import open_source

from .conftest import WriteRaster, pixels


def info(image: Any, **options: Any) -> ImageInfo:
    with open_source(image, **options) as source:
        return source.info


def test_file(write_raster: WriteRaster) -> None:
    path = write_raster("image.tif", pixels(8, 8, 3))
    before = info(path).identity
    assert info(path).identity == before
    assert dict(before)["path"] == str(path)
    state = path.stat()
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    assert info(path).identity != before


def test_path_is_resolved(write_raster: WriteRaster, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_raster("image.tif", pixels(8, 8, 3))
    monkeypatch.chdir(path.parent)
    assert info("image.tif").identity == info(path).identity


def test_parts_of_a_mosaic_and_masks_but_no_statistics(write_raster: WriteRaster) -> None:
    shown = np.ones((8, 8), bool)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False):
        part = write_raster("part.tif", pixels(8, 8, 1), mask=shown)
    mosaic = part.with_name("mosaic.vrt")
    mosaic.write_text(
        '<VRTDataset rasterXSize="8" rasterYSize="8"><VRTRasterBand dataType="Byte" band="1">'
        '<SimpleSource><SourceFilename relativeToVRT="1">part.tif</SourceFilename></SimpleSource>'
        "</VRTRasterBand></VRTDataset>"
    )
    for image, other in ((mosaic, part), (part, part.with_name("part.tif.msk"))):
        before = info(image).identity
        part.with_name(f"{image.name}.aux.xml").write_text("<PAMDataset></PAMDataset>")
        assert info(image).identity == before
        os.utime(other, ns=(0, 1))
        assert info(image).identity != before


def test_choice_of_bands_and_level_is_part_of_it(tmp_path: Path) -> None:
    path = tmp_path / "image.ome.tif"
    with tifffile.TiffWriter(path) as out:
        image = pixels(64, 64, 3)
        out.write(image, subifds=1, photometric="rgb", tile=(16, 16))
        out.write(image[::2, ::2], subfiletype=1, photometric="rgb", tile=(16, 16))
    kinds = [{}, {"bands": [1]}, {"bands": [2]}, {"level": 1}]
    assert len({info(path, **options).identity for options in kinds}) == len(kinds)


def test_any_file_of_a_stack(write_raster: WriteRaster) -> None:
    paths = [write_raster(name, pixels(8, 8, 1)) for name in ("a.tif", "b.tif")]
    before = info(paths).identity
    os.utime(paths[1], ns=(0, 1))
    assert info(paths).identity != before
    assert info(paths[::-1]).identity != before


def test_any_chunk_of_a_zarr_folder(tmp_path: Path) -> None:
    array = zarr.create_array(tmp_path / "a.zarr", data=pixels(32, 32, 1), chunks=(8, 8, 1))
    before = info(tmp_path / "a.zarr").identity
    array[17, 9] = 5
    assert info(tmp_path / "a.zarr").identity != before


@pytest.mark.parametrize("make", [np.asarray, lambda a: da.from_array(a, chunks=100)])
def test_array(make: Any) -> None:
    image = pixels(300, 300, 1)
    before = info(make(image)).identity
    assert info(make(image.copy())).identity == before
    image[299, 0] += 1
    assert info(make(image)).identity != before
    assert info(make(image.astype("int32"))).identity != before


def test_zarr_in_memory() -> None:
    array = zarr.create_array({}, data=pixels(300, 300, 1), chunks=(64, 64, 1))
    before = info(array).identity
    array[0, 299] = 0
    assert info(array).identity != before

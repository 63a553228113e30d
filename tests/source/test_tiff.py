"""Pyramids, pixel sizes and the cache of microscope TIFFs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from tilesegm.errors import SourceError
from tilesegm.grid.window import Window
from tilesegm.source.open import open_source

from .conftest import pixels


def write_pyramid(path: Path, image: np.ndarray, axes: str, **metadata: object) -> None:
    """Write two levels, ``image`` and every second pixel of it, as OME-TIFF."""
    options = {"tile": (16, 16), "compression": "zlib"}
    options["photometric"] = "rgb" if axes.endswith("S") else "minisblack"
    half = image[..., ::2, ::2, :] if axes.endswith("S") else image[..., ::2, ::2]
    with tifffile.TiffWriter(path, ome=True) as out:
        out.write(image, subifds=1, metadata={"axes": axes, **metadata}, **options)
        out.write(half, subfiletype=1, **options)


SIZE = {"PhysicalSizeX": 250.0, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 0.5}


@pytest.mark.parametrize("level", [0, 1])
def test_level_of_a_pyramid(level: int, tmp_path: Path) -> None:
    image = pixels(90, 70, 3)
    write_pyramid(tmp_path / "slide.ome.tif", image, "YXS", **SIZE)
    step = level + 1
    with open_source(tmp_path / "slide.ome.tif", level=level) as source:
        info = source.info
        assert info.kind == "OME-TIFF"
        assert info.georeference.pixel_size == (0.5 * step, 0.25 * step)
        np.testing.assert_array_equal(source.read(info.window).values, image[::step, ::step])


def test_level_that_is_not_there(tmp_path: Path) -> None:
    write_pyramid(tmp_path / "slide.ome.tif", pixels(64, 64, 3), "YXS")
    with pytest.raises(SourceError, match=r"level=2 was asked for; choose from 0 to 1"):
        open_source(tmp_path / "slide.ome.tif", level=2)


@pytest.mark.parametrize("axes", ["TCZYX", "ZCYX", "CTYX", "CYX"])
def test_first_time_and_depth_are_read(axes: str, tmp_path: Path) -> None:
    sizes = {"T": 2, "C": 3, "Z": 4, "Y": 40, "X": 50}
    shape = tuple(sizes[axis] for axis in axes)
    cube = pixels(int(np.prod(shape[:-2])), 40, 50, "uint16").reshape(shape)
    write_pyramid(tmp_path / "cells.ome.tif", cube, axes)
    first = cube[tuple(slice(None) if axis in "CYX" else 0 for axis in axes)]
    with open_source(tmp_path / "cells.ome.tif") as source:
        assert source.info.bands == 3
        np.testing.assert_array_equal(
            source.read(source.info.window).values, first.transpose(1, 2, 0)
        )


@pytest.mark.parametrize("rows", [1, 7, 16, 33, 90])
def test_no_tile_is_decoded_twice_from_top_to_bottom(rows: int, tmp_path: Path) -> None:
    image = pixels(90, 70, 3)
    write_pyramid(tmp_path / "slide.ome.tif", image, "YXS")
    with open_source(tmp_path / "slide.ome.tif") as source:
        for row in range(0, 90, rows):
            window = Window(row, 0, min(rows, 90 - row), 70)
            np.testing.assert_array_equal(source.read(window).values, image[window.slices])
        assert source.decoded == 6 * 5


def test_cache_is_bounded(tmp_path: Path) -> None:
    image = pixels(90, 70, 3)
    write_pyramid(tmp_path / "slide.ome.tif", image, "YXS")
    tile = 16 * 16 * 3
    with open_source(tmp_path / "slide.ome.tif", cache_bytes=2 * tile) as source:
        for row in range(90):
            source.read(Window(row, 0, 1, 70))
            assert source.kept_bytes <= 2 * tile
        assert source.decoded > 6 * 5


def test_tile_that_was_never_written_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "sparse.ome.tif"
    tiles = [np.full((16, 16), 7, np.uint8).tobytes(), b""]
    tifffile.imwrite(path, iter(tiles), shape=(16, 32), dtype="uint8", tile=(16, 16))
    with open_source(path) as source:
        read = source.read(source.info.window).values[..., 0]
    assert (read[:, 16:] == 0).all()
    assert (read[:, :16] == 7).all()


def test_strips(tmp_path: Path) -> None:
    image = pixels(90, 70, 3)
    path = tmp_path / "strips.ome.tif"
    tifffile.imwrite(path, image, photometric="rgb", rowsperstrip=16, compression="zlib")
    with open_source(path) as source:
        assert source.info.block == (16, 70)
        np.testing.assert_array_equal(source.read(Window(30, 9, 60, 50)).values, image[30:, 9:59])

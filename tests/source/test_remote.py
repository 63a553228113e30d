"""Images behind http, from a server on loopback."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import zarr

from tilesegm.errors import SourceError
from tilesegm.grid.window import Window
from tilesegm.source.open import open_source

from .conftest import WriteRaster, pixels
from .server import serving

IMAGE = np.random.default_rng(0).integers(0, 255, (1024, 1024, 3), np.uint8)


def test_cog_is_read_by_ranges(tmp_path: Path, write_raster: WriteRaster) -> None:
    path = write_raster("city.tif", IMAGE, driver="COG", BLOCKSIZE=128, COMPRESS="DEFLATE")
    with serving(tmp_path) as (address, server), open_source(f"{address}/city.tif") as source:
        info = source.info
        assert info.kind == "GTiff"
        assert dict(info.identity)["size"] == str(path.stat().st_size)
        assert dict(info.identity)["etag"]
        window = Window(500, 600, 90, 80)
        np.testing.assert_array_equal(source.read(window).values, IMAGE[window.slices])
        assert server.sent < path.stat().st_size / 3


def test_identity_follows_the_file(tmp_path: Path, write_raster: WriteRaster) -> None:
    write_raster("city.tif", IMAGE[:64, :64])
    with serving(tmp_path) as (address, _):
        with open_source(f"{address}/city.tif") as source:
            before = source.info.identity
            source.read(source.info.window)
        write_raster("city.tif", IMAGE[64:128, :64])
        with open_source(f"{address}/city.tif") as source:
            assert source.info.identity != before
            values = source.read(source.info.window).values
            np.testing.assert_array_equal(values, IMAGE[64:128, :64])


def test_zarr_is_read_by_chunks(tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "city.zarr", data=IMAGE, chunks=(128, 128, 3))
    with serving(tmp_path) as (address, server), open_source(f"{address}/city.zarr") as source:
        assert source.info.kind == "Zarr v3"
        server.sent = 0  # type: ignore[attr-defined]
        window = Window(500, 600, 90, 80)
        np.testing.assert_array_equal(source.read(window).values, IMAGE[window.slices])
        assert 0 < server.sent < IMAGE.nbytes / 8  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["none.tif", "none.zarr", "none.svs"])
def test_what_is_not_served_gives_one_line(name: str, tmp_path: Path) -> None:
    with serving(tmp_path) as (address, _), pytest.raises(SourceError) as caught:
        open_source(f"{address}/{name}")
    message = str(caught.value)
    assert f"{address}/{name}" in message
    assert "404" in message
    assert "\n" not in message


@pytest.mark.parametrize("name", ["none.tif", "none.zarr"])
def test_a_server_that_is_away_gives_one_line(name: str, tmp_path: Path) -> None:
    with serving(tmp_path) as (address, _):
        pass
    with pytest.raises(SourceError, match=r"no answer \(.*refused.*\); check the address"):
        open_source(f"{address}/{name}")


def test_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    zarr.create_array(tmp_path / "city.zarr", data=pixels(8, 8, 1))
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with (
        serving(tmp_path) as (address, _),
        pytest.raises(SourceError, match=r'pip install "tilesegm\[remote\]"'),
    ):
        open_source(f"{address}/city.zarr")


def test_a_file_that_goes_away_gives_one_line(tmp_path: Path, write_raster: WriteRaster) -> None:
    path = write_raster("city.tif", IMAGE, tiled=True, blockxsize=256, blockysize=256)
    with serving(tmp_path) as (address, _), open_source(f"{address}/city.tif") as source:
        path.unlink()
        with pytest.raises(SourceError, match=r"city\.tif: .* at Window\(row=512"):
            source.read(Window(512, 512, 300, 300))

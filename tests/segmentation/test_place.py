"""A run keeps the place of its image, and what it wrote is read back the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import xarray as xr

import tilesegm as ts
from tests.images import blobs, read, write
from tilesegm.errors import OutputError
from tilesegm.sink.provenance import read_map_facts
from tilesegm.source.base import Georeference

UTM = rasterio.CRS.from_epsg(32633)
PLACE = Georeference(crs=UTM.to_wkt(), transform=(10.0, 0.0, 500000.0, 0.0, -10.0, 4000000.0))
TILING = ts.Tiling(256, 32)


@pytest.fixture(scope="module")
def cube(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image as rioxarray writes it."""
    image = blobs(700, 600).transpose(2, 0, 1)
    coords = {"y": 3999995 - 10.0 * np.arange(700), "x": 500005 + 10.0 * np.arange(600)}
    found = xr.DataArray(image, dims=("band", "y", "x"), coords=coords).to_dataset(name="img")
    attributes = {"crs_wkt": UTM.to_wkt(), "GeoTransform": "500000 10 0 4000000 0 -10"}
    found["spatial_ref"] = xr.DataArray(0, attrs=attributes)
    found.img.attrs["grid_mapping"] = "spatial_ref"
    path = tmp_path_factory.mktemp("cube") / "cube.zarr"
    found.to_zarr(path, zarr_format=2)
    return path


@pytest.fixture(scope="module")
def maps(cube: Path) -> Path:
    """Folder of ``map.tif`` and ``map.zarr`` of the image."""
    options = ts.Options(confidence="top", scores="uint8")
    for name in ("map.tif", "map.zarr"):
        ts.segment(cube, lambda x: x, cube.parent / name, tiling=TILING, options=options)
    return cube.parent


@pytest.mark.parametrize(
    "name",
    [
        *("map.tif", "map.zarr", "map.zarr/0", "map.zarr/0/classes"),
        *("map_confidence.tif", "map.zarr/confidence", "map.zarr/confidence/0", "map.zarr/scores"),
    ],
)
def test_results_lie_where_the_image_lay(maps: Path, name: str) -> None:
    with ts.open_source(maps / name) as source:
        assert source.info.georeference == PLACE
        assert source.info.notes == () or "scale" in source.info.notes[0]


def test_overviews_lie_there_too(maps: Path) -> None:
    with ts.open_source(maps / "map.zarr", level=1) as source:
        assert source.info.georeference.crs == PLACE.crs
        assert source.info.georeference.transform == (20.0, 0.0, 500000.0, 0.0, -20.0, 4000000.0)


@pytest.mark.parametrize("name", ["map.zarr", "map.zarr/0", "map.zarr/0/classes"])
def test_a_map_tells_its_classes_by_every_name(maps: Path, name: str) -> None:
    assert read_map_facts(maps / name).classes == read_map_facts(maps / "map.tif").classes
    evaluation = ts.evaluate(maps / name, maps / "map.tif")
    assert evaluation.class_scores.accuracy == 1


def test_a_map_is_an_image_again(maps: Path, tmp_path: Path) -> None:
    for name in ("map.zarr/scores", "map_scores.tif"):
        ts.segment(maps / name, lambda x: x, tmp_path / "again.tif", tiling=TILING, overwrite=True)
        with rasterio.open(tmp_path / "again.tif") as file:
            assert tuple(file.transform)[:6] == PLACE.transform
            assert file.crs == UTM


def test_an_area_of_interest_on_zarr(cube: Path, tmp_path: Path) -> None:
    (left, bottom), (right, top) = (501000, 3998000), (502000, 3999000)
    square = [[[left, bottom], [right, bottom], [right, top], [left, top], [left, bottom]]]
    (tmp_path / "area.geojson").write_text(
        json.dumps(
            {
                "type": "FeatureCollection",
                "crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32633"}},
                "features": [
                    {
                        "type": "Feature",
                        "properties": {},
                        "geometry": {"type": "Polygon", "coordinates": square},
                    }
                ],
            }
        )
    )
    options = ts.Options(area=tmp_path / "area.geojson")
    ts.segment(cube, lambda x: x, tmp_path / "a.tif", tiling=TILING, options=options)
    with rasterio.open(tmp_path / "a.tif") as file:
        inside = file.read(1) != 255
    rows, cols = np.nonzero(inside)
    assert (rows.min(), rows.max(), cols.min(), cols.max()) == (100, 199, 100, 199)


def test_the_store_of_the_image_is_no_output(maps: Path) -> None:
    with pytest.raises(OutputError, match="is the input image"):
        ts.segment(maps / "map.zarr/scores", lambda x: x, maps / "map.zarr", overwrite=True)


def events(image: Any, output: Path, **options: Any) -> list[str]:
    notes: list[str] = []
    ts.segment(
        image,
        lambda x: x,
        output,
        tiling=ts.Tiling(64, 16),
        options=ts.Options(**options),
        on_event=lambda event: notes.append(event.text) if isinstance(event, ts.Noted) else None,
    )
    return notes


def test_infinite_pixels_are_missing_and_counted(tmp_path: Path) -> None:
    image = blobs(300, 200).astype(np.float32)
    image[10:300:7, 20, 1] = -np.inf
    image[33, ::3, 2] = np.inf
    image[40] = np.nan
    lost = np.isinf(image).any(-1)
    notes = events(image, tmp_path / "a.tif")
    assert notes == [
        f"<numpy array>: {lost.sum()} pixels are infinite, and missing like NaN",
    ]
    np.testing.assert_array_equal(read(tmp_path / "a.tif") == 255, ~np.isfinite(image).all(-1))


@pytest.mark.parametrize("lost", ["nodata", "nan"])
def test_an_empty_map_is_said_to_be_empty(tmp_path: Path, lost: str) -> None:
    image = blobs(300, 200)
    image = np.zeros_like(image) if lost == "nodata" else image.astype(np.float32)
    if lost == "nan":
        image[..., 1] = np.nan
    notes = events(image, tmp_path / "a.tif", nodata=0)
    assert notes == [
        "<numpy array>: no pixel gets a class; all of them are missing: `tilesegm info` tells why"
    ]


def test_only_reasons_that_an_image_can_have_are_told_of_an_empty_map(tmp_path: Path) -> None:
    white = np.full((64, 64, 3), 255, np.uint8)
    *_, note = events(white, tmp_path / "a.tif", skip="background")
    assert note.endswith("no pixel gets a class; all of them are skipped as background")
    *_, note = events(white, tmp_path / "b.tif", skip="background", area=white[..., 0], nodata=7)
    assert note.endswith("are skipped as background or missing or outside the area of interest")


def test_pixels_without_a_class_are_counted(tmp_path: Path) -> None:
    image = blobs(1300, 200)  # two regions
    image[1000:1100] = 0
    area = np.ones((1300, 200), np.uint8)
    area[:50] = area[:, :30] = 0
    mask = write(tmp_path / "area.tif", area)
    options = ts.Options(area=mask, nodata=0)
    result = ts.segment(image, lambda x: x, tmp_path / "a.tif", tiling=TILING, options=options)
    assert result.empty == int((read(tmp_path / "a.tif") == 255).sum())
    assert result.summary()["empty_pixels"] == 50 * 200 + 1250 * 30 + 100 * 170
    write(mask, area * 0)
    notes = events(image, tmp_path / "b.tif", area=mask)
    assert notes == [f"<numpy array>: no pixel gets a class; all of them are outside {mask}"]


def test_scale_is_applied_on_demand(tmp_path: Path) -> None:
    image = xr.DataArray(
        np.array([[[1000, 5], [0, 300]]], "uint16"),
        dims=("y", "x", "band"),
        attrs={"scale_factor": 1e-4, "add_offset": -0.1},
    )
    seen: list[Any] = []

    def network(tiles: Any) -> Any:
        seen.append(tiles[0, 0, :2].copy())
        return tiles

    ts.segment(image, network, tmp_path / "a.tif", options=ts.Options(unscale=True))
    np.testing.assert_allclose(seen[-1], [[0, -0.0995], [-0.1, -0.07]], atol=1e-6)
    (note,) = events(image, tmp_path / "b.tif")
    assert "--unscale" in note

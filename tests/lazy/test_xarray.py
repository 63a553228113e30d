"""Arrays of xarray are segmented with all that they say of their place, bands and values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import rasterio
import xarray
from numpy.typing import NDArray

import tilesegm as ts
import tilesegm.xarray
from tests.images import GEO, blobs, write
from tests.lazy.test_segment_lazy import TILING, slanted
from tilesegm.lazy.bands import as_image


def labelled(pixels: NDArray[Any], **attributes: Any) -> xarray.DataArray:
    """Bands first, rows from north to south, chunked oddly."""
    height, width, count = pixels.shape
    return xarray.DataArray(
        da.from_array(pixels.transpose(2, 0, 1), chunks=(2, 71, 83)),
        dims=("band", "y", "x"),
        coords={
            "band": [f"B{n}" for n in range(1, count + 1)],
            "y": 5e6 - 10 * np.arange(height) - 5,
            "x": 5e5 + 10 * np.arange(width) + 5,
            "acquired": 7,
        },
        attrs=attributes,
    )


def test_place_and_classes_are_kept() -> None:
    image = labelled(blobs(200, 230), _FillValue=0, scale_factor=1.0, title="city")
    options = ts.Options(classes=("dense wood", "water", "roof"))
    classes = image.tilesegm.segment(slanted, tiling=TILING, options=options, chunk=96)
    assert classes.name == "classes"
    assert classes.dims == ("y", "x")
    assert set(classes.coords) == {"x", "y", "acquired"}
    assert classes.x.equals(image.x)
    assert classes.chunks == ((96, 96, 8), (96, 96, 38))
    assert classes.attrs["flag_values"].tolist() == [0, 1, 2]
    assert classes.attrs["flag_meanings"] == "dense_wood water roof"
    assert classes.attrs["_FillValue"] == 255
    expected = ts.segment(image, slanted, tiling=TILING, options=options).classes
    np.testing.assert_array_equal(classes.values, expected)
    chosen = classes.sel(x=slice(5e5 + 300, 5e5 + 900), y=slice(5e6 - 400, 5e6 - 500))
    np.testing.assert_array_equal(chosen.values, expected[40:50, 30:90])


def test_several_layers_are_a_dataset() -> None:
    options = ts.Options(confidence="margin", scores="float32")
    maps = labelled(blobs(90, 80)).tilesegm.segment(
        slanted, tiling=TILING, options=options, layer=("classes", "confidence", "scores")
    )
    assert {name: (one.dims, one.dtype) for name, one in maps.data_vars.items()} == {
        "classes": (("y", "x"), np.dtype("uint8")),
        "confidence": (("y", "x"), np.dtype("float32")),
        "scores": (("class", "y", "x"), np.dtype("float32")),
    }
    assert maps["class"].values.tolist() == ["class 0", "class 1", "class 2"]
    whole = maps.compute()
    np.testing.assert_array_equal(whole.scores.argmax("class"), whole.classes)


@pytest.mark.parametrize("chunks", [None, {"x": 50, "y": 61}], ids=["opened", "chunked"])
def test_a_file_opened_by_rioxarray_becomes_a_file(tmp_path: Path, chunks: Any) -> None:
    rioxarray = pytest.importorskip("rioxarray")
    pixels = blobs(220, 210)
    pixels[30:60, 40:90] = 0
    path = write(tmp_path / "image.tif", pixels, nodata=0, **GEO)
    with rioxarray.open_rasterio(path, chunks=chunks) as image:
        lazy = image.tilesegm.segment(slanted, tiling=TILING)
        assert lazy.name == image.tilesegm.segment(slanted, tiling=TILING).name
        lazy.rio.to_raster(tmp_path / "classes.tif")
        part = lazy.isel(y=slice(50, 100), x=slice(7, 90))
        part.rio.to_raster(tmp_path / "part.tif")
    expected = ts.segment(path, slanted, tiling=TILING).classes
    assert (expected == 255).sum() == 30 * 50
    with rasterio.open(tmp_path / "classes.tif") as file:
        np.testing.assert_array_equal(file.read(1), expected)
        assert (file.crs, file.transform, file.nodata) == (GEO["crs"], GEO["transform"], 255)
    with rasterio.open(tmp_path / "part.tif") as file:
        np.testing.assert_array_equal(file.read(1), expected[50:100, 7:90])
        assert file.xy(0, 0, offset="ul") == (5e5 + 70, 5e6 - 500)


def test_masked_floats_and_ascending_rows() -> None:
    pixels = blobs(150, 140)
    pixels[30:60, 40:90] = 0
    floats = labelled(pixels).astype("float32").where(lambda one: one.sum("band") > 0)
    ascending = floats.isel(y=slice(None, None, -1)).transpose("y", "band", "x")
    expected = ts.segment(pixels[::-1], slanted, tiling=TILING, options=ts.Options(nodata=0))
    lazy = ascending.tilesegm.segment(slanted, tiling=TILING)
    np.testing.assert_array_equal(lazy.values, expected.classes)
    assert lazy.y.equals(ascending.y)


def test_variables_of_a_dataset_are_bands() -> None:
    pixels = blobs(120, 130)
    pixels[30:60, 40:90] = 0
    bands = labelled(pixels)
    variables = {
        name: bands.sel(band=name, drop=True).assign_attrs(_FillValue=0, grid_mapping="utm")
        for name in ("B1", "B2", "B3")
    }
    utm = xarray.DataArray(0, attrs={"crs_wkt": rasterio.CRS.from_epsg(32633).to_wkt()})
    dataset = xarray.Dataset({**variables, "utm": utm, "sun": 40.0})
    events: list[Any] = []
    lazy = dataset.tilesegm.segment(slanted, tiling=TILING, on_event=events.append)
    assert "bands are the variables B1, B2, B3, in this order" in [event.text for event in events]
    expected = ts.segment(pixels, slanted, tiling=TILING, options=ts.Options(nodata=0)).classes
    np.testing.assert_array_equal(lazy.values, expected)
    assert "utm" in lazy.coords
    with ts.open_source(dataset[["B1", "utm"]]) as one:
        assert rasterio.CRS.from_wkt(str(one.info.georeference.crs)) == GEO["crs"]
    dataset["B2"].attrs["_FillValue"] = 7
    with pytest.raises(ts.TilesegmError, match=r"B1 has nodata 0.0 and B2 has 7.0; pass those"):
        dataset.tilesegm.segment(slanted)


def test_variables_are_taken_by_the_names_that_a_bundle_learnt_from() -> None:
    bands = labelled(blobs(40, 50, 4))
    dataset = bands.to_dataset("band")[["B4", "B1", "B3", "B2"]]
    events: list[Any] = []
    image = as_image(dataset, ("b2", "B1 ", "B4"), events.append)
    assert image.band.values.tolist() == ["B2", "B1", "B4"]
    assert "B2, B1, B4, by the names that the network learnt from" in events[0].text
    image = as_image(dataset, ("B2", "B9"), events.append)
    assert image.band.values.tolist() == ["B4", "B1", "B3", "B2"]


def test_bands_have_the_names_of_their_labels() -> None:
    image = labelled(blobs(20, 30))
    with ts.open_source(image, bands=(3, 1)) as source:
        assert source.info.band_names == ("B3", "B1")
    described = image.drop_vars("band").assign_attrs(long_name=("red", "green", "blue"))
    with ts.open_source(described) as source:
        assert source.info.band_names == ("red", "green", "blue")
    with ts.open_source(image.assign_coords(band=[1, 2, 3])) as source:
        assert source.info.band_names == ()
    with ts.open_source(image.assign_coords(band=[3, 1, 2])) as source:
        assert source.info.band_names == ("band 3", "band 1", "band 2")
    with ts.open_source(image.assign_coords(band=[4, 3, 2])) as source:
        assert source.info.band_names == ()  # chosen from an image of more


@pytest.mark.parametrize("name", ["band_{}", "Band {}", None])
def test_numbered_variables_are_the_bands_that_a_bundle_learnt_from(name: str | None) -> None:
    bands = labelled(blobs(40, 50, 4))
    names = [name.format(n) if name else n for n in range(1, 5)]
    dataset = bands.assign_coords(band=names).to_dataset("band")[names[::-1]]
    image = as_image(dataset, [f"band {n}" for n in range(1, 5)], lambda event: None)
    assert image.band.values.tolist() == names
    np.testing.assert_array_equal(image.values, bands.values)


def test_a_step_of_time_keeps_its_date() -> None:
    image = labelled(blobs(60, 70))
    cube = xarray.concat([image, image + 1], xarray.Variable("time", [2020, 2021]))
    lazy = cube.tilesegm.segment(slanted, tiling=TILING, options=ts.Options(at={"time": 1}))
    assert int(lazy.time) == 2021
    expected = ts.segment(blobs(60, 70) + 1, slanted, tiling=TILING).classes
    np.testing.assert_array_equal(lazy.values, expected)
    with pytest.raises(ts.TilesegmError, match="at="):
        cube.tilesegm.segment(slanted)


def test_sentinel_2(shared_data: Path) -> None:
    rioxarray = pytest.importorskip("rioxarray")
    files = [shared_data / f"sentinel2/S2B_L1C_20181013_B0{n}.tiff" for n in (2, 3, 4)]
    dataset = xarray.Dataset(
        {
            path.stem[-3:]: rioxarray.open_rasterio(path, chunks={"x": 700, "y": 500})[0]
            for path in files
        }
    )
    lazy = dataset.drop_vars("band").tilesegm.segment(slanted, tiling=TILING, chunk=192)
    assert lazy.rio.crs == "EPSG:4326"
    part = lazy.isel(y=slice(800, 900), x=slice(1300, 1420))
    with ts.open_source(files) as source:
        window = ts.Window(672, 1152, 384, 384)  # tiles start at multiples of 96
        near = source.read(window).values
    expected = ts.segment(near, slanted, tiling=TILING).classes[128:228, 148:268]
    np.testing.assert_array_equal(part.values, expected)
    assert part.rio.bounds()[0] == pytest.approx(float(dataset.x[1300]), abs=1e-4)

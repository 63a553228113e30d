"""A network meets the size of pixels that it learnt, whatever the image is stored in."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import skimage.transform
from affine import Affine
from numpy.typing import NDArray
from rasterio.enums import Resampling
from shapely.geometry import box

import tilesegm as ts
from tests.images import GEO, blobs, read, write
from tilesegm.classes import default_classes
from tilesegm.errors import ResumeError, SettingsError
from tilesegm.grid.resolution import Resolution
from tilesegm.model.base import ModelSpec
from tilesegm.segmentation.work import Request
from tilesegm.sink.provenance import read_map_facts

TILING = ts.Tiling(tile=64, overlap=16)


class Bright:
    """Scores of three classes: the bands themselves; sees a pixel alone."""

    def __init__(self, resolution: str | None, name: str = "bright") -> None:
        self.spec = ModelSpec(
            name,
            3,
            default_classes(3),
            radius=0,
            halo=0,
            resolution=None if resolution is None else Resolution.parse(resolution),
            identity=(("model", name),),
        )

    def __call__(self, tiles: NDArray[Any]) -> NDArray[np.float32]:
        return np.ascontiguousarray(tiles.transpose(0, 3, 1, 2).astype(np.float32))


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """An image of pixels of 10 m, or 9.996 m as they lie in UTM zone 33."""
    return write(tmp_path / "image.tif", blobs(330, 250), **GEO)


def reduced(path: Path, rows: int, cols: int) -> NDArray[Any]:
    """Averages of areas by GDAL, in whole numbers as it rounds them."""
    with rasterio.open(path) as file:
        averages: NDArray[Any] = file.read(
            out_shape=(file.count, rows, cols), resampling=Resampling.average, out_dtype="float64"
        )
    return averages


def test_an_image_is_read_at_the_resolution_that_the_network_learnt(
    image: Path, tmp_path: Path
) -> None:
    done = ts.segment(image, Bright("20m"), tmp_path / "map.tif", tiling=TILING)
    expected = reduced(image, 165, 125).argmax(0)
    with rasterio.open(done.output) as file:
        assert file.shape == (165, 125)
        assert file.crs.to_epsg() == 32633
        assert file.transform == Affine(20, 0, 5e5, 0, -20, 5e6)
        ids = file.read(1)
    assert (ids == expected).mean() > 0.999, "halves are rounded in the image's type"
    assert read_map_facts(done.output).resolution == "20 m, from 10 m"
    assert any("330 x 250 pixels of 10 m are read as 165 x 125" in note for note in done.notes)
    assert any("--grid image" in note for note in done.notes)
    assert ts.verify(done.output, recompute=1.0, model=Bright("20m")).whole


def test_a_grid_that_does_not_divide_has_the_corners_of_the_image(image: Path) -> None:
    found = ts.segment(image, Bright("37m"), tiling=TILING)
    assert found.classes.shape == (89, 68)
    corner = Affine(*found.georeference.transform or ()) @ (68, 89)
    assert corner == pytest.approx((5e5 + 2500, 5e6 - 3300))


@pytest.mark.parametrize(
    ("learnt", "options"),
    [
        (None, {}),
        ("10m", {}),
        ("10.1m", {}),
        ("20m", {"resolution": "native"}),
        (None, {"resolution": "native"}),
    ],
)
def test_pixels_stay_as_they_are(image: Path, learnt: str | None, options: Any) -> None:
    bare = ts.segment(image, Bright(None), tiling=TILING)
    found = ts.segment(image, Bright(learnt), tiling=TILING, options=ts.Options(**options))
    assert (found.classes == bare.classes).all()
    assert found.plan.info == bare.plan.info
    warned = [note for note in found.notes if "learnt from" in note]
    assert len(warned) == (learnt == "20m")
    for note in warned:
        assert "10 m" in note
        assert "20 m" in note
        assert "--resolution model" in note


def test_an_image_without_a_scale_stays_as_it_is() -> None:
    pixels = blobs(90, 70)
    found = ts.segment(pixels, Bright("20m"), tiling=TILING)
    assert found.classes.shape == (90, 70)
    assert found.notes == ()


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("model", "does not tell the size of the pixels that it learnt"),
        ("5", "expected the side of a pixel with its unit"),
        ("0m", "has no size"),
        ("1um", "more than can be planned"),
        ("5 furlongs", "expected the side of a pixel with its unit"),
    ],
)
def test_what_cannot_be_asked(image: Path, asked: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        ts.segment(image, Bright(None), options=ts.Options(resolution=asked))


def test_a_scale_that_an_image_lacks_is_refused_where_it_is_asked_for() -> None:
    with pytest.raises(SettingsError, match="does not tell the size of its pixels"):
        ts.segment(blobs(90, 70), Bright(None), options=ts.Options(resolution="5m"))


def test_ids_of_a_palette_are_never_averaged(tmp_path: Path) -> None:
    ids = blobs(60, 60, bands=1)
    path = write(tmp_path / "ids.tif", ids, **GEO)
    with rasterio.open(path, "r+") as file:
        file.write_colormap(1, {n: (n, 0, 0) for n in range(256)})

    one = Bright("20m")
    one.spec = replace(one.spec, bands=1, classes=default_classes(1))
    found = ts.segment(path, one, tiling=TILING)
    assert found.classes.shape == (60, 60)
    assert any("ids that have no averages" in note for note in found.notes)
    with pytest.raises(SettingsError, match="ids that have no averages"):
        ts.segment(path, one, options=ts.Options(resolution="20m"))


def test_far_away_scales_are_told_and_not_made_up(image: Path) -> None:
    found = ts.segment(image, Bright("0.3um"), tiling=TILING)
    assert found.classes.shape == (330, 250)
    assert any("0.3 µm" in note for note in found.notes)


@pytest.mark.parametrize("learnt", ["20m", "23m", "7m", "20x7m"])
def test_results_on_the_grid_of_the_image(image: Path, learnt: str) -> None:
    """Scores are those of the coarse grid, brought back by another library."""
    options = ts.Options(grid="image", scores="float32")
    soft = Bright(learnt)
    soft.spec = replace(soft.spec, probabilities=True)
    found = ts.segment(image, soft, tiling=TILING, options=options)
    coarse = ts.segment(image, soft, tiling=TILING, options=ts.Options(scores="float32"))
    assert found.classes.shape == (330, 250)
    assert found.georeference == place_of(image)
    assert found.scores is not None
    assert coarse.scores is not None
    planes = back(coarse.scores, (330, 250))
    np.testing.assert_allclose(found.scores, planes, atol=2e-3)
    sure = np.sort(planes, 0)[-1] - np.sort(planes, 0)[-2] > 1e-2
    assert (found.classes == planes.argmax(0))[sure].all()


def place_of(path: Path) -> ts.Georeference:
    with ts.open_source(path) as source:
        return source.info.georeference


def back(planes: NDArray[Any], shape: tuple[int, int]) -> NDArray[Any]:
    """Interpolate where there are more pixels, and average areas where there are fewer."""
    for axis, size in enumerate(shape, 1):
        wide = list(planes.shape)
        wide[axis] = size
        if size > planes.shape[axis]:
            planes = np.stack(
                [
                    skimage.transform.resize(p, wide[1:], order=1, mode="edge", anti_aliasing=False)
                    for p in planes.astype(np.float64)
                ]
            )
        else:
            edges = np.linspace(0, planes.shape[axis], size + 1)
            sums = np.concatenate(
                [np.zeros_like(planes.take([0], axis)), planes.cumsum(axis)], axis
            )
            ends = np.apply_along_axis(
                lambda line, at: np.interp(at, np.arange(len(line)), line), axis, sums, edges
            )
            planes = np.diff(ends, axis=axis) / (planes.shape[axis] / size)
    return planes


def test_missing_pixels_of_the_image_get_no_class_on_its_grid(tmp_path: Path) -> None:
    pixels = np.maximum(blobs(200, 170), 1)
    rng = np.random.default_rng(0)
    pixels[50:101, 30:71] = 0
    pixels[rng.random((200, 170)) < 0.3] = 0
    path = write(tmp_path / "image.tif", pixels, nodata=0, **GEO)
    found = ts.segment(path, Bright("27m"), tiling=TILING, options=ts.Options(grid="image"))
    assert ((found.classes == found.nodata) == (pixels == 0).all(-1)).all()
    assert found.empty == (pixels == 0).all(-1).sum()


def test_an_area_of_interest_lies_on_the_grid_of_the_results(image: Path, tmp_path: Path) -> None:
    feature = {
        "type": "Feature",
        "properties": {},
        "geometry": box(5e5 + 400, 5e6 - 1400, 5e5 + 1100, 5e6 - 600).__geo_interface__,
    }
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32633"}}
    area = tmp_path / "area.geojson"
    area.write_text(json.dumps({"type": "FeatureCollection", "crs": crs, "features": [feature]}))
    fine = ts.segment(
        image, Bright("20m"), tiling=TILING, options=ts.Options(grid="image", area=area)
    )
    inside = np.zeros((330, 250), bool)
    inside[60:140, 40:110] = True
    assert ((fine.classes != fine.nodata) == inside).all()
    assert fine.skipped > 0
    coarse = ts.segment(image, Bright("20m"), tiling=TILING, options=ts.Options(area=area))
    assert ((coarse.classes != coarse.nodata) == inside[::2, ::2]).all()


@pytest.mark.parametrize("grid", ["model", "image"])
def test_a_stopped_run_goes_on_to_the_same_bytes(tmp_path: Path, grid: Any) -> None:
    path = write(tmp_path / "image.tif", blobs(2500, 300), **GEO)
    options = ts.Options(grid=grid, confidence="margin", resolution="7m")
    tiling = ts.Tiling(tile=256, overlap=64)
    whole = ts.segment(path, Bright(None), tmp_path / "whole.tif", tiling=tiling, options=options)

    def stop(event: Any) -> None:
        if isinstance(event, ts.PixelsDone):
            raise KeyboardInterrupt

    def again(stopping: bool) -> Any:
        return ts.segment(
            path,
            Bright(None),
            tmp_path / "parts.tif",
            tiling=tiling,
            options=options,
            on_event=stop if stopping else lambda event: None,
        )

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            again(True)
    with pytest.raises(ResumeError, match=r"resampled|resolution|grid|image changed"):
        ts.segment(path, Bright(None), tmp_path / "parts.tif", tiling=tiling, options=ts.Options())
    done = again(False)
    assert 0 < done.resumed < done.plan.info.pixels
    assert (read(done.output) == read(whole.output)).all()
    assert (read(dict(done.extras)["confidence"]) == read(dict(whole.extras)["confidence"])).all()
    assert ts.verify(done.output, recompute=1.0, model=Bright(None)).whole


def test_a_pyramid_is_read_at_its_nearest_finer_level(image: Path) -> None:
    with rasterio.open(image, "r+") as file:
        file.build_overviews([2, 4], Resampling.average)
    found = ts.segment(image, Bright("40m"), tiling=TILING)
    with ts.open_source(image, level=2) as level:
        pixels = level.read(level.info.window).values
    assert (found.classes == pixels.argmax(-1)).all()
    with ts.open_source(image) as full:
        assert found.plan.info.identity != full.info.identity


def test_plan_tells_what_predict_does(image: Path) -> None:
    forecast = ts.plan(image, Bright("20m"), tiling=TILING)
    assert (forecast.plan.info.height, forecast.plan.info.width) == (165, 125)
    told = forecast.summary()
    assert told["resolution"] == "20 m, from 10 m"
    assert any("--grid image" in note for note in told["notes"])
    fine = ts.plan(image, Bright("20m"), tiling=TILING, options=ts.Options(grid="image"))
    assert (fine.plan.info.height, fine.plan.tiles) == (330, forecast.plan.tiles)


def test_an_image_that_is_seen_in_one_panel_is_one_panel(tmp_path: Path) -> None:
    """1500 columns are two panels of 1024, and the 883 that are seen of them are one."""
    image = write(tmp_path / "wide.tif", blobs(600, 1500), **GEO)
    options = ts.Options(resolution="17m", grid="image")
    seen = ts.plan(image, Bright("10m"), tiling=TILING, options=ts.Options(resolution="17m")).plan
    plan = ts.plan(image, Bright("10m"), tiling=TILING, options=options).plan
    assert (len(seen.panels), len(plan.panels)) == (1, 1)
    assert plan.tiles == seen.tiles


def test_a_fingerprint_without_a_scale_is_that_of_earlier_versions(image: Path) -> None:
    plain = ts.segment(image, Bright(None), image.with_name("a.tif"), tiling=TILING)
    facts = read_map_facts(plain.output)
    assert facts.resolution is None
    assert "resolution" not in json.loads(facts.run or "")["options"]
    assert "grid" not in json.loads(facts.run or "")["options"]
    assert Request.of(None, None, None, False).options.resolution is None

from __future__ import annotations

import json
import logging
import os
import warnings
from dataclasses import replace

import numpy as np
import pytest
import rasterio
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS
from rasterio.errors import NotGeoreferencedWarning
from rasterio.transform import Affine

from tests.sink.conftest import CLASSES, patches
from tilesegm.classes import ClassInfo
from tilesegm.errors import OutputError
from tilesegm.sink.geotiff import TiffOptions, finish_geotiff
from tilesegm.sink.layer import Layer
from tilesegm.sink.provenance import MapFacts
from tilesegm.sink.pyramid import halve_mean, halve_mode
from tilesegm.sink.tiff_seal import DIGEST_TAG
from tilesegm.source.base import Georeference

CONFIDENCE = Layer("confidence", np.dtype("uint8"), nodata=0, scale=1 / 254, offset=-1 / 254)
UTM = Georeference(
    crs=CRS.from_epsg(32633).to_wkt(), transform=(0.5, 0.0, 399960.0, 0.0, -0.5, 4900020.0)
)


def opened(path, **options):
    """Open a raster that may lie nowhere."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        return rasterio.open(path, **options)


def test_a_class_map_is_a_cog_with_our_overviews(tmp_path, staged, facts):
    ids = patches(2311, 1403)
    out = tmp_path / "out.tif"
    fractions = []
    finish_geotiff(staged({CLASSES: ids}), {"classes": out}, facts, progress=fractions.append)
    with opened(out) as raster:
        assert raster.tags(ns="IMAGE_STRUCTURE") == {
            "LAYOUT": "COG",
            "COMPRESSION": "DEFLATE",
            "INTERLEAVE": "BAND",
        }
        assert raster.block_shapes == [(512, 512)]
        assert raster.nodata == 255
        assert raster.dtypes == ("uint8",)
        assert np.array_equal(raster.read(1), ids)
        assert raster.overviews(1) == [2, 4, 8]
    for level in range(3):
        ids = halve_mode(ids, 255)
        with opened(out, overview_level=level) as raster:
            assert np.array_equal(raster.read(1), ids)
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert fractions[0] < 1.0
    assert {path.name for path in tmp_path.iterdir()} == {
        "out.tif",
        "out.tif.aux.xml",
        "out.tif.partial",
    }


def test_classes_have_names_and_colours(tmp_path, staged, facts):
    out = tmp_path / "out.tif"
    finish_geotiff(staged({CLASSES: patches(70, 50)}), {"classes": out}, facts)
    with opened(out) as raster:
        assert raster.colorinterp == (rasterio.enums.ColorInterp.palette,)
        colours = raster.colormap(1)
        assert [colours[i] for i in range(4)] == [(*info.colour, 255) for info in facts.classes]
        tags = raster.tags()
    assert tags["TILESEGM_VERSION"] == "1.2"
    assert tags["TILESEGM_MODEL"] == "unet <7>"
    assert json.loads(tags["CLASS_NAMES"]) == {
        str(i): info.name for i, info in enumerate(facts.classes)
    }
    # GDAL and QGIS take category names from here.
    sidecar = (tmp_path / "out.tif.aux.xml").read_text(encoding="utf-8")
    assert sidecar.index("<Category>water<") < sidecar.index("<Category>rôad<")
    assert "<Category>field &amp; wood<" in sidecar


def test_more_than_255_classes(tmp_path, staged):
    layer = Layer("classes", np.dtype("uint16"), nodata=65535, overview="mode")
    ids = np.arange(600, dtype=np.uint16).repeat(1000).reshape(600, 1000)
    ids[:10, :10] = 65535
    classes = tuple(ClassInfo(f"class {i}", (i % 256, i // 256, 7)) for i in range(600))
    out = tmp_path / 'an "odd" & ô.tif'
    finish_geotiff(staged({layer: ids}), {"classes": out}, MapFacts(classes=classes))
    with opened(out) as raster:
        assert raster.colormap(1)[599] == (87, 2, 7, 255)
        assert raster.dtypes == ("uint16",)
        assert raster.nodata == 65535
        assert np.array_equal(raster.read(1), ids)
    with opened(out, overview_level=0) as raster:
        assert np.array_equal(raster.read(1), halve_mode(ids, 65535))


def test_quantised_scores_mean_probabilities(tmp_path, staged, facts):
    layer = Layer("scores", np.dtype("uint8"), planes=4, nodata=255, scale=1 / 254)
    rng = np.random.default_rng(0)
    stored = rng.integers(0, 255, (4, 700, 530)).astype(np.uint8)
    stored[:, :20, :20] = 255
    out = tmp_path / "out.tif"
    finish_geotiff(staged({layer: stored}), {"scores": out}, facts)
    with opened(out) as raster:
        assert raster.descriptions == tuple(info.name for info in facts.classes)
        assert raster.scales == (1 / 254,) * 4
        assert raster.nodatavals == (255,) * 4
        assert np.array_equal(raster.read(), stored)
    with opened(out, overview_level=0) as raster:
        expected = np.stack([halve_mean(plane, 255) for plane in stored])
        assert np.array_equal(raster.read(), expected)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_float_scores(tmp_path, staged, dtype):
    layer = Layer("scores", np.dtype(dtype), planes=2, nodata=np.nan)
    stored = np.random.default_rng(0).random((2, 70, 530)).astype(dtype)
    stored[:, 3, 7] = np.nan
    out = tmp_path / "out.tif"
    finish_geotiff(staged({layer: stored}), {"scores": out}, MapFacts())
    with opened(out) as raster:
        assert raster.dtypes == ("float32", "float32")
        assert np.isnan(raster.nodata)
        assert np.array_equal(raster.read(), stored.astype("float32"), equal_nan=True)
        nbits = raster.tags(1, ns="IMAGE_STRUCTURE").get("NBITS")
    assert nbits == ("16" if dtype == "float16" else None)


@pytest.mark.parametrize(
    "reference",
    [
        UTM,
        Georeference(crs=CRS.from_epsg(4326).to_wkt(), transform=(1e-4, 0, 7.0, 0, -2e-4, 50.1)),
        Georeference(crs=UTM.crs, transform=(0.3, 0.4, 10.0, 0.4, -0.3, 20.0)),
        Georeference(transform=(2.0, 0.0, 1.0, 0.0, -2.0, 3.0)),
    ],
    ids=["utm", "degrees", "rotated", "no crs"],
)
def test_crs_and_transform_are_kept(tmp_path, staged, reference):
    out = tmp_path / "out.tif"
    finish_geotiff(
        staged({CLASSES: patches(70, 50)}), {"classes": out}, MapFacts(georeference=reference)
    )
    with rasterio.open(out) as raster:
        assert raster.crs == (CRS.from_wkt(reference.crs) if reference.crs else None)
        assert raster.transform == Affine(*reference.transform)


def test_ground_control_points_are_kept(tmp_path, staged):
    points = ((0.0, 0.0, 7.0, 50.0, 1.0), (0.0, 50.0, 7.1, 50.0, 2.0), (70.0, 0.5, 7.0, 49.9, 3.0))
    wkt = CRS.from_epsg(4326).to_wkt()
    reference = Georeference(gcps=points, gcp_crs=wkt)
    out = tmp_path / "out.tif"
    finish_geotiff(
        staged({CLASSES: patches(70, 50)}), {"classes": out}, MapFacts(georeference=reference)
    )
    with rasterio.open(out) as raster:
        found, crs = raster.gcps
        assert crs == CRS.from_epsg(4326)
        assert [(p.row, p.col, p.x, p.y, p.z) for p in found] == list(points)
        assert all(isinstance(point, GroundControlPoint) for point in found)
        assert raster.transform == Affine.identity()


def test_rational_polynomials_are_kept(tmp_path, staged):
    numbers = {
        "LINE_OFF": "35.5", "SAMP_OFF": "25.25", "LAT_OFF": "50.1", "LONG_OFF": "7.2",
        "HEIGHT_OFF": "300", "LINE_SCALE": "40", "SAMP_SCALE": "30", "LAT_SCALE": "0.01",
        "LONG_SCALE": "0.02", "HEIGHT_SCALE": "500",
    }  # fmt: skip
    for number, name in enumerate(("LINE_NUM", "LINE_DEN", "SAMP_NUM", "SAMP_DEN")):
        numbers[f"{name}_COEFF"] = " ".join(str(number + 0.125 * i) for i in range(20))
    reference = Georeference(rpcs=tuple(sorted(numbers.items())))
    out = tmp_path / "out.tif"
    finish_geotiff(
        staged({CLASSES: patches(70, 50)}), {"classes": out}, MapFacts(georeference=reference)
    )
    with rasterio.open(out) as raster:
        kept = raster.rpcs
    assert kept.line_off == 35.5
    assert kept.long_off == 7.2
    assert kept.samp_den_coeff == [3 + 0.125 * i for i in range(20)]


def test_nothing_is_invented(tmp_path, staged):
    out = tmp_path / "out.tif"
    # Warnings are errors here: making the file must not complain of a missing georeference.
    finish_geotiff(staged({CLASSES: patches(70, 50)}), {"classes": out}, MapFacts())
    with opened(out) as raster:
        assert raster.crs is None
        assert raster.transform == Affine.identity()
        assert raster.gcps == ([], None)
        assert raster.rpcs is None
        assert raster.tags().keys() == {"LAYER", DIGEST_TAG}
        assert raster.tags()["LAYER"] == "classes"


def test_microscope_pixels_keep_their_size(tmp_path, staged):
    out = tmp_path / "out.tif"
    reference = Georeference(pixel_size=(0.25, 0.5))
    finish_geotiff(
        staged({CLASSES: patches(70, 50)}), {"classes": out}, MapFacts(georeference=reference)
    )
    with opened(out) as raster:
        tags = raster.tags()
    assert float(tags["TIFFTAG_YRESOLUTION"]) == 40000  # pixels per centimetre
    assert float(tags["TIFFTAG_XRESOLUTION"]) == 20000
    assert tags["TIFFTAG_RESOLUTIONUNIT"].startswith("3")


@pytest.mark.parametrize("size", [(1, 1), (1, 1025), (513, 1), (512, 512), (257, 511)])
def test_any_size(tmp_path, staged, size):
    ids = patches(*size)
    out = tmp_path / "out.tif"
    finish_geotiff(staged({CLASSES: ids}), {"classes": out}, MapFacts())
    with opened(out) as raster:
        assert np.array_equal(raster.read(1), ids)
        assert raster.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"


@pytest.mark.parametrize("options", [TiffOptions("zstd", 9), TiffOptions("lzw")])
def test_compression(tmp_path, staged, options):
    ids = patches(300, 400)
    out = tmp_path / "out.tif"
    finish_geotiff(staged({CLASSES: ids}), {"classes": out}, MapFacts(), options)
    with opened(out) as raster:
        assert raster.compression.value.lower() == options.compress
        assert np.array_equal(raster.read(1), ids)


def test_several_layers_in_one_pass(tmp_path, staged, facts):
    ids, sure = patches(600, 700), patches(600, 700, 200, seed=1)
    outputs = {"classes": tmp_path / "out.tif", "confidence": tmp_path / "out_confidence.tif"}
    fractions = []
    finish_geotiff(
        staged({CLASSES: ids, CONFIDENCE: sure}), outputs, facts, progress=fractions.append
    )
    for name, values in (("classes", ids), ("confidence", sure)):
        with opened(outputs[name]) as raster:
            assert np.array_equal(raster.read(1), values)
            assert raster.tags()["LAYER"] == name
    assert fractions == sorted(fractions)


def test_the_first_output_is_put_in_place_last(tmp_path, staged, facts, monkeypatch):
    outputs = {"classes": tmp_path / "out.tif", "confidence": tmp_path / "out_confidence.tif"}
    staging = staged({CLASSES: patches(60, 70), CONFIDENCE: patches(60, 70)})
    replace_file = os.replace

    def killed_before_the_last(source, target):
        if target == outputs["classes"]:
            raise OSError(5, "Input/output error")
        replace_file(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", killed_before_the_last)
        with pytest.raises(OutputError, match=r"out\.tif: Input/output error"):
            finish_geotiff(staging, outputs, facts)
    assert not outputs["classes"].exists()
    assert outputs["confidence"].exists()
    finish_geotiff(staging, outputs, facts)
    assert outputs["classes"].exists()
    assert not [path for path in tmp_path.iterdir() if "draft" in path.name]


def test_leftovers_of_a_killed_finish_are_replaced(tmp_path, staged, facts):
    (tmp_path / ".out.draft.tif").write_bytes(b"half a file")
    (tmp_path / "out.tif").write_bytes(b"an older result")
    ids = patches(60, 70)
    finish_geotiff(staged({CLASSES: ids}), {"classes": tmp_path / "out.tif"}, facts)
    with opened(tmp_path / "out.tif") as raster:
        assert np.array_equal(raster.read(1), ids)
    assert not (tmp_path / ".out.draft.tif").exists()


@pytest.mark.parametrize("limit", [200, 20_000, 150_000, 290_000])
def test_a_full_disk_leaves_nothing_half_written(tmp_path, staged, facts, caplog, limit):
    resource = pytest.importorskip("resource", reason="this system has no limit of file sizes")
    ids = np.random.default_rng(0).integers(0, 4, (1024, 1024)).astype(np.uint8)
    staging = staged({CLASSES: ids})
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        with (
            caplog.at_level(logging.CRITICAL),
            pytest.raises(OutputError, match=r"cannot write .*out\.tif") as failure,
        ):
            finish_geotiff(staging, {"classes": tmp_path / "out.tif"}, facts)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "\n" not in str(failure.value)
    assert [path.name for path in tmp_path.iterdir()] == ["out.tif.partial"]
    finish_geotiff(staging, {"classes": tmp_path / "out.tif"}, facts)
    with opened(tmp_path / "out.tif") as raster:
        assert np.array_equal(raster.read(1), ids)


def test_a_reader_of_the_real_world_agrees(tmp_path, staged, shared_data):
    """Georeference of a real image goes through a class map and comes back."""
    path = shared_data / "rio_tiler" / "cog_cmap.tif"
    if not path.exists():
        pytest.skip(f"{path} is not here")
    with rasterio.open(path) as raster:
        reference = Georeference(crs=raster.crs.to_wkt(), transform=tuple(raster.transform)[:6])
        ids = raster.read(1, window=((0, 1500), (0, 1800)))
        crs, transform = raster.crs, raster.transform
    out = tmp_path / "out.tif"
    layer = replace(CLASSES, nodata=None)
    finish_geotiff(staged({layer: ids}), {"classes": out}, MapFacts(georeference=reference))
    with rasterio.open(out) as raster:
        assert (raster.crs, raster.transform, raster.nodata) == (crs, transform, None)
        assert np.array_equal(raster.read(1), ids)

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
import zarr
from rasterio.crs import CRS

from tests.sink.conftest import CLASSES, patches
from tilesegm.errors import OutputError
from tilesegm.sink import ome_zarr
from tilesegm.sink.layer import Layer
from tilesegm.sink.ome_zarr import finish_zarr
from tilesegm.sink.provenance import MapFacts
from tilesegm.sink.pyramid import halve_mean, halve_mode
from tilesegm.source.base import Georeference

CONFIDENCE = Layer("confidence", np.dtype("uint8"), nodata=255, scale=1 / 254)
SCORES = Layer("scores", np.dtype("float32"), planes=4, nodata=np.nan)
UTM = Georeference(
    crs=CRS.from_epsg(32633).to_wkt(), transform=(0.5, 0.0, 399960.0, 0.0, -2.0, 4900020.0)
)


def test_every_level_reads_back(tmp_path, staged, facts):
    ids = patches(1100, 731)
    scores = np.random.default_rng(0).random((4, 1100, 731), np.float32)
    scores[:, :9, :9] = np.nan
    out = tmp_path / "out.zarr"
    fractions = []
    finish_zarr(staged({CLASSES: ids, SCORES: scores}), out, facts, fractions.append)
    root = zarr.open_group(out, mode="r")
    assert root.metadata.zarr_format == 3
    for group, expected, halve in (
        (root, ids, lambda values: halve_mode(values, 255)),
        (root["scores"], scores, lambda values: np.stack([halve_mean(v, np.nan) for v in values])),
    ):
        (multiscale,) = group.attrs["ome"]["multiscales"]
        assert len(multiscale["datasets"]) == 3
        for dataset in multiscale["datasets"]:
            array = group[dataset["path"]]
            assert np.array_equal(array[:], expected, equal_nan=expected.dtype.kind == "f")
            assert list(array.metadata.dimension_names) == [
                axis["name"] for axis in multiscale["axes"]
            ]
            expected = halve(expected)
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.tif.partial", "out.zarr"]


def test_metadata_follows_ngff(tmp_path, staged, facts):
    out = tmp_path / "out.zarr"
    whole = replace(facts, georeference=Georeference(pixel_size=(0.25, 0.5)))
    finish_zarr(staged({CLASSES: patches(1000, 600)}), out, whole)
    ome = zarr.open_group(out, mode="r").attrs["ome"]
    assert ome["version"] == "0.5"
    (multiscale,) = ome["multiscales"]
    assert multiscale["axes"] == [
        {"name": "y", "type": "space", "unit": "micrometer"},
        {"name": "x", "type": "space", "unit": "micrometer"},
    ]
    # A pixel of level 1 is the 2 x 2 pixels 0 and 1: its centre lies half a pixel further in.
    assert [dataset["coordinateTransformations"] for dataset in multiscale["datasets"]] == [
        [{"type": "scale", "scale": [0.25, 0.5]}, {"type": "translation", "translation": [0, 0]}],
        [
            {"type": "scale", "scale": [0.5, 1.0]},
            {"type": "translation", "translation": [0.125, 0.25]},
        ],
    ]
    label = ome["image-label"]
    assert label["colors"][1] == {"label-value": 1, "rgba": [40, 10, 199, 255]}
    assert label["colors"][-1] == {"label-value": 255, "rgba": [0, 0, 0, 0]}
    assert label["properties"][2] == {"label-value": 2, "name": "field & wood"}
    # As ome-zarr-models wants it.
    values = [[entry["label-value"] for entry in label[part]] for part in ("colors", "properties")]
    assert values[0] == values[1] == [0, 1, 2, 3, 255]


@pytest.mark.parametrize("size", [(1, 1), (1000, 600)])
@pytest.mark.parametrize("place", [UTM, Georeference(pixel_size=(0.25, 0.5)), Georeference()])
def test_the_models_of_ome_zarr_accept_it(tmp_path, staged, facts, size, place):
    v05 = pytest.importorskip("ome_zarr_models.v05")
    out = tmp_path / "out.zarr"
    scores = np.zeros((4, *size), np.float32)
    layers = {CLASSES: patches(*size), CONFIDENCE: patches(*size), SCORES: scores}
    finish_zarr(staged(layers), out, replace(facts, georeference=place))
    v05.ImageLabel.from_zarr(zarr.open_group(out, mode="r"))
    for name in ("", "confidence", "scores"):
        v05.Image.from_zarr(zarr.open_group(out / name, mode="r"))


def test_xarray_opens_it_with_its_georeference(tmp_path, staged, facts):
    ids, sure = patches(60, 50), patches(60, 50, 200, seed=1)
    out = tmp_path / "out.zarr"
    whole = replace(facts, georeference=UTM)
    finish_zarr(staged({CLASSES: ids, CONFIDENCE: sure}), out, whole)
    with xr.open_zarr(out, group="0", consolidated=False, mask_and_scale=False) as data:
        assert np.array_equal(data.classes, ids)
        assert data.classes.attrs["_FillValue"] == 255
        assert data.classes.attrs["flag_meanings"].split() == [
            "water", "rôad", "field_&_wood", "built_up",
        ]  # fmt: skip
        assert data.classes.attrs["grid_mapping"] == "spatial_ref"
        assert CRS.from_wkt(data.spatial_ref.attrs["crs_wkt"]) == CRS.from_epsg(32633)
        numbers = [float(part) for part in data.spatial_ref.attrs["GeoTransform"].split()]
        assert numbers == [399960.0, 0.5, 0.0, 4900020.0, 0.0, -2.0]
        assert data.x.values[:2].tolist() == [399960.25, 399960.75]
        assert data.y.values[:2].tolist() == [4900019.0, 4900017.0]
    with xr.open_zarr(out, group="confidence/0", consolidated=False) as data:
        expected = np.where(sure == 255, np.nan, sure / 254)
        np.testing.assert_allclose(data.confidence, expected, atol=1e-6)


def test_nothing_is_invented(tmp_path, staged):
    out = tmp_path / "out.zarr"
    finish_zarr(staged({CLASSES: patches(1, 1)}), out, MapFacts())
    root = zarr.open_group(out, mode="r")
    assert sorted(root["0"].array_keys()) == ["classes"]
    assert root.attrs["tilesegm"]["georeference"] == {}
    (multiscale,) = root.attrs["ome"]["multiscales"]
    assert multiscale["axes"] == [{"name": "y", "type": "space"}, {"name": "x", "type": "space"}]


def test_points_and_rotation_are_kept(tmp_path, staged):
    reference = Georeference(
        transform=(0.3, 0.4, 10.0, 0.4, -0.3, 20.0),
        gcps=((0.0, 1.0, 2.0, 3.0, 4.0),),
        gcp_crs="WKT",
        rpcs=(("LINE_OFF", "1"),),
    )
    out = tmp_path / "out.zarr"
    finish_zarr(staged({CLASSES: patches(5, 6)}), out, MapFacts(georeference=reference))
    root = zarr.open_group(out, mode="r")
    assert sorted(root["0"].array_keys()) == ["classes", "spatial_ref"]
    assert root.attrs["tilesegm"]["georeference"] == {
        "transform": [0.3, 0.4, 10.0, 0.4, -0.3, 20.0],
        "gcps": [[0.0, 1.0, 2.0, 3.0, 4.0]],
        "gcp_crs": "WKT",
        "rpcs": [["LINE_OFF", "1"]],
    }


def test_an_older_result_is_replaced_whole(tmp_path, staged, facts):
    out = tmp_path / "out.zarr"
    (out / "old").mkdir(parents=True)
    (tmp_path / ".out.draft.zarr" / "half").mkdir(parents=True)
    (tmp_path / ".out.old.zarr").mkdir()
    finish_zarr(staged({CLASSES: patches(60, 50)}), out, facts)
    assert sorted(path.name for path in out.iterdir()) == ["0", "zarr.json"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.tif.partial", "out.zarr"]


@pytest.mark.parametrize("step", ["flush_tree", "_add_coordinates"])
def test_a_full_disk_leaves_nothing_half_written(tmp_path, staged, facts, monkeypatch, step):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    out = tmp_path / "out.zarr"
    staging = staged({CLASSES: patches(60, 50)})
    with monkeypatch.context() as patch:
        patch.setattr(ome_zarr, step, full)
        with pytest.raises(OutputError, match=r"out\.zarr: No space left on device"):
            finish_zarr(staging, out, facts)
    assert [path.name for path in tmp_path.iterdir()] == ["out.tif.partial"]
    finish_zarr(staging, out, facts)
    assert out.is_dir()

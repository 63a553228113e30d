"""The resolution of images and bundles on the command line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import rasterio
import tifffile
from PIL import Image

from tests.cli.conftest import Cli
from tests.images import GEO, blobs, write
from tilesegm.source.open import open_source


@pytest.fixture
def model(models: Path, tmp_path: Path) -> Path:
    """A bundle that learnt from pixels of 20 m."""
    path = tmp_path / "model"
    shutil.copytree(models / "bundle", path)
    card = json.loads((path / "bundle.json").read_text("utf-8"))
    text = json.dumps(card | {"resolution": {"down": 20.0, "across": 20.0}})
    (path / "bundle.json").write_text(text, "utf-8")
    return path


def test_a_map_of_another_resolution(cli: Cli, tmp_path: Path, model: Path) -> None:
    image = write(tmp_path / "image.tif", blobs(120, 90), **GEO)
    assert json.loads(cli("info", model, "--json").out)["resolution"] == "20 m"
    assert json.loads(cli("info", image, "--json").out)["resolution"] == "10 m"
    said = cli("predict", image, "-m", model, "-o", tmp_path / "map.tif", "--tile", "32")
    assert said.code == 0
    assert "--resolution native reads them as they are" in said.err
    assert "--grid image gives them the 120 x 90 of the image" in said.err
    told = json.loads(cli("info", tmp_path / "map.tif", "--json").out)
    assert (told["height"], told["width"]) == (60, 45)
    assert told["read_at"] == "20 m, from 10 m"
    assert cli("verify", tmp_path / "map.tif", "--recompute", "100%").code == 0

    fine = tmp_path / "fine.tif"
    said = cli("predict", image, "-m", model, "-o", fine, "--tile", "32", "--grid", "image")
    assert said.code == 0
    with rasterio.open(fine) as file, rasterio.open(image) as other:
        assert file.shape == other.shape
        assert file.transform == other.transform
        assert len(np.unique(file.read(1))) > 1
    assert json.loads(cli("info", fine, "--json").out)["read_at"] == "20 m, from 10 m"

    native = ("--resolution", "native", "--tile", "32", "--grid", "image")
    said = cli("predict", image, "-m", model, "-o", tmp_path / "native.tif", *native)
    assert "its pixels are 10 m as they are read and model learnt from 20 m" in said.err
    assert "--grid has no effect" in said.err
    said = cli("plan", image, "-m", model, "--no-probe", "--resolution", "30m", "--json")
    assert json.loads(said.out)["height"] == 40
    said = cli("plan", image, "-m", model, "--resolution", "30")
    assert said.code == 2
    assert "expected the side of a pixel with its unit, such as 0.3m" in said.err


def test_pictures_and_pages_lay_a_coarse_map_on_its_image(
    cli: Cli, tmp_path: Path, model: Path
) -> None:
    image = write(tmp_path / "image.tif", blobs(120, 90), **GEO)
    found = tmp_path / "map.tif"
    assert cli("predict", image, "-m", model, "-o", found, "--tile", "32").code == 0
    picture, page, scores = (tmp_path / name for name in ("a.png", "page.html", "scores.html"))
    assert cli("quicklook", found, "--image", image, "-o", picture).code == 0
    assert cli("report", found, "--image", image, "-o", page).code == 0
    assert cli("evaluate", found, found, "--image", image, "--report", scores).code == 0
    other = write(tmp_path / "other.tif", blobs(130, 90), **GEO)
    said = cli("quicklook", found, "--image", other, "-o", tmp_path / "b.png")
    assert "give the image that the map was made of" in said.err


def test_files_of_a_slide_count_its_pixels_on_a_map_of_others(
    cli: Cli, tmp_path: Path, model: Path
) -> None:
    card = json.loads((model / "bundle.json").read_text("utf-8"))
    text = json.dumps(card | {"resolution": {"down": 1e-6, "across": 1e-6}})
    (model / "bundle.json").write_text(text, "utf-8")
    size = {
        f"PhysicalSize{axis}{more}": "µm" if more else 0.5 for axis in "XY" for more in ("", "Unit")
    }
    slide, found = tmp_path / "slide.ome.tif", tmp_path / "map.tif"
    pixels, about = blobs(120, 90).transpose(2, 0, 1), {"axes": "CYX", **size}
    tifffile.imwrite(slide, pixels, photometric="minisblack", metadata=about)
    said = cli("predict", slide, "-m", model, "-o", found, "--tile", "32")
    assert said.code == 0, said.err
    with open_source(found) as source:
        ids = source.read(source.info.window).values[..., 0]
    assert ids.shape == (60, 45)

    # Rows 40 to 80, columns 30 to 60 of the slide: rows 20 to 40, columns 15 to 30 of the map.
    ring = [[30, 40], [60, 40], [60, 80], [30, 80], [30, 40]]
    shape = {"type": "Polygon", "coordinates": [ring]}
    feature = {"type": "Feature", "geometry": shape, "properties": {"objectType": "annotation"}}
    area = tmp_path / "area.geojson"
    area.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}), "utf-8")
    counts = np.bincount(ids[20:40, 15:30].ravel(), minlength=ids.max() + 1)
    cleaned = tmp_path / "clean.tif"
    assert cli("clean", found, "-o", cleaned, "--min-area", "1").code == 0
    for path in (found, cleaned):
        told = cli("areas", path, "--aoi", area, "-o", tmp_path / f"{path.stem}.csv")
        assert told.code == 0, told.err
        head, row = (tmp_path / f"{path.stem}.csv").read_text("utf-8").splitlines()
        cells = dict(zip(head.split(","), row.split(","), strict=True))
        assert [int(v) for k, v in cells.items() if k.endswith(" pixels")] == counts.tolist()

    polygons = tmp_path / "map.geojson"
    said = cli("polygonize", found, "-o", polygons)
    assert "coordinates count the 120 x 90 pixels of the image, not the 60 x 45" in said.err
    features = json.loads(polygons.read_text("utf-8"))["features"]
    boxes = np.array([one["bbox"] for one in features])
    assert boxes[:, :2].min(0).tolist() == [0, 0]
    assert boxes[:, 2:].max(0).tolist() == [90, 120]
    assert sum(one["properties"]["measurements"]["Area px^2"] for one in features) == 120 * 90
    assert sum(one["properties"]["measurements"]["Area µm^2"] for one in features) == (
        pytest.approx(60 * 45)
    )
    said = cli("polygonize", found, "-o", tmp_path / "map.json")
    assert "the 60 x 45 pixels of the map, not the 120 x 90 pixels of the image" in said.err

    truth = tmp_path / "truth.png"
    Image.fromarray(ids.repeat(2, 0).repeat(2, 1)).save(truth)
    said = cli("evaluate", found, truth, "--json")
    assert json.loads(said.out)["pixels"] == 60 * 45, said.err
    assert json.loads(said.out)["accuracy"] == 1

"""What commands say of vector files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely

pytest.importorskip("pyogrio")
from tests.cli.conftest import Cli, Said
from tests.images import blobs, write
from tests.source.test_vector_files import PLACE, UTM, geojson, layer, points_first, two_layers

GEO = {"crs": UTM, "transform": PLACE}


@pytest.fixture
def image(tmp_path: Path) -> Path:
    return write(tmp_path / "image.tif", blobs(60, 80), **GEO)


def predict(cli: Cli, image: Path, models: Path, area: Any, *more: str) -> Said:
    output = image.with_name("map.tif")
    network = models / "b3.keras"
    return cli("predict", image, "-m", network, "-o", output, "--tile", 64, "--overlap", 16,
               "--overwrite", "--aoi", area, *more)  # fmt: skip


def test_layers_that_are_read_are_said(cli: Cli, models: Path, image: Path) -> None:
    area = two_layers(image.with_name("a.gpkg"))
    said = predict(cli, image, models, area)
    assert said.code == 0, said.err
    assert f"note: {area}: layers north, south are read" in said.err
    assert f"{area}|layername=north" in said.err
    assert "note" not in predict(cli, image, models, f"{area}|layername=north").err
    assert predict(cli, image, models, area, "-q").err == ""


def test_advice_about_a_coordinate_system_works(cli: Cli, models: Path, image: Path) -> None:
    metres = shapely.box(*PLACE @ (10, 40), *PLACE @ (30, 20))
    area = geojson(image.with_name("a.geojson"), metres)
    said = predict(cli, image, models, area)
    assert said.code == 2
    assert f"{area}|crs=EPSG:CODE" in said.err
    assert predict(cli, image, models, f"{area}|crs=EPSG:32633").code == 0


def test_init_says_what_it_leaves_out(cli: Cli, tmp_path: Path) -> None:
    image = write(tmp_path / "image.tif", blobs(400, 400), **GEO)
    labels = points_first(tmp_path / "a.gpkg")
    west, east = shapely.box(15, 45.12, 15.02, 45.149), shapely.box(15.02, 45.12, 15.05, 45.149)
    fields = [west, None, east]
    layer(labels, *fields, name="crops", crop=["wheat", "maize", "maize"])
    said = cli("train", "init", image, "--labels", labels, "--attribute", "crop", "-o",
               tmp_path / "run.yaml")  # fmt: skip
    assert said.code == 0, said.err
    assert "visits is not, it holds points" in said.err
    assert "fields is not, it has no attribute 'crop'" in said.err
    assert "features without a geometry left out: 1" in said.err
    text = (tmp_path / "run.yaml").read_text()
    assert "wheat" in text
    assert "maize" in text


def test_evaluate_counts_a_map_without_polygons_as_background(
    cli: Cli, tmp_path: Path, image: Path
) -> None:
    truth = geojson(tmp_path / "a.geojson", shapely.box(80, 10, 81, 11), kind=["house"])
    (tmp_path / "run.yaml").write_text(
        "data:\n  scenes: [{image: image.tif, labels: a.geojson}]\n  labels:\n    attribute: kind\n"
        "    background: none\n"
        "    classes: [{name: none, value: none}, {name: house, value: house}]"
    )
    ids = np.zeros((60, 80, 1), "uint8")
    prediction = write(tmp_path / "map.tif", ids, **GEO)
    said = cli("evaluate", prediction, truth, "--labels", tmp_path / "run.yaml", "--no-borders")
    assert said.code == 0, said.err
    assert "misses the image" in said.err
    assert "all of it counts as background" in said.err

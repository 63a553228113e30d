"""The resolution of images and bundles on the command line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import rasterio

from tests.cli.conftest import Cli
from tests.images import GEO, blobs, write


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

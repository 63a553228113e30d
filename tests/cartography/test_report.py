"""The page about a class map: right areas, right places, everything inside, nothing interpreted."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

import numpy as np
import pytest
from affine import Affine

from tests.cartography.conftest import MakeMap
from tests.cli.conftest import Cli
from tests.images import GEO, read, write
from tests.report.test_page import read as read_page
from tilesegm.cartography.class_map import ShownMap
from tilesegm.cartography.confidence import open_confidence
from tilesegm.cartography.survey import Survey, survey_map
from tilesegm.source.open import open_source


def survey(path: Path, places: int = 3) -> Survey:
    shown = ShownMap.of(path)
    confidence = open_confidence(shown)
    return survey_map(shown, shown.place, confidence, places, lambda done: None)


def test_pixels_and_areas_are_those_of_the_map(make_map: MakeMap) -> None:
    path = make_map(confidence="top")
    found, ids, sure = survey(path), read(path), read(path.with_name("map_confidence.tif"))
    for number, value in enumerate(found.values):
        assert found.pixels[number] == (ids == value).sum()
        assert found.areas[number] == (ids == value).sum() * 100, "10 m pixels"
        assert found.confidence is not None
        assert found.confidence[number] == pytest.approx((sure[ids == value] / 254).mean())
    assert found.missing == (ids == 255).sum()
    assert found.mean_confidence == pytest.approx((sure[ids != 255] / 254).mean())


def test_areas_in_degrees_are_those_on_the_ellipsoid(tmp_path: Path) -> None:
    pyproj = pytest.importorskip("pyproj")
    ids = np.zeros((40, 30), np.uint8)
    ids[25:] = 1
    place = {"crs": "EPSG:4326", "transform": Affine(0.1, 0, 10, 0, -0.1, 64)}
    found = survey(write(tmp_path / "a.tif", ids, **place))
    geod = pyproj.Geod(ellps="WGS84")
    for area, (north, south) in zip(found.areas, ((64, 61.5), (61.5, 60)), strict=True):
        lons = np.linspace(10, 13, 3001)
        ring = np.concatenate([lons, lons[::-1]]), np.repeat([south, north], len(lons))
        expected = abs(geod.polygon_area_perimeter(*ring)[0])
        assert area == pytest.approx(expected, rel=1e-6)


def test_web_mercator_is_measured_on_the_ground(tmp_path: Path) -> None:
    # 20 m of the projection are about 10 m at 60 degrees north.
    place = {"crs": "EPSG:3857", "transform": Affine(20, 0, 0, 0, -20, 8399738)}
    found = survey(write(tmp_path / "a.tif", np.zeros((10, 10), np.uint8), **place))
    assert found.areas[0] == pytest.approx(10_000, rel=0.01)


def test_the_least_certain_places_are_found(tmp_path: Path) -> None:
    shown = ShownMap.of(write(tmp_path / "a.tif", np.zeros((1100, 1300), np.uint8)))
    values = np.ones((1100, 1300), np.float32)
    values[600:700, 800:900] = 0  # in the rows 512 to 767 and columns 768 to 1023
    values[300:400, 300:400] = 0.5
    with open_source(values) as confidence:
        found = survey_map(shown, shown.place, confidence, 5, lambda done: None)
    windows = [(window.row, window.col) for window, _ in found.least_certain]
    assert windows == [(512, 768), (256, 256)], "others are as certain as the map"
    assert found.least_certain[0][1] == pytest.approx(1 - 100 * 100 / 256**2)


def test_a_page_shows_map_and_image_and_fetches_nothing(make_map: MakeMap, cli: Cli) -> None:
    path = make_map(confidence="margin")
    page = path.with_suffix(".html")
    image = path.with_name("image_of_map.tif")
    said = cli("report", path, "--image", image, "-o", page, "--title", "<b>水</b> & more")
    assert said.code == 0, said.err
    reader, text = read_page(page), page.read_text("utf-8")
    assert all(address.startswith("data:") for address in reader.addresses)
    assert "<b>水</b> & more" in reader.text
    assert not re.search(r"url\(|@import|http-equiv=.refresh", text)
    assert "tilesegm evaluate" in reader.text, "that confidence is no truth is said"
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.S)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in text, "and no other script runs"
    assert len(text) < 1e6


@pytest.mark.parametrize("suffix", ["tif", "zarr"])
def test_confidence_beside_a_map_is_found(make_map: MakeMap, suffix: str) -> None:
    found = survey(make_map(f"map.{suffix}", confidence="top"))
    assert found.mean_confidence is not None


def test_confidence_of_another_run_is_left_out(make_map: MakeMap, tmp_path: Path) -> None:
    path = make_map(confidence="top")
    other = make_map("other.tif")
    path.with_name("map_confidence.tif").rename(tmp_path / "other_confidence.tif")
    assert survey(other).mean_confidence is None


def test_a_page_without_image_or_confidence(tmp_path: Path, cli: Cli) -> None:
    ids = np.full((50, 60), 255, np.uint8)
    path = write(tmp_path / "a.tif", ids, nodata=255)
    said = cli("report", path, "-o", tmp_path / "a.html")
    assert said.code == 0, said.err
    assert "No pixel has a class" in read_page(tmp_path / "a.html").text


@pytest.mark.parametrize("size", [(1, 1), (1, 100_000)])
def test_pages_of_odd_sizes(tmp_path: Path, cli: Cli, size: tuple[int, int]) -> None:
    path = write(tmp_path / "a.tif", np.ones(size, np.uint8), **GEO)
    image = write(tmp_path / "i.tif", np.ones((*size, 3), np.uint8), **GEO)
    said = cli("report", path, "--image", image, "-o", tmp_path / "a.html")
    assert said.code == 0, said.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-o", "a.pdf"], "a report is one HTML file; name it"),
        (["-o", "foreign.html"], "is not of tilesegm"),
        (["-o", "a.html", "--confidence", "map.tif"], "holds the classes of a map"),
        (["-o", "a.html", "--confidence", "bytes.tif"], "expected confidence from 0 to 1"),
        (["-o", "a.html", "--confidence", "small.tif"], "on the grid of"),
        (["-o", "a.html", "--image", "small.tif"], "give the image that the map was made of"),
        (["-o", "a.html", "--places", "-1"], "places is -1"),
    ],
)
def test_what_makes_no_page_is_refused_in_a_line(
    make_map: MakeMap, tmp_path: Path, cli: Cli, words: list[str], said: str
) -> None:
    path = make_map()
    write(tmp_path / "small.tif", np.zeros((20, 30), np.uint8))
    write(tmp_path / "bytes.tif", np.full((300, 400), 200, np.uint8), **GEO)
    (tmp_path / "foreign.html").write_text("mine")
    words = [str(tmp_path / word) if "." in word else word for word in words]
    done = cli("report", path, *words)
    assert done.code in (2, 3)
    assert said in done.err.splitlines()[-1]
    assert not list(tmp_path.glob("a.*"))
    assert (tmp_path / "foreign.html").read_text() == "mine"


def test_a_page_tells_the_limit_of_unsure_and_what_was_cleaned(
    make_map: MakeMap, tmp_path: Path, cli: Cli
) -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(1, 90, (60, 80, 2)).astype(np.uint8)
    path = make_map(image=image, min_confidence=0.7, network_outputs="logits")
    clean = tmp_path / "clean.tif"
    assert cli("clean", path, "-o", clean, "--majority", 3, "--min-area", "500m2").code == 0
    texts = []
    for one in (path, clean):
        said = cli("report", one, "-o", tmp_path / "page.html")
        assert said.code == 0, said.err
        texts.append(read_page(tmp_path / "page.html").text)
    assert "probability below 0.7" in texts[0]
    assert "majority: 3; min area: 500m2; small: merge" in texts[1]
    verified = cli("verify", clean)
    assert verified.code == 0
    assert "clean.tif: whole" in verified.out
    again = cli("verify", clean, "--recompute", "100%")
    assert again.code == 2
    assert "does not tell how it was made, as bundles, extra outputs, cleaned maps" in again.err


def test_floats_are_refused_with_advice_that_keeps_pixels_without_a_class(
    tmp_path: Path, cli: Cli
) -> None:
    path = write(tmp_path / "a.tif", np.array([[0, 1, np.nan]], np.float32), **GEO)
    said = cli("quicklook", path, "-o", tmp_path / "a.png")
    assert said.code == 2
    assert "gdalwarp -ot Byte -srcnodata nan -dstnodata 255" in said.err

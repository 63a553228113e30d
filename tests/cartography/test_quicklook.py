"""Pictures of class maps: what is drawn where, in which colours, with what beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
import tifffile
from affine import Affine
from PIL import Image

import tilesegm as ts
from tests.cartography.conftest import MakeMap, four_fields
from tests.cli.conftest import Cli
from tests.images import GEO, blobs, write
from tilesegm.cartography.class_map import ShownMap
from tilesegm.cartography.quicklook import (
    QuicklookOptions,
    draw_style,
    scale_bar_of,
    write_quicklook,
)
from tilesegm.cartography.scene import ImageChoice, read_scene
from tilesegm.cartography.shrinking import open_coarse, shape_within, shrink_ids
from tilesegm.events import ignore
from tilesegm.pictures.colours import MISSING
from tilesegm.sink.pyramid import halve_mode
from tilesegm.source.open import open_source


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def test_a_map_is_drawn_in_its_colours_below_its_title(make_map: MakeMap, tmp_path: Path) -> None:
    shown = ShownMap.of(make_map())
    drawn = pixels(write_quicklook(tmp_path / "a.png", shown, options=QuicklookOptions(size=200)))
    west, east = (info.colour for info in shown.facts.classes)
    top, middle = np.argwhere((drawn == east).all(-1))[0]
    panel = drawn[top : top + 150, middle - 100 : middle + 100]
    assert (panel[:36, :49] == MISSING).all()
    assert (panel[40:, :99] == west).all()
    assert (panel[:, 101:] == east).all()


def test_overviews_and_all_pixels_make_the_same_picture(tmp_path: Path) -> None:
    ids = np.random.default_rng(0).integers(0, 4, (700, 900), np.uint8)
    ids[:300, :200] = 255
    plain = write(tmp_path / "plain.tif", ids, nodata=255)
    shape = shape_within(700, 900, 220)
    with open_source(plain) as source:
        whole = shrink_ids(source, shape)
    halved = halve_mode(halve_mode(ids, 255), 255).astype(np.uint16)
    expected = np.where(halved == 255, 65535, halved)
    rows, cols = (((np.arange(n) + 0.5) * m / n).astype(int) for n, m in ((171, 175), (220, 225)))
    assert (whole == expected[np.ix_(rows, cols)]).all()


def test_the_coarsest_level_that_fills_the_picture_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", np.zeros((800, 1000), np.uint8), tiled=True, **GEO)
    with rasterio.open(path, "r+") as file:
        file.build_overviews([2, 4, 8])
    for side, height in ((1000, 800), (501, 800), (500, 400), (260, 400), (250, 200), (64, 100)):
        with open_coarse(lambda n: open_source(path, level=n), shape_within(800, 1000, side)) as at:
            assert at.info.height == height


def test_an_overlay_paints_classes_on_greys_and_leaves_background(
    make_map: MakeMap, tmp_path: Path
) -> None:
    output = make_map()
    image = ImageChoice(image=str(tmp_path / "image_of_map.tif"))
    shown = ShownMap.of(output, ["background", "tree"])
    scene = read_scene(shown, 400, image, ignore)
    drawn = draw_style(scene, "overlay", 1.0)
    assert (drawn[:, 201:] == shown.known[1].colour).all()
    west = drawn[:, :199]
    assert (west == west[..., :1]).all(), "grey where nothing is painted"
    outlined = draw_style(scene, "outline")
    assert (outlined[100, 210] == scene.image.rgb[100, 210]).all()
    assert (outlined[100, 200] == shown.known[1].colour).all()


def test_an_image_of_another_level_is_found_by_its_size(make_map: MakeMap, tmp_path: Path) -> None:
    image = write(tmp_path / "large.tif", blobs(600, 800), tiled=True, **GEO)
    with rasterio.open(image, "r+") as file:
        file.build_overviews([2])
    small = write(tmp_path / "small.tif", np.zeros((300, 400), np.uint8))
    scene = read_scene(ShownMap.of(small), 400, ImageChoice(image=str(image)), ignore)
    assert scene.image is not None
    assert scene.image.level == 1


@pytest.mark.parametrize(
    ("crs", "transform", "label"),
    [
        ("EPSG:32633", Affine(10, 0, 5e5, 0, -10, 5e6), "1 km"),
        # At 60 degrees Web Mercator shows lengths twice as long: 20 m are 10 m on the ground.
        ("EPSG:3857", Affine(20, 0, 0, 0, -20, 8399738), "1 km"),
        # 10 m of 60 degrees north: 111.3 km a degree on the equator, half of it there.
        ("EPSG:4326", Affine(10 / 55800, 0, 10, 0, -10 / 111412, 60), "1 km"),
        ("EPSG:2263", Affine(10 / 0.3048, 0, 9e5, 0, -10 / 0.3048, 2e5), "1 km"),
        (None, None, "100 pixels"),
    ],
)
def test_scale_bars_are_as_long_as_they_say(
    tmp_path: Path, crs: str | None, transform: Affine | None, label: str
) -> None:
    placed = {} if crs is None else {"crs": crs, "transform": transform}
    path = write(tmp_path / "a.tif", np.zeros((300, 400), np.uint8), **placed)
    bar = scale_bar_of(read_scene(ShownMap.of(path), 400, None, ignore))
    assert bar is not None
    assert bar.label == label
    assert bar.dots == 100


def test_a_slide_is_measured_in_micrometres(tmp_path: Path) -> None:

    slide = tmp_path / "slide.ome.tif"
    tifffile.imwrite(
        slide,
        np.zeros((100, 200), np.uint8),
        ome=True,
        metadata={"axes": "YX", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5},
    )
    done = ts.segment(str(slide), lambda x: np.repeat(x, 2, -1), tmp_path / "map.tif")
    bar = scale_bar_of(read_scene(ShownMap.of(done.output), 200, None, ignore))
    assert bar is not None
    assert (bar.label, bar.dots) == ("20 µm", 40)


def test_a_zarr_is_drawn_and_its_confidence_is_none(
    make_map: MakeMap, tmp_path: Path, cli: Cli
) -> None:
    output = make_map("map.zarr", confidence="top")
    assert cli("quicklook", output, "-o", tmp_path / "a.png").code == 0
    said = cli("quicklook", output / "confidence", "-o", tmp_path / "b.png")
    assert "holds the confidence of a class map" in said.err


@pytest.mark.parametrize("size", [(1, 1), (1, 100_000), (3, 7), (100_000, 1)])
def test_odd_sizes_are_drawn(tmp_path: Path, cli: Cli, size: tuple[int, int]) -> None:
    path = write(tmp_path / "a.tif", np.ones(size, np.uint8))
    said = cli("quicklook", path, "-o", tmp_path / "a.png", "--classes", "land,sea")
    assert said.code == 0, said.err
    assert max(pixels(tmp_path / "a.png").shape) < 2000


def test_a_map_without_any_class_is_drawn_and_told(tmp_path: Path, cli: Cli) -> None:
    path = write(tmp_path / "a.tif", np.full((50, 60), 255, np.uint8), nodata=255)
    said = cli("quicklook", path, "-o", tmp_path / "a.png")
    assert said.code == 0
    assert "no pixel has a class" in said.err
    assert (pixels(tmp_path / "a.png") == MISSING).all(-1).any()


def test_markup_and_letters_of_all_scripts_are_titles(make_map: MakeMap, tmp_path: Path) -> None:
    shown = ShownMap.of(make_map(), ["<b>水</b>", "a\x1b[2J"])
    write_quicklook(tmp_path / "a.png", shown, options=QuicklookOptions(title="<i>地图 & map"))
    assert (tmp_path / "a.png").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"map": "float"}, "holds float32 pixels"),
        ({"map": "rgb"}, "has 3 bands; expected one band of class ids"),
        ({"map": "many"}, "different values, and a class map at most 256"),
        ({"map": "negative"}, "holds values from -5 to"),
        ({"map": "confidence"}, "holds the confidence of a class map"),
        ({"image": "other size"}, "has 200 x 400 pixels and"),
        ({"image": "other place"}, "have pixels at different places"),
        ({"style": "overlay"}, "give --image, or --style map"),
        ({"style": "nice"}, "style is 'nice'"),
        ({"size": "9"}, "size is 9"),
        ({"output": "a.jpg"}, "name it"),
        ({"output": "map.tif"}, "a picture is a PNG file"),
        ({"output": "foreign.png"}, "is not of tilesegm"),
        ({"classes": "one,two,three"}, "3 names are given"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_a_line(
    make_map: MakeMap, tmp_path: Path, cli: Cli, change: dict[str, str], words: str
) -> None:
    rng = np.random.default_rng(0)
    maps = {
        "float": np.zeros((30, 40), np.float32),
        "rgb": np.zeros((30, 40, 3), np.uint8),
        "many": rng.integers(0, 5000, (300, 400), np.uint16),
        "negative": np.full((30, 40), -5, np.int16),
    }
    path = make_map(confidence="top")
    if change.get("map") in maps:
        path = write(tmp_path / "odd.tif", maps[change["map"]])
    elif "map" in change:
        path = path.with_name("map_confidence.tif")
    words_of_image = []
    if "image" in change:
        other = change["image"] == "other size"
        moved = GEO | {"transform": Affine(10, 0, 5e5 + 10, 0, -10, 5e6)}
        image = four_fields(200 if other else 300)
        words_of_image = ["--image", write(tmp_path / "other.tif", image, **moved)]
    (tmp_path / "foreign.png").write_bytes(b"mine")
    output = tmp_path / change.get("output", "a.png")
    before = output.read_bytes() if output.exists() else None
    said = cli(
        "quicklook", path, "-o", output, *words_of_image,
        *(word for key in ("style", "size", "classes") if key in change
          for word in (f"--{key}", change[key])),
    )  # fmt: skip
    assert said.code in (2, 3)
    assert words in said.err.splitlines()[-1]
    assert "Traceback" not in said.err
    assert (output.read_bytes() if output.exists() else None) == before
    assert not [file for file in tmp_path.iterdir() if "draft" in file.name]

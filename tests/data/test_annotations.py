"""Annotation files become the labels that they were drawn for, whichever tool wrote them."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from PIL import Image
from pycocotools import mask as coco_masks

from tests.data.label_parts import classes, image_info
from tilesegm.data.instances import Instances
from tilesegm.data.labels import open_labels
from tilesegm.data.patch import IGNORE
from tilesegm.data.settings import ClassSettings, LabelSettings
from tilesegm.demo.dataset import DATASET_CLASSES, write_dataset
from tilesegm.errors import SourceError
from tilesegm.grid.window import Window
from tilesegm.source.open import open_source

NAMES = [info.name for info in DATASET_CLASSES]
WHOLE = Window(0, 0, 20, 30)
IMAGE = image_info(20, 30, None)


def named(**options: Any) -> LabelSettings:
    return LabelSettings(tuple(ClassSettings(name, name) for name in NAMES), **options)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_dataset(folder, seed=1)
    return folder


def read(labels: Path, settings: LabelSettings, image: Path) -> np.ndarray:
    with open_source(str(image)) as source:
        info = source.info
    opened = open_labels(str(labels), settings, info)
    # By windows, as training does.
    strips = [opened.read(strip) for strip in info.window.tiles(50, info.width)]
    opened.close()
    return np.concatenate(strips)


def test_one_scene_has_the_same_labels_in_every_form(data: Path) -> None:
    masks = {path.stem: np.array(Image.open(path)) for path in (data / "pairs/masks").glob("*")}
    assert len(masks) == 16
    ids = LabelSettings(tuple(ClassSettings(name, n) for n, name in enumerate(NAMES)))
    for name, mask in masks.items():
        photo = data / "labelme" / f"{name}.jpg"
        role = (
            "val" if name in (data / "voc/ImageSets/Segmentation/val.txt").read_text() else "train"
        )
        coco = data / "coco/annotations" / f"instances_{role}.json"
        forms = {
            "pairs": (data / "pairs/masks" / f"{name}.png", ids),
            "voc": (data / "voc/SegmentationClass" / f"{name}.png", ids),
            "labelme": (data / "labelme" / f"{name}.json", named(background="background")),
            "coco": (coco, named(background="background")),
        }
        for form, (path, settings) in forms.items():
            got = read(path, settings, photo)
            assert (got != mask).sum() == 0, (form, name)
    whole = np.block([[masks[f"tile_{r:02d}_{c:02d}"] for c in range(1, 5)] for r in range(1, 5)])
    gpkg = read(
        data / "polygons/landcover.gpkg", named(attribute="class"), data / "polygons/scene.tif"
    )
    np.testing.assert_array_equal(gpkg, whole)
    qupath = read(
        data / "qupath/scene.geojson", named(attribute="classification"), data / "qupath/scene.tif"
    )
    np.testing.assert_array_equal(qupath, whole)
    # GeoJSON has degrees, seven digits of them: corners move by a millimetre, of 250 in a pixel.
    degrees = read(
        data / "polygons/landcover.geojson", named(attribute="class"), data / "polygons/scene.tif"
    )
    assert (degrees != whole).sum() <= 20


def labelme(folder: Path, *shapes: Any, **more: Any) -> Path:
    path = folder / "image.json"
    content = {"version": "5.5.0", "flags": {}, "shapes": shapes, "imagePath": "image.tif"}
    path.write_text(json.dumps({**content, "imageHeight": 20, "imageWidth": 30, **more}))
    return path


def shape(label: Any, points: Any, kind: Any = "polygon", **more: Any) -> dict[str, Any]:
    return {"label": label, "points": points, "shape_type": kind, **more}


def notes(path: Path, *values: Any, **options: Any) -> tuple[np.ndarray, str]:
    opened = open_labels(str(path), classes(*values, **options), IMAGE)
    return opened.read(WHOLE), "; ".join(opened.reading.lines())


def test_shapes_of_labelme(tmp_path: Path) -> None:
    path = labelme(
        tmp_path,
        shape("a", [[2, 3], [12, 10]], "rectangle"),
        shape("b", [[8, 6], [20, 6], [20, 15], [8, 15]]),
        shape("a", [[25, 5], [27, 5]], "circle"),
    )
    expected = np.full((20, 30), IGNORE)
    expected[3:10, 2:12] = 0
    expected[6:15, 8:20] = 1
    rows, cols = np.mgrid[:20, :30] + 0.5
    expected[np.hypot(rows - 5, cols - 25) < 2] = 0
    got, told = notes(path, "a", "b")
    np.testing.assert_array_equal(got, expected)
    assert told == ""


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    path = labelme(
        tmp_path,
        shape("a", [[2, 3], [12, 10]], "rectangle"),
        shape("a", [[25, 15]], "point"),
        shape("a", [[1, 1], [5, 1]], "line"),
        shape("a", [[1, 1], [5, 1]], "cuboid"),
        shape("a", "text"),
        shape("a", [[1, 1], [float("nan"), 1], [1, 5]]),
        shape("a", [[20, 0], [26, 4], [26, 0], [20, 4]]),
        shape("", [[0, 15], [3, 15], [3, 18]]),
        7,
    )
    got, told = notes(path, "a", "b")
    for text in (
        "shapes of kind 'cuboid' left out: 1 (first: feature 3)",
        "shapes that cannot be read left out: 3 (first: feature 4)",
        "points left out (labels.buffer draws them): 1",
        "lines left out (labels.buffer draws them): 1",
        "invalid polygons repaired: 1 (first: feature 6)",
        "polygons without a value of label not learnt from: 1",
    ):
        assert text in told
    rows, cols = np.mgrid[:20, :30] + 0.5
    # The two loops of the figure of eight lie between its diagonals.
    loops = np.abs(rows - 2) < np.abs(cols - 23) * 2 / 3
    loops &= (cols > 20) & (cols < 26)
    assert (got[~loops] == 0).sum() == 70
    assert (got[loops] == 0).all()
    # With a buffer points and lines are drawn: a circle, and a line with round ends.
    wide, told = notes(path, "a", "b", buffer=2)
    assert "points" not in told
    drawn = np.hypot(rows - 15, cols - 25) < 2
    drawn |= np.hypot(rows - 1, cols - np.clip(cols, 1, 5)) < 2
    np.testing.assert_array_equal(wide == 0, drawn | (got == 0))


def test_what_lies_outside_of_the_image_is_counted(tmp_path: Path) -> None:
    path = labelme(
        tmp_path,
        shape("a", [[2, 3], [12, 10]], "rectangle"),
        shape("a", [[25, 15], [30.9, 18]], "rectangle"),
        shape("a", [[25, 12], [31.1, 14]], "rectangle"),
        shape("a", [[31, 3], [40, 10]], "rectangle"),
        shape("a", [[500, 500], [510, 510]], "rectangle"),
        shape("a", [[-500, 5], [1, 6]], "rectangle"),
    )
    got, told = notes(path, "a", "b")
    assert "shapes outside of the image left out: 2 (first: feature 3)" in told
    assert "shapes cut off at the edge of the image: 2 (first: feature 2)" in told
    assert (got == 0).sum() == 70 + 15 + 10 + 1


def runs_of(mask: np.ndarray) -> list[int]:
    flat = mask.T.ravel()
    edges = [0, *(np.flatnonzero(np.diff(flat)) + 1).tolist(), flat.size]
    lengths = np.diff(edges).tolist()
    return [0, *lengths] if flat[0] else lengths


def coco(folder: Path, *annotations: Any, **more: Any) -> Path:
    path = folder / "coco.json"
    content = {
        "images": [{"id": 1, "file_name": "x/image.tif", "height": 20, "width": 30}],
        "categories": [{"id": 7, "name": "a"}],
        "annotations": [
            {"id": n, "image_id": 1, "category_id": 7, **each} for n, each in enumerate(annotations)
        ],
    }
    path.write_text(json.dumps({**content, **more}))
    return path


@pytest.mark.parametrize("seed", range(5))
def test_runs_of_coco_are_the_mask_that_pycocotools_reads(tmp_path: Path, seed: int) -> None:
    random = np.random.default_rng(seed)
    mask = np.asfortranarray(random.random((20, 30)) < random.random(), np.uint8)
    packed = coco_masks.encode(mask)
    for counts in (packed["counts"].decode(), runs_of(mask)):
        path = coco(tmp_path, {"segmentation": {"size": [20, 30], "counts": counts}})
        got, told = notes(path, "a", "b")
        np.testing.assert_array_equal(got == 0, mask.astype(bool))
        assert told == ""
        path.unlink()


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of pycocotools
def test_polygons_of_coco_differ_from_pycocotools_along_edges_alone(tmp_path: Path) -> None:
    ring = [3.2, 2.1, 25.7, 4.4, 20.3, 17.9, 6.6, 15.2]
    got, _ = notes(coco(tmp_path, {"segmentation": [ring]}), "a", "b")
    theirs = coco_masks.decode(coco_masks.frPyObjects([ring], 20, 30))[..., 0].astype(bool)
    differing = (got == 0) != theirs
    # pycocotools rounds corners to whole fifths of a pixel, and covers more at lower right.
    assert differing.sum() == 4
    assert (theirs.sum(), (got == 0).sum()) == (246, 244)


def test_crowds_unnamed_categories_and_boxes_of_coco(tmp_path: Path) -> None:
    path = coco(
        tmp_path,
        {"segmentation": [[8, 6, 20, 6, 20, 15, 8, 15]]},
        {"bbox": [0, 0, 5, 4], "category_id": 9},
        {"segmentation": [[10, 8, 25, 8, 25, 12, 10, 12]], "iscrowd": 1},
        {"segmentation": [[1, 1, 2, 2]], "image_id": 5},
    )
    got, told = notes(path, "a", "category 9")
    assert (got[:4, :5] == 1).all()
    assert (got[8:12, 8:25] == 0).all()
    assert "shapes of a category without a name, called 'category NUMBER': 1" in told
    assert "crowds (iscrowd) counted as no object: 1" in told
    objects = Instances(str(path), IMAGE, separate=False).read(WHOLE)
    assert objects[9, 10] == 1
    assert objects[1, 1] == 2
    assert objects[9, 23] == 0


def test_groups_of_labelme_are_one_object(tmp_path: Path) -> None:
    path = labelme(
        tmp_path,
        shape("a", [[0, 0], [4, 4]], "rectangle", group_id=1),
        shape("a", [[6, 0], [9, 4]], "rectangle"),
        shape("a", [[12, 0], [15, 4]], "rectangle", group_id=1),
    )
    objects = Instances(str(path), IMAGE, separate=False).read(WHOLE)
    assert [objects[1, col] for col in (1, 7, 13, 20)] == [1, 2, 1, 0]


CVAT = """<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version>
<image id="0" name="image.tif" width="30" height="20">
<polygon label="b" points="8,6;20,6;20,15;8,15" z_order="1"/>
<box label="a" xtl="2" ytl="3" xbr="12" ybr="10" z_order="0"/>
<ellipse label="a" cx="25" cy="5" rx="2" ry="2" z_order="2"/>
<mask label="b" rle="1,2,1" left="0" top="18" width="2" height="2" z_order="3"/>
<cuboid label="a" z_order="0"/>
</image></annotations>
"""
STUDIO = [
    {
        "data": {"image": "/data/upload/1/0123abcd-image.tif"},
        "annotations": [
            {
                "result": [
                    {
                        "type": kind,
                        "original_width": 30,
                        "original_height": 20,
                        "value": {**value, kind: [label]},
                    }
                    for kind, label, value in (
                        (
                            "rectanglelabels",
                            "a",
                            {"x": 20 / 3, "y": 15, "width": 100 / 3, "height": 35},
                        ),
                        (
                            "polygonlabels",
                            "b",
                            {"points": [[80 / 3, 30], [200 / 3, 30], [200 / 3, 75], [80 / 3, 75]]},
                        ),
                        (
                            "ellipselabels",
                            "a",
                            {"x": 250 / 3, "y": 25, "radiusX": 20 / 3, "radiusY": 10},
                        ),
                        ("brushlabels", "a", {"format": "rle", "rle": [1]}),
                    )
                ]
            },
            {"result": [{"type": "polygonlabels", "value": {}}]},
        ],
    }
]


@pytest.mark.parametrize(
    ("name", "text", "left_out"),
    [
        ("cvat.xml", CVAT, "shapes of kind 'cuboid' left out: 1"),
        ("studio.json", json.dumps(STUDIO), "shapes of kind 'brushlabels' left out: 1"),
    ],
)
def test_other_tools(tmp_path: Path, name: str, text: str, left_out: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    got, told = notes(path, "a", "b")
    expected = np.full((20, 30), IGNORE)
    expected[3:10, 2:12] = 0
    expected[6:15, 8:20] = 1
    rows, cols = np.mgrid[:20, :30] + 0.5
    expected[np.hypot(rows - 5, cols - 25) < 2] = 0
    if name == "cvat.xml":
        expected[18, 1] = expected[19, 0] = 1
    np.testing.assert_array_equal(got, expected)
    assert left_out in told


def test_a_scale_fits_shapes_of_a_smaller_image(tmp_path: Path) -> None:
    path = labelme(
        tmp_path, shape("a", [[1, 2], [5, 6]], "rectangle"), imageHeight=10, imageWidth=15
    )
    with pytest.raises(SourceError, match="annotated with 10 x 15 pixels and has 20 x 30") as told:
        notes(path, "a", "b")
    assert f"{path}|scale=2" in str(told.value)
    got, _ = notes(Path(f"{path}|scale=2"), "a", "b")
    expected = np.full((20, 30), IGNORE)
    expected[4:12, 2:10] = 0
    np.testing.assert_array_equal(got, expected)


def geojson(path: Path, *rings: Any, **properties: Any) -> Path:
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Polygon", "coordinates": [ring]},
            "properties": {"kind": "a", **properties},
        }
        for ring in rings
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


BOX = [[2, 3], [12, 3], [12, 10], [2, 10], [2, 3]]
FAR = [[200, 200], [900, 200], [900, 300], [200, 200]]


def test_coordinates_that_are_no_degrees_count_pixels(tmp_path: Path) -> None:
    path = geojson(tmp_path / "a.geojson", BOX, FAR)
    got, told = notes(path, "a", "b", attribute="kind")
    assert (got[3:10, 2:12] == 0).all()
    assert (got == 0).sum() == 70
    assert "coordinates are taken to count pixels of the image" in told
    # What may be degrees is not guessed at, but QuPath says what it is.
    few = geojson(tmp_path / "b.geojson", BOX)
    with pytest.raises(SourceError, match=r"no georeference.*b.geojson\|crs=pixels"):
        notes(few, "a", "b", attribute="kind")
    again, told = notes(Path(f"{few}|crs=pixels"), "a", "b", attribute="kind")
    np.testing.assert_array_equal(again, got)
    assert told == ""
    of_qupath = geojson(tmp_path / "c.geojson", BOX, objectType="annotation")
    again, told = notes(of_qupath, "a", "b", attribute="kind")
    np.testing.assert_array_equal(again, got)
    assert "as QuPath counts them" in told


def test_rows_that_count_downwards_from_zero_are_turned(tmp_path: Path) -> None:
    path = geojson(tmp_path / "a.geojson", [[x, -y] for x, y in BOX])
    got, told = notes(Path(f"{path}|crs=pixels"), "a", "b", attribute="kind")
    assert (got[3:10, 2:12] == 0).all()
    assert (got == 0).sum() == 70
    assert "its rows by negative numbers" in told


def test_metres_on_the_ground(tmp_path: Path) -> None:
    path = tmp_path / "a.geojson"
    info = image_info(20, 30)  # pixels of 10 m in EPSG:32633
    x, y = info.georeference.transform[2], info.georeference.transform[5]
    lon, lat = rasterio.warp.transform("EPSG:32633", "EPSG:4326", [x + 155], [y - 105])
    feature = {"type": "Feature", "geometry": {"type": "Point", "coordinates": [lon[0], lat[0]]}}
    path.write_text(
        json.dumps({"type": "FeatureCollection", "features": [feature | {"properties": {}}]})
    )
    opened = open_labels(
        str(path), classes("none", "any", background="class 0", buffer="35m"), info
    )
    rows, cols = np.mgrid[:20, :30] + 0.5
    np.testing.assert_array_equal(opened.read(WHOLE) == 1, np.hypot(rows - 10.5, cols - 15.5) < 3.5)
    with pytest.raises(SourceError, match="does not say where its pixels lie; give pixels"):
        open_labels(f"{path}|crs=pixels", classes("none", "any", buffer="35m"), IMAGE)


def test_an_image_that_is_not_listed_is_refused(tmp_path: Path) -> None:
    path = coco(tmp_path, images=[{"id": 1, "file_name": "other.tif", "height": 20, "width": 30}])
    with pytest.raises(
        SourceError, match=r"does not list the image image.tif; it lists 1, such as"
    ):
        notes(path, "a", "b", background="class 0")


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "points",
    [
        None, 5, {}, [], [[]], [[1, 2]], [[1, 2], [3]], [[1, 2, 3]] * 4, "1,2,3",
        [[True, "a"]] * 4, [[1e400, 1]] * 4, nested(60), [[10**400, 1]] * 4, [{"x": 1}] * 3,
    ],
    ids=repr,
)  # fmt: skip
def test_hostile_points_are_counted(tmp_path: Path, points: Any) -> None:
    good = shape("a", [[2, 3], [12, 10]], "rectangle")
    text = json.dumps([shape("a", points), good]).replace("Infinity", "1e999")
    path = labelme(tmp_path)
    path.write_text(path.read_text().replace('"shapes": []', f'"shapes": {text}'))
    got, told = notes(path, "a", "b")
    assert (got == 0).sum() == 70
    assert "left out: 1" in told


@pytest.mark.parametrize(
    "runs",
    [
        {"size": [20, 30], "counts": [10**12]},
        {"size": [10**6, 10**6], "counts": [10**12]},
        {"size": [20, 30], "counts": [600, -1, 1]},
        {"size": [20, 30], "counts": "~~~~~~~~"},
        {"size": [20, 30], "counts": "oooooooooooooooooooo0"},
        {"size": [20], "counts": [600]},
        {"size": "ab", "counts": "0"},
        {"counts": [600]},
    ],
    ids=repr,
)
def test_hostile_runs_are_counted(tmp_path: Path, runs: Any) -> None:
    good = {"segmentation": [[2, 3, 12, 3, 12, 10, 2, 10]]}
    got, told = notes(coco(tmp_path, {"segmentation": runs}, good), "a", "b")
    assert (got == 0).sum() == 70
    assert "shapes that cannot be read left out: 1" in told


@pytest.mark.parametrize("far", [1e9, 1e11, 1e300])
def test_coordinates_far_away_cost_nothing(tmp_path: Path, far: float) -> None:
    path = labelme(
        tmp_path, shape("a", [[-far, 5], [far, 5], [far, 10], [-far, 10]]), shape("a", BOX)
    )
    got, _ = notes(path, "a", "b")
    assert (got[3:10, 2:12] == 0).all()
    assert (got[5:10] == 0).all() == (far < 1e12)


@pytest.mark.parametrize("key", ["images", "annotations", "categories"])
@pytest.mark.parametrize(
    "value", [[None], [[]], [5], ["x"], [{}], [{"id": {}, "image_id": []}]], ids=repr
)
def test_hostile_entries_end_in_no_other_error(tmp_path: Path, key: str, value: Any) -> None:
    path = coco(tmp_path, {"segmentation": [[2, 3, 12, 3, 12, 10, 2, 10]]}, **{key: value})
    with suppress(SourceError):  # and no other error
        notes(path, "a", "b", "category 7")


def test_entities_of_xml_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_text(CVAT.replace("<annotations>", '<!DOCTYPE a [<!ENTITY b "c">]><annotations>', 1))
    with pytest.raises(SourceError, match="declares entities"):
        notes(path, "a", "b")

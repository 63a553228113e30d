"""Attributes and images of label polygons as people have them."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely

from tests.data.label_parts import classes, image_info, write_polygons
from tests.source.test_vector_files import geojson, layer
from tilesegm.data.labels import open_labels
from tilesegm.data.labels.vector import VectorLabels
from tilesegm.data.patch import IGNORE
from tilesegm.errors import SettingsError, SourceError
from tilesegm.grid.window import Window
from tilesegm.source.vector.reading import tell, tell_bare
from tilesegm.training.init.survey import survey_labels

SHAPES = [shapely.box(n, 0, n + 1, 1) for n in range(0, 12, 2)]
QUPATH = {"name": "Tumor", "color": [200, 0, 0]}


def table(path: Path, values: np.ndarray) -> Path:
    """Squares of a pixel each in the first row, one for each value."""
    return write_polygons(path, SHAPES[: len(values)], values)


def read(path: Path | str, *values: Any, **options: Any) -> list[int]:
    """Class ids at the squares."""
    given = classes(*values, attribute="kind", **options)
    labels = open_labels(str(path), given, image_info(20, 30))
    return labels.read(Window(0, 0, 20, 30))[0, :12:2].tolist()


def properties(path: Path, *kinds: Any) -> Path:
    """Squares whose property is any JSON value."""
    ground = pytest.importorskip("pyogrio").raw.read(
        table(path.with_suffix(".gpkg"), np.arange(len(kinds)))
    )
    shapes = shapely.from_wkb(ground[2])
    return geojson(path, *shapes, crs="urn:ogc:def:crs:EPSG::32633", kind=list(kinds))


@pytest.mark.parametrize(
    ("column", "values", "expected"),
    [
        (np.array([1.0, np.nan, 2.0]), (1, 2), [0, IGNORE, 1]),
        (np.array([1.0, 2.0, 2.0]), ("1", "2"), [0, 1, 1]),
        (np.array(["1", "2", None], dtype=object), (1, 2), [0, 1, IGNORE]),
        (np.array(["01", "2.0", " "], dtype=object), (1, 2), [0, 1, IGNORE]),
        (np.array(["a", "", "b"], dtype=object), ("a", "b"), [0, IGNORE, 1]),
        (np.array([True, False, True]), (0, 1), [1, 0, 1]),
        (
            np.array(["2024-01-01", "NaT", "2025-06-30"], "datetime64[D]"),
            ("2024-01-01", "2025-06-30"),
            [0, IGNORE, 1],
        ),
        (
            np.array(["2024-01-01", "NaT", "2025-06-30T12:30"], "datetime64[ms]"),
            ("2024-01-01T00:00:00", "2025-06-30T12:30:00"),
            [0, IGNORE, 1],
        ),
        (np.array([0.5, 1.5, np.nan]), ("0.5", "1.5"), [0, 1, IGNORE]),
    ],
    ids=[
        "null in numbers", "numbers for text", "text for numbers", "zeros before", "empty text",
        "booleans", "dates", "times", "fractions",
    ],
)  # fmt: skip
def test_values_are_those_of_settings(
    tmp_path: Path, column: np.ndarray, values: tuple[Any, ...], expected: list[int]
) -> None:
    assert read(table(tmp_path / "a.gpkg", column), *values)[:3] == expected


@pytest.mark.parametrize(
    "kinds",
    [
        (QUPATH, {"name": "Stroma", "color": [0, 200, 0]}, None),
        ('{"name": "Tumor", "colorRGB": -3670016}', '{ "name" : "Stroma" }', ""),
        ("{'name': 'Tumor', 'color': [200, 0, 0]}", "{'name': 'Stroma'}", None),
        ("Tumor", "Stroma", None),
        ({"names": ["Tumor"]}, {"names": ["Stroma"]}, {"name": None}),
    ],
    ids=["objects", "text", "python", "plain", "names"],
)
def test_classifications_of_qupath(tmp_path: Path, kinds: tuple[Any, ...]) -> None:
    path = properties(tmp_path / "a.geojson", *kinds)
    assert read(path, "Tumor", "Stroma")[:3] == [0, 1, IGNORE]
    survey = survey_labels([str(path)], "kind")
    assert set(survey.counts) == {"Tumor", "Stroma"}


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (
            {"color": [200, 0, 0]},
            {"colorRGB": -16711936},
            {"Tumor": "#C80000", "Stroma": "#00FF00"},
        ),
        ({"color": [200, 0, 0]}, {}, {"Tumor": "#C80000"}),
        ({"color": [200, 0, 0]}, {"color": [200, 0, 0]}, {}),
        ({"color": [200, 0, 256]}, {"color": "red"}, {}),
    ],
    ids=["both", "one", "equal", "garbled"],
)
def test_classes_keep_the_colours_of_qupath(
    tmp_path: Path, first: Any, second: Any, expected: dict[str, str]
) -> None:
    kinds = ({"name": "Tumor", **first}, {"name": "Stroma", **second}, None)
    path = properties(tmp_path / "a.geojson", *kinds)
    assert survey_labels([str(path)], "kind").colours == expected


@pytest.mark.parametrize("archived", [False, True])
def test_a_bare_array_of_features_is_read(tmp_path: Path, archived: bool) -> None:
    """As `GsonTools` of QuPath writes a list of annotations, with a byte-order mark and blanks."""
    path = properties(tmp_path / "a.geojson", QUPATH, {"name": "Stroma"})
    features = json.dumps(json.loads(path.read_text())["features"], indent=1)
    path.write_text(f"\ufeff\n {features}\n")
    if archived:
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            archive.write(path, "a.geojson")
        path = tmp_path / "a.zip"
    assert read(f"{path}|crs=EPSG:32633", "Tumor", "Stroma")[:3] == [0, 1, IGNORE]


@pytest.mark.parametrize(("text", "said"), [("[ ]", "no features"), ("[1]", "no vector file")])
def test_arrays_without_features_are_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "a.geojson"
    path.write_text(text)
    with pytest.raises(SourceError, match=said):
        read(path, "Tumor", "Stroma")


def test_subclasses_and_keys_of_json(tmp_path: Path) -> None:
    kinds = ({"names": ["Tumor", "Positive"]}, {"name": "Tumor", "grade": 3})
    path = properties(tmp_path / "a.geojson", *kinds)
    assert read(path, "Tumor: Positive", "Tumor")[:2] == [0, 1]
    layers = survey_labels([str(path)], "kind.grade")
    assert set(layers.counts) == {3}


def test_all_layers_with_the_attribute_are_labels(tmp_path: Path) -> None:
    path = tmp_path / "a.gpkg"
    for number, name in enumerate(("one", "two", "notes")):
        source = write_polygons(tmp_path / f"{name}.gpkg", [SHAPES[number]])
        wkb = pytest.importorskip("pyogrio").raw.read(source)[2][0]
        columns = {"remark": ["-"]} if name == "notes" else {"kind": [name]}
        layer(path, wkb, name=name, crs="EPSG:32633", **columns)
    given = classes("one", "two", attribute="kind")
    labels = open_labels(str(path), given, image_info(20, 30))
    assert labels.read(Window(0, 0, 1, 6))[0].tolist() == [0, -1, 1, -1, -1, -1]
    assert isinstance(labels, VectorLabels)
    (line,) = tell([labels.reading])
    assert line.endswith(
        "layers one, two are read; notes is not, it has no attribute 'kind'; "
        f"one alone: {path}|layername=one"
    )
    assert read(Path(f"{path}|layername=two"), "one", "two")[:3] == [IGNORE, 1, IGNORE]
    assert read(path, "one", "two", layer="one")[:3] == [0, IGNORE, IGNORE]
    with pytest.raises(SourceError, match=r"no attribute 'kind'; it has remark"):
        read(Path(f"{path}|layername=notes"), "one", "two")


def test_an_image_without_polygons_is_background_where_one_is_named(tmp_path: Path) -> None:
    far = write_polygons(tmp_path / "far.gpkg", [shapely.box(500, 500, 510, 510)], ["x"])
    empty = geojson(tmp_path / "empty.geojson")
    for path in (far, empty):
        assert read(path, "none", "x", background="class 0") == [0] * 6
        with pytest.raises(SourceError, match=r"labels\.background"):
            read(path, "none", "x")


def test_a_file_that_touches_no_image_at_all_is_refused(tmp_path: Path) -> None:
    far = write_polygons(tmp_path / "far.gpkg", [shapely.box(500, 500, 510, 510)], ["x"])
    near = table(tmp_path / "near.gpkg", np.array(["x"]))
    empty = geojson(tmp_path / "empty.geojson")
    given = classes("none", "x", attribute="kind", background="class 0")

    def reading(path: Path, where: int = 0) -> Any:
        from affine import Affine

        from tests.data.label_parts import TRANSFORM

        moved = TRANSFORM @ Affine.translation(where, 0)
        labels = open_labels(str(path), given, image_info(20, 30, moved))
        assert isinstance(labels, VectorLabels)
        return labels.reading

    assert tell_bare([reading(near), reading(near, 900), reading(empty), reading(near, 5000)]) == [
        "3 of 4 images have no polygon and are background throughout, such as image.tif"
    ]
    assert tell_bare([reading(empty)]) != []
    assert tell_bare([reading(near)]) == []
    with pytest.raises(SourceError, match=r"far\.gpkg misses the image.*nor any of 2 images"):
        tell_bare([reading(near), reading(far), reading(far)])


def test_values_that_are_missing_are_counted(tmp_path: Path) -> None:
    path = table(tmp_path / "a.gpkg", np.array(["a", None, "", "b"], dtype=object))
    labels = open_labels(str(path), classes("a", "b", attribute="kind"), image_info(20, 30))
    assert isinstance(labels, VectorLabels)
    assert tell([labels.reading]) == [
        f"{path}: polygons without a value of kind not learnt from: 2 (first: feature 2)"
    ]


@pytest.mark.parametrize(
    ("values", "counts"),
    [
        (np.array([1.0, np.nan, 2.0]), {1, 2}),
        (np.array(["2024-01-01", "NaT"], "datetime64[ms]"), {"2024-01-01"}),
        (np.array(["a", None, ""], dtype=object), {"a"}),
        (np.array([True, False, True]), {0, 1}),
    ],
    ids=["numbers", "dates", "text", "booleans"],
)  # fmt: skip
def test_a_survey_leaves_out_what_has_no_value(
    tmp_path: Path, values: np.ndarray, counts: set[Any]
) -> None:
    assert set(survey_labels([str(table(tmp_path / "a.gpkg", values))], "kind").counts) == counts


def test_a_survey_of_points_and_of_metres_is_refused(tmp_path: Path) -> None:
    points = geojson(tmp_path / "p.geojson", shapely.Point(15, 45), kind=["a"])
    with pytest.raises(SourceError, match=r"layer p holds points"):
        survey_labels([str(points)], "kind")
    metres = geojson(tmp_path / "m.geojson", shapely.box(5e5, 5e6, 5e5 + 9, 5e6 + 9), kind=["a"])
    with pytest.raises(SourceError, match=r"no degrees.*m\.geojson\|crs=EPSG"):
        survey_labels([str(metres)], "kind")
    assert set(survey_labels([f"{metres}|crs=EPSG:32633"], "kind").counts) == {"a"}
    nothing = geojson(tmp_path / "n.geojson", shapely.box(0, 0, 1, 1), kind=[None])
    with pytest.raises((SettingsError, SourceError), match=r"kind"):
        survey_labels([str(nothing)], "kind")

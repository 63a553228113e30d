"""Labels from polygons."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.data.label_parts import classes, image_info, write_polygons
from tilesegm.data.labels import open_labels
from tilesegm.data.patch import IGNORE
from tilesegm.errors import SettingsError, SourceError
from tilesegm.grid.window import Window
from tilesegm.source.polygons import Polygons

WHOLE = Window(0, 0, 20, 30)


def read(path: Path, *values: Any, **options: Any) -> np.ndarray:
    return open_labels(str(path), classes(*values, **options), image_info(20, 30)).read(WHOLE)


@pytest.mark.parametrize("crs", ["EPSG:32633", "EPSG:4326", "EPSG:3857"])
def test_attributes_become_classes_and_later_polygons_lie_above(tmp_path: Path, crs: str) -> None:
    shapes = [shapely.box(2, 3, 12, 10), shapely.box(8, 6, 20, 15), shapely.box(40, 40, 50, 50)]
    path = write_polygons(tmp_path / "a.gpkg", shapes, ["wood", "lake", "nowhere"], crs=crs)
    expected = np.full((20, 30), IGNORE)
    expected[3:10, 2:12] = 1
    expected[6:15, 8:20] = 0
    np.testing.assert_array_equal(read(path, "lake", "wood", attribute="kind"), expected)
    swapped = write_polygons(tmp_path / "b.gpkg", shapes[1::-1], ["lake", "wood"], crs=crs)
    expected[3:10, 2:12] = 1
    np.testing.assert_array_equal(read(swapped, "lake", "wood", attribute="kind"), expected)


def test_outside_is_the_background_where_one_is_named(tmp_path: Path) -> None:
    path = write_polygons(tmp_path / "a.shp", [shapely.box(2, 3, 12, 10)], [4])
    got = read(path, 0, 4, attribute="kind", background="class 0")
    assert (got == 1).sum() == 70
    assert (got == 0).sum() == 600 - 70
    # One class beside the background needs no attribute.
    np.testing.assert_array_equal(read(path, "none", "any", background="class 0"), got)


def test_all_touched_covers_every_pixel_that_is_touched(tmp_path: Path) -> None:
    path = write_polygons(tmp_path / "a.gpkg", [shapely.box(2.7, 3.7, 5.2, 6.2)], ["x"])
    centres = read(path, "x", "y", attribute="kind") == 0
    touched = read(path, "x", "y", attribute="kind", all_touched=True) == 0
    expected = np.zeros((20, 30), bool)
    expected[4:6, 3:5] = True
    np.testing.assert_array_equal(centres, expected)
    expected[3:7, 2:6] = True
    np.testing.assert_array_equal(touched, expected)


def test_values_that_settings_do_not_name(tmp_path: Path) -> None:
    shapes = [shapely.box(n, 0, n + 1, 1) for n in range(0, 12, 2)]
    values = ["a", "odd", "odd", "b", "", None]
    path = write_polygons(tmp_path / "a.gpkg", shapes, values)
    with pytest.raises(SourceError, match=r"kind holds 'odd' \(2 polygons\), which"):
        read(path, "a", "b", attribute="kind")
    got = read(path, "a", "b", attribute="kind", unknown="ignore")
    np.testing.assert_array_equal(got[0, :12:2], [0, IGNORE, IGNORE, 1, IGNORE, IGNORE])
    some = classes("a", "b", attribute="kind", ignore=("odd",))
    got = open_labels(str(path), some, image_info(20, 30)).read(WHOLE)
    np.testing.assert_array_equal(got[0, :12:2], [0, IGNORE, IGNORE, 1, IGNORE, IGNORE])


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    path = write_polygons(tmp_path / "a.gpkg", [shapely.box(2, 3, 12, 10)], ["x"])
    with pytest.raises(SettingsError, match=r"labels\.attribute is missing"):
        read(path, "x", "y")
    with pytest.raises(SourceError, match="no attribute 'sort'; it has kind"):
        read(path, "x", "y", attribute="sort")
    with pytest.raises(SourceError, match=r"a\.gpkg cannot be read.*absent"):
        read(path, "x", "y", attribute="kind", layer="absent")
    far = write_polygons(tmp_path / "b.gpkg", [shapely.box(50, 50, 60, 60)], ["x"])
    with pytest.raises(SourceError, match="misses the image"):
        read(far, "x", "y", attribute="kind")
    with pytest.raises(SourceError, match="no georeference"):
        open_labels(str(path), classes("x", "y", attribute="kind"), image_info(20, 30, None))


def test_a_changed_file_is_read_anew_and_has_another_identity(tmp_path: Path) -> None:
    given = classes("x", "y", attribute="kind")
    path = write_polygons(tmp_path / "a.shp", [shapely.box(0, 0, 2, 2)], ["x"])
    before = open_labels(str(path), given, image_info(20, 30))
    # The attribute lies in a file of its own, the .dbf beside the shapes.
    write_polygons(path, [shapely.box(0, 0, 2, 2)], ["y"])
    after = open_labels(str(path), given, image_info(20, 30))
    assert before.identity != after.identity
    assert (before.read(WHOLE)[0, 0], after.read(WHOLE)[0, 0]) == (0, 1)


# Quarters of pixels lay many edges and corners exactly on centres, where rounding would show.
coordinate = st.integers(-40, 160).map(lambda n: n / 4) | st.floats(-10, 40)
triangle = st.lists(st.tuples(coordinate, coordinate), min_size=3, max_size=5, unique=True)


@settings(max_examples=60, deadline=None)
@given(
    rings=st.lists(triangle, min_size=1, max_size=5),
    row=st.integers(0, 29),
    col=st.integers(0, 29),
    size=st.tuples(st.integers(1, 30), st.integers(1, 30)),
    all_touched=st.booleans(),
    far=st.sampled_from([0, 500, 100_000]),  # blocks that are drawn at once end at 512
)
# Its edge passes exactly through corners of pixels.
@example(
    rings=[[(12.0, 17.0), (1.0, 5.0), (27.0, 26.0)]],
    row=20,
    col=7,
    size=(10, 15),
    all_touched=True,
    far=0,
)
def test_any_window_shows_its_part_of_the_whole(
    rings: list[list[tuple[float, float]]],
    row: int,
    col: int,
    size: tuple[int, int],
    all_touched: bool,
    far: int,
) -> None:
    shapes = shapely.transform([shapely.Polygon(ring) for ring in rings], lambda xy: xy + far)
    polygons = Polygons(shapes)
    values = np.arange(len(shapes), dtype=np.int32)
    whole = polygons.burn(Window(far, far, 30, 30), values, fill=IGNORE, all_touched=all_touched)
    part = Window(row, col, min(size[0], 30 - row), min(size[1], 30 - col))
    got = polygons.burn(part.shift(far, far), values, fill=IGNORE, all_touched=all_touched)
    np.testing.assert_array_equal(got, whole[part.slices])

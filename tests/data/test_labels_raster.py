"""Labels from rasters of ids and masks of colours, and their alignment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.enums import ColorInterp

from tests.data.label_parts import TRANSFORM, UTM, classes, image_info
from tests.images import write
from tilesegm.data.labels import open_labels
from tilesegm.data.labels.raster import RasterLabels
from tilesegm.data.labels.table import UNKNOWN, ValueTable
from tilesegm.data.patch import IGNORE
from tilesegm.data.settings import ClassSettings, LabelSettings
from tilesegm.errors import SourceError
from tilesegm.grid.window import Window
from tilesegm.source.open import open_source

PLACE = {"crs": UTM, "transform": TRANSFORM}


def read(path: Path, label_settings: LabelSettings, transform: Any = TRANSFORM) -> np.ndarray:
    """Read whole labels of an image of 2 x 3 pixels."""
    labels = open_labels(str(path), label_settings, image_info(2, 3, transform))
    try:
        assert (labels.height, labels.width) == (2, 3)
        return labels.read(Window(0, 0, 2, 3))
    finally:
        labels.close()


@pytest.mark.parametrize(
    "dtype", ["uint8", "int8", "uint16", "int16", "int32", "uint32", "float64"]
)
def test_ids_of_any_dtype_become_classes(tmp_path: Path, dtype: str) -> None:
    values = np.array([[3, 3, 7], [9, 5, 100]], dtype)
    path = write(tmp_path / "ids.tif", values, nodata=100, **PLACE)
    got = read(path, classes(7, (3, 5), ignore=(9,)))
    np.testing.assert_array_equal(got, [[1, 1, 0], [IGNORE, 1, IGNORE]])
    assert got.dtype == np.int32


def test_negative_ids_are_ids(tmp_path: Path) -> None:
    path = write(tmp_path / "ids.tif", np.array([[-1, 0, 1]] * 2, np.int16), **PLACE)
    np.testing.assert_array_equal(read(path, classes(0, -1, 1)), [[1, 0, 2]] * 2)


def test_unknown_values_are_counted_over_the_whole_file(tmp_path: Path) -> None:
    values = np.zeros((40, 50), np.uint8)
    values[:, 49], values[0, 0], values[5, 5] = 7, 9, 200
    path = write(tmp_path / "ids.tif", values, nodata=200, **PLACE)
    info, small = image_info(40, 50), Window(0, 0, 4, 4)
    labels = open_labels(str(path), classes(0, 1), info)
    with pytest.raises(SourceError, match=r"7 \(40 pixels\), 9 \(1 pixels\); add them") as caught:
        labels.read(small)
    assert "\n" not in str(caught.value)
    assert labels.survey() == {0: 40 * 50 - 42, 7: 40, 9: 1}
    assert (labels.read(Window(1, 1, 3, 3)) == 0).all()
    lenient = open_labels(str(path), classes(0, 1, unknown="ignore"), info)
    assert lenient.read(small)[0, 0] == IGNORE
    assert (lenient.read(small) == 0).sum() == 15


RED, BLUE = (255, 0, 0), (0, 0, 255)
COLOURED = np.array([[RED, BLUE, RED], [RED, RED, (1, 2, 3)]], np.uint8)


def test_colours_become_classes(tmp_path: Path) -> None:
    path = write(tmp_path / "mask.png", COLOURED, driver="PNG")
    got = read(path, classes("#0000ff", "#FF0000", ignore=("#010203",)), None)
    np.testing.assert_array_equal(got, [[1, 0, 1], [1, 1, IGNORE]])
    with pytest.raises(SourceError, match=r"#010203 \(1 pixels\)"):
        read(path, classes("#0000ff", "#FF0000"), None)


def test_transparent_pixels_are_not_labels(tmp_path: Path) -> None:
    alpha = np.array([[255, 255, 0], [255, 1, 0]], np.uint8)
    path = write(tmp_path / "mask.png", np.dstack([COLOURED, alpha]), driver="PNG")
    got = read(path, classes("#0000FF", "#FF0000"), None)
    np.testing.assert_array_equal(got, [[1, 0, IGNORE], [1, 1, IGNORE]])


def palette_file(path: Path) -> Path:
    profile = {"driver": "GTiff", "count": 1, "height": 2, "width": 3, "dtype": "uint8", **PLACE}
    with rasterio.open(path, "w", **profile) as file:
        file.write(np.array([[0, 1, 0], [0, 0, 2]], np.uint8), 1)
        file.write_colormap(1, {0: (*RED, 255), 1: (*BLUE, 255), 2: (1, 2, 3, 255)})
        file.colorinterp = [ColorInterp.palette]
    return path


def test_a_palette_serves_as_colours_and_as_ids(tmp_path: Path) -> None:
    path = palette_file(tmp_path / "mask.tif")
    by_colour = read(path, classes("#0000FF", "#FF0000", ignore=("#010203",)))
    np.testing.assert_array_equal(by_colour, [[1, 0, 1], [1, 1, IGNORE]])
    np.testing.assert_array_equal(read(path, classes(0, 1, 2)), [[0, 1, 0], [0, 0, 2]])


def test_grey_is_a_colour_too(tmp_path: Path) -> None:
    path = write(tmp_path / "mask.png", np.array([[0, 255, 0]] * 2, np.uint8), driver="PNG")
    np.testing.assert_array_equal(read(path, classes("#000000", "#FFFFFF"), None), [[0, 1, 0]] * 2)


@pytest.mark.parametrize(
    ("pixels", "values", "words"),
    [
        (COLOURED, (0, 1), "3 bands, but classes are given as ids"),
        (COLOURED, ("#FF0000", 1), "one or the other"),
        (COLOURED, ("water", "land"), "'water' is neither"),
        (COLOURED.astype("uint16"), ("#FF0000", "#0000FF"), "colours are 8-bit"),
        (COLOURED[..., 0].astype("uint16"), ("#FF0000", "#0000FF"), "without a table of colours"),
        (COLOURED[..., :2], ("#FF0000", "#0000FF"), "2 bands; a mask of colours has 3"),
    ],
)
def test_values_that_the_file_cannot_hold_are_refused(
    tmp_path: Path, pixels: np.ndarray, values: tuple[Any, ...], words: str
) -> None:
    path = write(tmp_path / "mask.tif", pixels, **PLACE)
    with pytest.raises(SourceError, match=words):
        read(path, classes(*values))


@given(
    st.sampled_from(["uint8", "int8", "uint16", "int16", "int32", "int64", "float32"]),
    st.dictionaries(st.integers(-300, 300), st.integers(-1, 5), max_size=6),
    st.lists(st.integers(-128, 127), min_size=1, max_size=30),
)
def test_looking_up_is_that_of_a_dictionary(
    dtype: str, known: dict[int, int], values: list[int]
) -> None:
    array = np.array(values, np.int64).astype(dtype)
    expected = [known.get(int(value), UNKNOWN) for value in array]
    np.testing.assert_array_equal(ValueTable(known).look_up(array), expected)


# -- alignment ---------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(
    factor=st.sampled_from([1, 2, 5]),
    shift=st.tuples(st.integers(-15, 15), st.integers(-15, 15)),
    window=st.tuples(st.integers(0, 19), st.integers(0, 29)),
    with_nodata=st.booleans(),
)
def test_a_shifted_and_finer_grid_is_read_by_nearest_neighbour(
    tmp_path_factory: pytest.TempPathFactory,
    factor: int,
    shift: tuple[int, int],
    window: tuple[int, int],
    with_nodata: bool,
) -> None:
    """Labels of pixels ``factor`` times finer, moved by whole fine pixels, against indexing."""
    side = (24 * factor + 3, 31 * factor + 1)
    values = np.random.default_rng(factor).integers(1, 200, side).astype(np.uint8)
    fine = 10 / factor
    at = Affine(fine, 0, TRANSFORM.c + shift[1] * fine, 0, -fine, TRANSFORM.f - shift[0] * fine)
    path = tmp_path_factory.mktemp("fine") / "labels.tif"
    nodata = {"nodata": 0} if with_nodata else {}
    write(path, values, crs=UTM, transform=at, **nodata)
    labels = open_labels(str(path), classes(*range(200)), image_info(20, 30))
    part = Window(*window, 20 - window[0], 30 - window[1])
    got = labels.read(part)
    labels.close()
    # The fine pixel that holds the centre of the image's pixel; at a corner the one after it.
    rows = (np.arange(20) * 2 + 1) * factor // 2 - shift[0]
    cols = (np.arange(30) * 2 + 1) * factor // 2 - shift[1]
    inside = ((rows >= 0) & (rows < side[0]))[:, None] & ((cols >= 0) & (cols < side[1]))
    expected = values[np.clip(rows, 0, side[0] - 1)[:, None], np.clip(cols, 0, side[1] - 1)]
    expected = np.where(inside, expected.astype(int), IGNORE)
    np.testing.assert_array_equal(got, expected[part.slices])


def test_colours_and_palettes_survive_alignment(tmp_path: Path) -> None:
    wide = image_info(4, 5, TRANSFORM @ Affine.translation(-1, -1))
    for path in (palette_file(tmp_path / "a.tif"), write(tmp_path / "b.tif", COLOURED, **PLACE)):
        labels = open_labels(str(path), classes("#0000FF", "#FF0000", "#010203"), wide)
        expected = np.full((4, 5), IGNORE)
        expected[1:3, 1:4] = [[1, 0, 1], [1, 1, 2]]
        np.testing.assert_array_equal(labels.read(Window(0, 0, 4, 5)), expected)


def test_another_coordinate_system_is_led_over(tmp_path: Path) -> None:
    """A field of four quarters, in degrees, comes back as quarters of the image."""
    info = image_info(40, 60)
    west, south, east, north = rasterio.warp.transform_bounds(
        UTM, "EPSG:4326", TRANSFORM.c, TRANSFORM.f - 400, TRANSFORM.c + 600, TRANSFORM.f
    )
    quarters = np.kron([[1, 2], [3, 4]], np.ones((200, 300))).astype(np.int16)
    at = rasterio.transform.from_bounds(west, south, east, north, 600, 400)
    path = write(tmp_path / "degrees.tif", quarters, crs="EPSG:4326", transform=at)
    got = open_labels(str(path), classes(1, 2, 3, 4), info).read(Window(0, 0, 40, 60))
    expected = np.kron([[0, 1], [2, 3]], np.ones((20, 30)))
    # The grids are turned against each other by less than a degree.
    assert (got == expected)[2:-2, 2:-2].mean() > 0.97
    np.testing.assert_array_equal(got[[5, 5, 35, 35], [5, 55, 5, 55]], [0, 1, 2, 3])


def test_labels_without_georeference_lie_pixel_on_pixel(tmp_path: Path) -> None:
    path = write(tmp_path / "ids.png", np.array([[0, 1, 0]] * 2, np.uint8), driver="PNG")
    np.testing.assert_array_equal(read(path, classes(0, 1)), [[0, 1, 0]] * 2)


FAR = TRANSFORM @ Affine.translation(1000, 0)


@pytest.mark.parametrize(
    ("shape", "place", "image", "words"),
    [
        ((2, 4), {}, TRANSFORM, r"2 x 4 pixels and the image 2 x 3, and .*ids.tif has no georef"),
        ((2, 4), PLACE, None, r"image.tif has no georeference"),
        ((3, 2), {}, None, r"a photo is read upright"),
        ((2, 3), {"crs": UTM, "transform": FAR}, TRANSFORM, "no pixel in common"),
        ((9, 9), {"crs": "EPSG:4326", "transform": Affine(1, 0, 90, 0, -1, 45)}, TRANSFORM, "no p"),
    ],
)
def test_labels_elsewhere_are_refused_with_the_reason(
    tmp_path: Path, shape: tuple[int, int], place: Any, image: Any, words: str
) -> None:
    path = write(tmp_path / "ids.tif", np.zeros(shape, np.uint8), **place)
    with pytest.raises(SourceError, match=words):
        read(path, classes(0, 1), image)


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    for name in ("absent.tif", "absent.gpkg"):
        with pytest.raises(SourceError, match=name):
            read(tmp_path / name, classes(0, 1))


def test_a_background_that_is_nodata_is_read_when_asked(tmp_path: Path) -> None:
    mask = np.zeros((40, 50), np.uint8)
    mask[10:20] = 1
    path = str(write(tmp_path / "mask.tif", mask, nodata=0, **PLACE))
    names = (ClassSettings("land", 0), ClassSettings("house", 1))
    info = open_source(path).info
    whole = Window(0, 0, 40, 50)
    labels = open_labels(path, LabelSettings(names), info)
    assert isinstance(labels, RasterLabels)
    assert (labels.read(whole) == np.where(mask, 1, IGNORE)).all()
    (note,) = labels.hidden()
    assert "nodata 0 hides 1,500 pixels (75.0%); labels.nodata: none reads them" in note
    labels = open_labels(path, LabelSettings(names, nodata="none"), info)
    assert isinstance(labels, RasterLabels)
    assert (labels.read(whole) == mask).all()
    assert "labels.nodata is none" in labels.hidden()[0]

"""A sheet holds every panel once, below its title, and names every colour."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFont

from tilesegm.classes import ClassInfo
from tilesegm.errors import OutputError
from tilesegm.pictures.png import encode_png, write_png
from tilesegm.pictures.sheet import GAP, Panel, draw_sheet

CLASSES = (ClassInfo("red things", (220, 20, 10)), ClassInfo("blue things", (10, 40, 200)))


def flat(title: str, colour: int, height: int = 64, width: int = 64) -> Panel:
    return Panel(title, np.full((height, width, 3), colour, np.uint8))


def box(sheet: NDArray[np.uint8], colour: int) -> tuple[int, int, int, int]:
    """Top, left, bottom and right of the pixels of one grey."""
    rows, cols = np.nonzero((sheet == colour).all(-1))
    return int(rows.min()), int(cols.min()), int(rows.max()) + 1, int(cols.max()) + 1


def ink(sheet: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return np.asarray((sheet < 90).all(-1))


def test_panels_lie_in_rows() -> None:
    sheet = draw_sheet(
        [[flat("a", 101), flat("b", 102, 40, 90)], [flat("c", 103, 50), flat("d", 104)]], ()
    )
    places = [box(sheet, colour) for colour in (101, 102, 103, 104)]
    sizes = [(bottom - top, right - left) for top, left, bottom, right in places]
    assert sizes == [(64, 64), (40, 90), (50, 64), (64, 64)]
    (a, b, c, d) = places
    assert a[0] == b[0] < c[0] == d[0]
    assert a[1] == c[1] < b[1] == d[1]
    assert b[1] - a[3] >= GAP
    assert c[0] - a[2] >= GAP


@pytest.mark.parametrize("title", ["12: augmented", "a name much longer than a small picture"])
@pytest.mark.parametrize("side", [8, 64, 256])
def test_titles_lie_apart(title: str, side: int) -> None:
    panels = [flat(title, 101 + number, side, side) for number in range(3)]
    sheet = draw_sheet([panels], ())
    places = [box(sheet, 101 + number) for number in range(3)]
    written = ink(sheet)[: places[0][0]].any(0)
    for (_, left, _, _), following in zip(places, [*places[1:], (0, sheet.shape[1])], strict=True):
        columns = np.flatnonzero(written[left : following[1]])
        assert columns.min() < 6, "a title begins where its panel does"
        assert columns.max() < following[1] - left - GAP, "and ends before the next"


def test_short_titles_of_small_panels_are_whole() -> None:
    sheet = draw_sheet([[flat("12: augmented", 101, 16, 16)]], ())
    width = ImageFont.load_default(13).getlength("12: augmented")
    assert np.flatnonzero(ink(sheet)[: box(sheet, 101)[0]].any(0)).max() == pytest.approx(
        GAP + width, abs=4
    )


@pytest.mark.parametrize("count", [1, 30])
def test_the_legend_wraps(count: int) -> None:
    classes = [ClassInfo(f"class {number}", (number, 99, 9)) for number in range(count)]
    sheet = draw_sheet([[flat("a", 200, 20, 300)]], classes)
    assert sheet.shape[1] == 300 + 2 * GAP
    for info in classes:
        rows, cols = np.nonzero((sheet == info.colour).all(-1))
        assert len(rows) > 60
        assert cols.max() < sheet.shape[1] - GAP
    assert (sheet[-2:] == 255).all()


def test_long_entries_widen_the_sheet() -> None:
    name = "a class with a name that takes more than the width of a panel"
    sheet = draw_sheet([[flat("a", 200, 20, 20)]], [ClassInfo(name, (1, 99, 9))])
    assert sheet.shape[1] > ImageFont.load_default(13).getlength(name)
    assert (sheet[:, -2:] == 255).all()


def test_a_note_stands_at_the_bottom() -> None:
    panels = [[flat("a", 200)]]
    plain, noted = draw_sheet(panels, CLASSES), draw_sheet(panels, CLASSES, "and 3 more scenes")
    assert noted.shape[0] > plain.shape[0]
    assert ink(noted)[plain.shape[0] - GAP :].any()


def test_a_picture_is_written_whole(tmp_path: Path) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    path = write_png(tmp_path / "new" / "a.png", rgb)
    assert path.read_bytes() == encode_png(rgb)
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        np.testing.assert_array_equal(np.asarray(picture), rgb)
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write"):
        write_png(tmp_path / "file" / "a.png", rgb)

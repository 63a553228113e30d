"""A sheet of windows shows what is in them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFont

from tests.data.augment_parts import noise_patch
from tilesegm.classes import ClassInfo
from tilesegm.data.patch import IGNORE, Patch, Sample
from tilesegm.data.preview import Display, PreviewWindow, before_and_after, draw_preview
from tilesegm.errors import InputError, OutputError

CLASSES = (ClassInfo("sea", (0, 0, 250)), ClassInfo("land", (250, 0, 0)))
DISPLAY = Display(CLASSES, (0, 0, 0), (200, 200, 200))


def window(side: int = 20, *, weights: NDArray[np.float32] | None = None) -> Patch:
    """Grey everywhere; sea above, land below."""
    labels = np.zeros((side, side), np.int32)
    labels[side // 2 :] = 1
    return Patch(
        np.full((side, side, 3), 100, np.uint16), np.ones((side, side), np.bool_), labels, weights
    )


def opened(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        return np.asarray(picture.convert("RGB"))


def places(sheet: NDArray[np.uint8], part: NDArray[np.uint8]) -> list[tuple[int, int]]:
    """Upper left corners at which a picture lies in a sheet."""
    views = np.lib.stride_tricks.sliding_window_view(sheet, part.shape)[:, :, 0]
    found = (views == part).all((2, 3, 4))
    return [(int(row), int(column)) for row, column in np.argwhere(found)]


def test_values_are_stretched_between_low_and_high() -> None:
    pixels = np.float32([[-5, 0, 100, 200, 400]])[..., None] * np.ones(3, np.float32)
    valid = np.array([[True] * 4 + [False]])
    patch = Patch(pixels, valid, np.where(valid, 0, IGNORE).astype(np.int32))
    drawn = Display(CLASSES, (0, 0, 0), (200, 100, 400)).image(patch)
    np.testing.assert_array_equal(drawn[0, :, 0], [0, 0, 128, 255, 255])
    np.testing.assert_array_equal(drawn[0, :, 1], [0, 0, 255, 255, 255])
    np.testing.assert_array_equal(drawn[0, :, 2], [0, 0, 64, 128, 255])


@pytest.mark.parametrize(
    ("bands", "shown", "drawn"),
    [
        (1, None, (0, 0, 0)),
        (2, None, (0, 0, 0)),
        (8, None, (0, 1, 2)),
        (8, (4, 2, 1), (4, 2, 1)),
        (8, (7,), (7, 7, 7)),
    ],
)
def test_bands_that_are_shown(
    bands: int, shown: tuple[int, ...] | None, drawn: tuple[int, ...]
) -> None:
    patch = noise_patch(4, bands)
    picture = Display(CLASSES, (0,) * bands, (255,) * bands, shown).image(patch)
    np.testing.assert_array_equal(picture, patch.pixels[..., drawn])


def test_labels_are_coloured_and_the_rest_is_striped() -> None:
    patch = window()
    patch.labels[:, 10:] = IGNORE
    drawn = DISPLAY.labels(patch).astype(int)
    grey = 0.4 * 128
    np.testing.assert_allclose(drawn[0, 0], [grey, grey, grey + 150], atol=1)
    np.testing.assert_allclose(drawn[-1, 0], [grey + 150, grey, grey], atol=1)
    assert np.ptp(drawn[:, 10:], axis=-1).max() < 8  # no class colour, and two greys
    assert len(np.unique(drawn[:, 10:].reshape(-1, 3), axis=0)) == 2


def test_a_sheet_holds_every_window_once(tmp_path: Path) -> None:
    patches = [noise_patch(16, seed=seed) for seed in range(6)]
    plain = [
        Patch(patch.pixels, patch.valid, np.maximum(patch.labels, 0) // 2) for patch in patches
    ]
    rows = [[PreviewWindow(f"{at}", plain[at]) for at in part] for part in ((0, 1, 2, 3), (4, 5))]
    path = draw_preview(rows, tmp_path / "new" / "sheet.png", DISPLAY)
    sheet = opened(path)
    corners = []
    for patch in plain:
        ((row, column),) = places(sheet, DISPLAY.image(patch))
        assert places(sheet, DISPLAY.labels(patch)) == [(row + 16, column)]
        corners.append((row, column))
    tops, lefts = zip(*corners, strict=True)
    assert len(set(tops[:4])) == len(set(tops[4:])) == 1
    assert tops[4] > tops[0] + 32
    assert lefts[:2] == lefts[4:]
    assert list(lefts[:4]) == sorted(lefts[:4])


def test_captions_of_small_windows_lie_apart(tmp_path: Path) -> None:
    patches = [noise_patch(16, seed=seed) for seed in range(2)]
    plain = [Patch(patch.pixels, patch.valid, np.zeros((16, 16), np.int32)) for patch in patches]
    captions = ["12: as it is", "12: augmented"]
    row = [PreviewWindow(*pair) for pair in zip(captions, plain, strict=True)]
    sheet = opened(draw_preview([row], tmp_path / "sheet.png", DISPLAY))
    lefts = [places(sheet, DISPLAY.image(patch))[0][1] for patch in plain]
    ends = [*lefts[1:], sheet.shape[1]]
    for caption, left, end in zip(captions, lefts, ends, strict=True):
        assert left + ImageFont.load_default(12).getlength(caption) + 4 < end
        # What is written begins where the window does.
        assert (sheet[:18, left : left + 6] < 128).any()


def test_weights_are_shown_where_they_differ(tmp_path: Path) -> None:
    weights = np.ones((20, 20), np.float32)
    rows = [[PreviewWindow("one", window(weights=weights))]]
    even = opened(draw_preview(rows, tmp_path / "even.png", DISPLAY))
    weights[3:5, 3:5] = 5
    uneven = opened(draw_preview(rows, tmp_path / "uneven.png", DISPLAY))
    assert uneven.shape[0] - even.shape[0] == 20
    grey = np.repeat(np.rint(weights / 5 * 255).astype(np.uint8)[..., None], 3, -1)
    assert len(places(uneven, grey)) == 1
    assert not places(even, grey)


def test_samples_are_drawn_in_their_own_units(tmp_path: Path) -> None:
    labels = np.zeros((8, 8), np.int32)
    pixels = np.linspace(-1, 1, 8 * 8 * 3, dtype=np.float32).reshape(8, 8, 3)
    sample = Sample(pixels, labels, np.ones((8, 8), np.float32))
    changed = Sample(pixels[::-1], labels, np.ones((8, 8), np.float32))
    display = Display(CLASSES, (-1,) * 3, (1,) * 3)
    rows = before_and_after(lambda number: sample, lambda number: changed, 2)
    assert [[item.caption for item in row] for row in rows] == [
        ["0: as it is", "0: augmented", "1: as it is", "1: augmented"],
        ["2: as it is", "2: augmented", "3: as it is", "3: augmented"],
    ]
    sheet = opened(draw_preview(rows, tmp_path / "sheet.png", display))
    assert len(places(sheet, display.image(sample))) == 4
    assert len(places(sheet, display.image(changed))) == 4


def test_many_classes_take_several_lines(tmp_path: Path) -> None:
    few = opened(draw_preview([[PreviewWindow("a", window())]], tmp_path / "few.png", DISPLAY))
    many = Display([ClassInfo(f"class {at}", (at, 9, 9)) for at in range(30)], (0,), (1,))
    sheet = opened(draw_preview([[PreviewWindow("a", window())]], tmp_path / "many.png", many))
    assert sheet.shape[0] > few.shape[0] + 10 * 20
    for at in range(30):
        assert (sheet == (at, 9, 9)).all(-1).any()


def test_what_cannot_be_drawn_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least one row"):
        draw_preview([[]], tmp_path / "sheet.png", DISPLAY)
    with pytest.raises(InputError, match="low has 3 bands and high 2"):
        Display(CLASSES, (0, 0, 0), (1, 1))
    for shown in ((0, 1), (0, 1, 3), (-1,)):
        with pytest.raises(InputError, match="pass one or three from 0 to 2"):
            Display(CLASSES, (0, 0, 0), (1, 1, 1), shown)
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write"):
        draw_preview([[PreviewWindow("a", window())]], tmp_path / "file" / "a.png", DISPLAY)

"""A sheet of windows shows what is in them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tilesegm.classes import ClassInfo
from tilesegm.data.patch import IGNORE, Sample
from tilesegm.data.preview import Display, PreviewWindow, before_and_after, draw_preview
from tilesegm.errors import InputError, OutputError
from tilesegm.model.normalisation import Normalisation
from tilesegm.pictures.rendering import Rendering

CLASSES = (ClassInfo("sea", (0, 0, 250)), ClassInfo("land", (250, 0, 0)))
DISPLAY = Display(CLASSES, (0, 0, 0), (200, 200, 200))


def window(seed: int | None = None, side: int = 20) -> Sample:
    """Grey everywhere, or noise; sea above, land below."""
    pixels = np.full((side, side, 3), 100, np.float32)
    if seed is not None:
        pixels = np.random.default_rng(seed).uniform(0, 200, pixels.shape).astype(np.float32)
    labels = np.zeros((side, side), np.int32)
    labels[side // 2 :] = 1
    return Sample(pixels, labels, np.ones((side, side), np.float32))


def opened(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        return np.asarray(picture.convert("RGB"))


def places(sheet: NDArray[np.uint8], part: NDArray[np.uint8]) -> list[tuple[int, int]]:
    """Upper left corners at which a picture lies in a sheet."""
    views = np.lib.stride_tricks.sliding_window_view(sheet, part.shape)[:, :, 0]
    found = (views == part).all((2, 3, 4))
    return [(int(row), int(column)) for row, column in np.argwhere(found)]


def test_labels_are_coloured_and_the_rest_is_striped() -> None:
    sample = window()
    sample.labels[:, 10:] = IGNORE
    drawn = DISPLAY.labels(sample).astype(int)
    grey = 0.4 * 128
    np.testing.assert_allclose(drawn[0, 0], [grey, grey, grey + 150], atol=1)
    np.testing.assert_allclose(drawn[-1, 0], [grey + 150, grey, grey], atol=1)
    assert np.ptp(drawn[:, 10:], axis=-1).max() < 8  # no class colour, and two greys
    assert len(np.unique(drawn[:, 10:].reshape(-1, 3), axis=0)) == 2


def test_a_sheet_holds_every_window_once(tmp_path: Path) -> None:
    samples = [window(seed, 16) for seed in range(6)]
    rows = [[PreviewWindow(f"{at}", samples[at]) for at in part] for part in ((0, 1, 2, 3), (4, 5))]
    path = draw_preview(rows, tmp_path / "new" / "sheet.png", DISPLAY)
    sheet = opened(path)
    corners = []
    for sample in samples:
        ((row, column),) = places(sheet, DISPLAY.image(sample))
        assert places(sheet, DISPLAY.labels(sample)) == [(row + 16, column)]
        corners.append((row, column))
    tops, lefts = zip(*corners, strict=True)
    assert len(set(tops[:4])) == len(set(tops[4:])) == 1
    assert tops[4] > tops[0] + 32
    assert lefts[:2] == lefts[4:]
    assert list(lefts[:4]) == sorted(lefts[:4])


def test_weights_are_shown_where_they_differ(tmp_path: Path) -> None:
    sample = window()
    rows = [[PreviewWindow("one", sample), *(PreviewWindow("", window()) for _ in range(3))]]
    even = opened(draw_preview(rows, tmp_path / "even.png", DISPLAY))
    weights = sample.weights
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


def test_what_cannot_be_drawn_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least one row"):
        draw_preview([[]], tmp_path / "sheet.png", DISPLAY)
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write"):
        draw_preview([[PreviewWindow("a", window())]], tmp_path / "file" / "a.png", DISPLAY)


def test_windows_look_as_their_image_does_before_normalisation(tmp_path: Path) -> None:
    pixels = np.random.default_rng(3).integers(0, 200, (16, 16, 4)).astype(np.uint8)
    normalisation = Normalisation((10.0, 20.0, 30.0, 40.0), (0.5, 0.25, 0.125, 2.0))
    rendering = Rendering.of([(pixels, None)], ["blue", "green", "red", "nir"])
    seen = (pixels - np.float32(normalisation.offset)) * np.float32(normalisation.scale)
    sample = Sample(seen, np.zeros((16, 16), np.int32), np.ones((16, 16), np.float32))
    display = Display.of(CLASSES, rendering, normalisation)
    np.testing.assert_array_equal(display.image(sample), pixels[..., [2, 1, 0]])
    # Each window is drawn as its own image is.
    other = window(1, 16)
    (row,) = before_and_after(
        lambda number: (sample, other)[number],
        lambda number: (sample, other)[number],
        rows=1,
        display=lambda number: (display, None)[number],
    )
    sheet = opened(draw_preview([row], tmp_path / "a.png", DISPLAY))
    assert len(places(sheet, display.image(sample))) == 2
    assert len(places(sheet, DISPLAY.image(other))) == 2

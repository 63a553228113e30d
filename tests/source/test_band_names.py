"""Pictures show red as red where an image names its bands."""

from __future__ import annotations

import numpy as np
import pytest

from tests.data.test_preview import CLASSES
from tilesegm.data.patch import Sample
from tilesegm.data.preview import Display
from tilesegm.source.band_names import visible_bands


@pytest.mark.parametrize(
    ("names", "drawn"),
    [
        (("blue", "green", "red", "nir"), [2, 1, 0]),
        (("Blue (490 nm)", "Green", "Red_Edge 1", "RED"), [3, 1, 0]),
        ([f"S2B_L1C_20181013_B0{n}" for n in range(1, 9)], [3, 2, 1]),
        (("rededge", "green", "blue"), [0, 1, 2]),
        (("near red", "green", "blue", "nir"), [0, 1, 2]),
        (("B2", "B3", "B4"), [0, 1, 2]),
        (("blue",), [0]),
        ((), [0, 1, 2]),
    ],
)
def test_colours_are_found_by_name(names: tuple[str, ...], drawn: list[int]) -> None:
    assert visible_bands(names, len(names) or 4) == drawn


def test_names_of_other_bands_are_not_used() -> None:
    assert visible_bands(("blue", "green", "red"), 4) == [0, 1, 2]
    assert visible_bands((), 2) == [0]


def test_windows_are_drawn_in_the_colours_of_their_bands() -> None:
    pixels = np.zeros((8, 8, 4), np.float32)
    pixels[..., 2] = 5  # red
    window = Sample(pixels, np.zeros((8, 8), np.int32), np.ones((8, 8), np.float32))
    display = Display(CLASSES, (0,) * 4, (5,) * 4, ("blue", "green", "red", "nir"))
    assert (display.image(window) == (255, 0, 0)).all()

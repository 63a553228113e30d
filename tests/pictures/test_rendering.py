"""All pictures of an image share bands and limits, which follow from the whole image."""

from __future__ import annotations

import numpy as np
import pytest

from tilesegm.pictures.colours import MISSING
from tilesegm.pictures.rendering import Rendering


def noise(dtype: str, low: int, high: int, bands: int = 3) -> np.ndarray:
    return np.random.default_rng(0).integers(low, high, (40, 50, bands)).astype(dtype)


def test_photos_of_eight_bits_are_drawn_as_they_are() -> None:
    pixels = noise("uint8", 40, 160)
    rendering = Rendering.of([(pixels, None)])
    np.testing.assert_array_equal(rendering.draw(pixels), pixels)
    assert rendering.words == "bands 1, 2, 3 as red, green, blue"


def test_windows_of_an_image_agree_and_keep_its_colours() -> None:
    pixels = noise("uint16", 1000, 3000)
    pixels[..., 2] //= 2  # little blue light
    rendering = Rendering.of([(pixels, None)])
    whole = rendering.draw(pixels)
    np.testing.assert_array_equal(rendering.draw(pixels[5:20, 7:30]), whole[5:20, 7:30])
    low, high = np.percentile(pixels, (2, 98))
    assert rendering.limits == (low, high)
    assert whole[..., 2].mean() < whole[..., 0].mean() / 2, "bands are stretched together"
    assert f"black is {low:.5g} and less, white {high:.5g} and more" in rendering.words


def test_missing_pixels_count_in_no_limit() -> None:
    pixels = noise("float32", 0, 100)
    valid = np.ones(pixels.shape[:2], bool)
    pixels[0], valid[0] = 1e9, False
    pixels[1] = np.nan
    rendering = Rendering.of([(pixels, valid)])
    assert rendering.limits == tuple(np.percentile(pixels[2:], (2, 98)))
    assert (rendering.draw(pixels, valid)[:2] == MISSING).all()
    empty = Rendering.of([(pixels, np.zeros_like(valid))])
    assert (empty.draw(pixels, np.zeros_like(valid)) == MISSING).all()


def test_dark_images_of_eight_bits_are_stretched() -> None:
    pixels = noise("uint8", 2, 40)
    rendering = Rendering.of([(pixels, None)])
    assert rendering.draw(pixels).max() == 255
    assert "black is" in rendering.words


def test_limits_follow_from_all_parts() -> None:
    dark, bright = noise("uint16", 0, 100), noise("uint16", 900, 1000)
    assert Rendering.of([(dark, None), (bright, None)]).limits == tuple(
        np.percentile([dark, bright], (2, 98))
    )


@pytest.mark.parametrize(
    ("names", "colours", "bands"),
    [
        (["B01", "B02", "B03", "B04", "B05"], (), (3, 2, 1)),
        ([f"S2B_L1C_20181013_B0{n}" for n in range(1, 9)], (), (3, 2, 1)),
        (
            ["Blue", "Green", "Red", "NIR"],
            ("gray", "undefined", "undefined", "undefined"),
            (2, 1, 0),
        ),
        (["blue", "green", "red edge", "red"], (), (3, 1, 0)),
        (
            ["band 1", "band 2", "band 3", "band 4"],
            ("blue", "green", "red", "undefined"),
            (2, 1, 0),
        ),
        # Names say more than what a format assumes of any three bands.
        (["B02", "B03", "B04"], ("red", "green", "blue"), (2, 1, 0)),
        (["red_river band 1", "red_river band 2", "red_river band 3"], (), (0, 1, 2)),
        ([], (), (0, 1, 2)),
        (["VV", "VH"], (), (0,)),
        (["rededge", "green", "blue"], (), (0, 1, 2)),
        (["near red", "green", "blue", "nir"], (), (0, 1, 2)),
        (["Blue (490 nm)", "Green", "Red_Edge 1", "RED"], (), (3, 1, 0)),
        (["blue"], (), (0,)),
        # Landsat counts its bands otherwise from satellite to satellite.
        (["B1", "B2", "B3", "B4"], (), (0, 1, 2)),
    ],
)
def test_bands_of_red_green_and_blue(
    names: list[str], colours: tuple[str, ...], bands: tuple[int, ...]
) -> None:
    pixels = noise("uint8", 0, 256, len(names) or 5)
    rendering = Rendering.of([(pixels, None)], names, colours)
    assert rendering.bands == bands
    shown = rendering.draw(pixels)
    np.testing.assert_array_equal(shown, np.broadcast_to(pixels[..., bands], shown.shape))


def test_captions_say_what_is_drawn() -> None:
    pixels = noise("uint8", 0, 256, 4)
    assert Rendering.of([(pixels, None)], ["blue", "green", "red", "nir"]).words == (
        "bands red, green, blue"
    )
    assert Rendering.of([(pixels, None)], ["band 1", "band 2", "band 3", "band 4"]).words == (
        "bands 1, 2, 3 as red, green, blue (the first of 4 bands)"
    )
    assert Rendering.of([(pixels[..., :2], None)], ["VV", "VH"]).words == (
        "VV as grey (the first of 2 bands)"
    )

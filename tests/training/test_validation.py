"""Held-out pixels are validated as `predict` would segment them."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from tests.training.scenery import paint
from tilesegm.classes import default_classes
from tilesegm.data.memory_scenes import scenes_in_memory
from tilesegm.data.patch import IGNORE
from tilesegm.data.scenes import Scenes
from tilesegm.grid.window import Window
from tilesegm.metrics.confusion import Scores
from tilesegm.model.base import ModelSpec
from tilesegm.model.normalisation import Normalisation
from tilesegm.training.settings.config import ValidationSettings
from tilesegm.training.validation import held_out
from tilesegm.training.validation.held_out import (
    Region,
    choose_regions,
    lay_validation_grids,
    segment_held_out,
)
from tilesegm.training.validation.live import LivePredictor
from tilesegm.training.validation.validator import validation_scores


class Brightness:
    """Class 2 above 120, else class 1 above 75, by the mean of 3 x 3 pixels of the first band."""

    spec = ModelSpec("brightness", 2, default_classes(3), radius=1, halo=1)

    def __init__(self) -> None:
        self.shapes: set[tuple[int, ...]] = set()

    def __call__(self, tiles: np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.float32]]:
        self.shapes.add(tiles.shape)
        band = np.pad(tiles[..., 0].astype(np.float32), ((0, 0), (1, 1), (1, 1)))
        rows, cols = tiles.shape[1:3]
        mean = sum(band[:, r : r + rows, c : c + cols] for r in range(3) for c in range(3)) / 9
        return np.stack([75 - mean, np.minimum(mean - 75, 120 - mean), mean - 120], 1)


def scenes(size: int = 150) -> Scenes:
    image, labels = paint(size)
    return scenes_in_memory([image], [np.where(labels == 255, IGNORE, labels.astype(np.int32))])


@pytest.mark.parametrize(
    "window", [Window(0, 0, 150, 150), Window(37, 11, 60, 83), Window(149, 149, 1, 1)]
)
def test_a_window_gets_the_classes_that_the_whole_image_gives_it(window: Window) -> None:
    given, predictor = scenes(), Brightness()
    settings = ValidationSettings(tile=48, overlap=16)
    grids = lay_validation_grids(given, predictor.spec, settings)
    regions = list(segment_held_out([Region(0, window)], given, predictor, grids, batch=3))
    patch = given.read(0, Window(0, 0, 150, 150))
    whole = predictor(patch.pixels[None])[0].argmax(0)
    (region,) = regions
    assert (region.scene, region.window) == (0, window)
    np.testing.assert_array_equal(region.predicted, whole[window.slices])
    np.testing.assert_array_equal(region.truth, patch.labels[window.slices])
    known = region.truth != IGNORE
    expected = np.zeros((3, 3), np.int64)
    np.add.at(expected, (region.truth[known], region.predicted[known]), 1)
    np.testing.assert_array_equal(region.confusion, expected)


def test_a_large_window_is_segmented_in_bands() -> None:
    image = np.zeros((2100, 40, 2), np.uint8)
    given = scenes_in_memory([image], [np.ones((2100, 40), np.int32)])
    grids = lay_validation_grids(given, Brightness.spec, ValidationSettings(tile=256, overlap=32))
    part = Region(0, Window(10, 0, 2090, 40))
    regions = list(segment_held_out([part], given, Brightness(), grids, batch=4))
    assert [region.window.row for region in regions] == [10, 1034, 2058]
    assert sum(int(region.confusion.sum()) for region in regions) == 2090 * 40


def test_as_much_as_is_allowed_is_chosen_and_always_the_same() -> None:
    windows = [[Window(0, 0, 1000, 1000)], [Window(200, 300, 500, 100), Window(0, 0, 64, 64)]]
    everything = choose_regions(windows, tile=100, megapixels=None, seed=0)
    assert everything == (
        Region(0, windows[0][0]),
        Region(1, windows[1][0]),
        Region(1, windows[1][1]),
    )
    assert choose_regions(windows, tile=100, megapixels=2, seed=0) == everything
    some = choose_regions(windows, tile=100, megapixels=0.3, seed=0)
    assert some == choose_regions(windows, tile=100, megapixels=0.3, seed=0)
    assert some != choose_regions(windows, tile=100, megapixels=0.3, seed=1)
    assert 0.2e6 < sum(part.window.pixels for part in some) <= 0.3e6
    for part in some:
        assert any(window.contains(part.window) for window in windows[part.scene])
    assert len(set(some)) == len(some)
    assert len(choose_regions(windows, tile=1000, megapixels=1e-6, seed=0)) == 1


def test_classes_that_labels_do_not_show_have_no_part_in_the_score() -> None:
    clean = np.array([[40, 10, 0], [10, 40, 0], [0, 0, 0]])
    spoiled = np.array([[40, 10, 0], [10, 39, 1], [0, 0, 0]])
    first, second = validation_scores(clean), validation_scores(spoiled)
    assert first["mean_iou"] == pytest.approx((40 / 60 + 40 / 60) / 2)
    assert first["mean_dice"] == pytest.approx(0.8)
    # One stray pixel costs what a pixel costs, not a third of the score.
    assert second["mean_iou"] == pytest.approx((40 / 60 + 39 / 60) / 2)
    assert second["mean_dice"] == pytest.approx((80 / 100 + 78 / 99) / 2)
    assert second["accuracy"] == 0.79
    assert Scores(spoiled).mean_iou == pytest.approx((40 / 60 + 39 / 60) / 3)
    assert all(np.isnan(value) for value in validation_scores(np.zeros((3, 3), np.int64)).values())


def test_a_live_predictor_follows_the_weights_without_compiling_again() -> None:
    inputs = keras.Input((None, None, 1))
    layer = keras.layers.Conv2D(2, 1, kernel_initializer="ones")
    calls: list[int] = []

    class Counted(keras.layers.Layer):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            calls.append(1)
            return x

    model = keras.Model(inputs, Counted()(layer(inputs)))
    spec = ModelSpec("live", 1, default_classes(2))
    predictor = LivePredictor(model, spec, Normalisation((1.0,), (2.0,)))
    tiles = np.full((1, 4, 4, 1), 3.0, np.float32)
    calls.clear()
    np.testing.assert_allclose(predictor(tiles), 4.0)
    assert len(calls) == 1
    layer.kernel.assign(np.full((1, 1, 1, 2), 0.5, np.float32))
    np.testing.assert_allclose(predictor(tiles), 2.0)
    assert len(calls) == 1


def test_many_small_windows_of_one_tile_are_one_region() -> None:
    windows = [Window(0, 0, 16, 16), Window(16, 0, 16, 32), Window(300, 80, 40, 40)]
    small, *cut = choose_regions([windows * 2], tile=100, megapixels=None, seed=0)
    assert small.window == Window(0, 0, 32, 32)
    assert small.counted == tuple(windows[:2] * 2)
    # The third window lies in two tiles.
    assert [region.window for region in cut] == [Window(300, 80, 40, 20), Window(300, 100, 40, 20)]
    alone = choose_regions([windows[2:]], tile=100, megapixels=None, seed=0)
    assert [region.counted for region in alone] == [None]
    inside = held_out._inside(Window(8, 0, 16, 40), windows)
    expected = np.zeros((16, 40), bool)
    expected[:8, :16] = expected[8:, :32] = True
    np.testing.assert_array_equal(inside, expected)

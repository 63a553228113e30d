"""Where windows lie, and that every trainable pixel has the chance that it should have."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tests.data.stream_parts import ArrayScenes, blotches, count, view_of
from tilesegm.data.augment.augmenter import Augmenter
from tilesegm.data.augment.geometry import Geometry
from tilesegm.data.cutting import cut, window_around
from tilesegm.data.hardness import Hardness
from tilesegm.data.patch import IGNORE, Patch
from tilesegm.data.sampling import Place, Places
from tilesegm.data.settings import AugmentationSettings, SamplingSettings
from tilesegm.data.statistics import BandStatistics
from tilesegm.data.statistics.seams import border_pixels
from tilesegm.errors import InputError, SettingsError
from tilesegm.grid.window import Window

BANDS = BandStatistics((50.0,) * 3, (20.0,) * 3, (0.0,) * 3, (100.0,) * 3)


def places_of(*labels: np.ndarray, views: list | None = None, classes: int = 3) -> Places:
    return Places(
        ArrayScenes(labels),  # type: ignore[arg-type]
        views or [view_of(array) for array in labels],
        [count(array, classes) for array in labels],
    )


def assert_even(found: list[Place], expected: set[tuple[int, int, int]]) -> None:
    """Every expected pixel occurs, no other one does, and a chi-square test sees no preference."""
    keys = [(place.scene, place.row, place.col) for place in found]
    assert set(keys) == expected
    times = [keys.count(key) for key in expected]
    assert stats.chisquare(times).pvalue > 1e-3


def pixels(mask: np.ndarray, scene: int = 0) -> set[tuple[int, int, int]]:
    return {(scene, row, col) for row, col in np.argwhere(mask).tolist()}


def test_balanced_places_see_each_class_evenly_however_rare() -> None:
    labels = np.zeros((100, 90), int)
    labels[40:50, 40:50], labels[99, 89] = 1, 2
    places, random = places_of(labels), np.random.default_rng(0)
    assert places.counts.tolist() == [9000 - 101, 100, 1]
    found = [places.draw_balanced(random) for _ in range(3000)]
    seen = np.bincount([labels[place.row, place.col] for place in found])
    # Five standard deviations of a binomial of 3000 and 1/3.
    assert np.abs(seen - 1000).max() < 5 * np.sqrt(3000 / 3 * 2 / 3)


def test_absent_classes_are_not_drawn() -> None:
    labels = np.full((20, 20), 2)
    labels[0, 0] = 0
    places, random = places_of(labels, classes=5), np.random.default_rng(0)
    seen = {labels[p.row, p.col] for p in (places.draw_balanced(random) for _ in range(100))}
    assert seen == {0, 2}


def test_every_pixel_of_a_class_is_equally_likely() -> None:
    first, second = np.full((37, 21), IGNORE), np.full((18, 40), IGNORE)
    first[::5, ::4], second[3, 5:25] = 1, 1
    places, random = places_of(first, second), np.random.default_rng(1)
    expected = pixels(first == 1) | pixels(second == 1, 1)
    assert_even([places.draw_any(random) for _ in range(60 * len(expected))], expected)


def test_places_lie_in_trainable_pixels_alone_and_all_of_them() -> None:
    labels = blotches(60, 70, 3)
    view = view_of(labels, Window(20, 10, 25, 33), Window(0, 60, 9, 10), buffer=3)
    trainable = view.trainable(Window(0, 0, 60, 70)) & (labels == 2)
    places, random = places_of(labels, views=[view]), np.random.default_rng(2)
    assert places.counts[2] == trainable.sum()
    found = [places._draw_class(np.array([0, 0, 1]), random) for _ in range(40 * trainable.sum())]
    assert_even(found, pixels(trainable))


def test_foreground_places_hold_any_class_but_the_first() -> None:
    labels = np.zeros((40, 40), int)
    labels[3, 4:8], labels[30:32, 30] = 1, 2
    places, random = places_of(labels), np.random.default_rng(3)
    assert_even([places.draw_foreground(random) for _ in range(600)], pixels(labels > 0))


def test_border_places_lie_beside_another_class() -> None:
    labels = np.full((40, 45), IGNORE)
    labels[10:14, 20:24], labels[14:17, 20:24] = 0, 1
    places, random = places_of(labels), np.random.default_rng(4)
    assert_even([places.draw_border(random) for _ in range(800)], pixels(border_pixels(labels)))


def test_a_border_with_held_out_pixels_is_none() -> None:
    labels = np.zeros((32, 32), int)
    labels[:, 16:] = 1
    places = places_of(labels, views=[view_of(labels, Window(0, 16, 32, 16))])
    random = np.random.default_rng(5)
    drawn = [places.draw_border(random) for _ in range(50)]
    assert max(place.col for place in drawn) < 16
    assert len({place.col for place in drawn}) > 5, "no border is left, so places lie anywhere"


def test_without_foreground_any_pixel_will_do() -> None:
    places = places_of(np.zeros((9, 9), int))
    assert places.draw_foreground(np.random.default_rng(0)).scene == 0


@pytest.mark.parametrize("hidden", [True, False])
def test_nothing_to_learn_from_is_an_error(hidden: bool) -> None:
    labels = np.full((20, 20), 0 if hidden else IGNORE)
    views = [view_of(labels, Window(0, 0, 20, 20))] if hidden else None
    with pytest.raises(SettingsError, match="no labelled pixel is left"):
        places_of(labels, views=views)


def test_labels_that_changed_since_they_were_counted_are_noticed() -> None:
    labels = np.zeros((20, 20), int)
    places = Places(
        ArrayScenes([labels + 1]),  # type: ignore[arg-type]
        [view_of(labels)],
        [count(labels, 2)],
    )
    with pytest.raises(InputError, match="class 0 is not where it was counted"):
        places.draw_any(np.random.default_rng(0))


GEOMETRY = AugmentationSettings(flip=True, rotate=180, scale=1.0, elastic=5)


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_a_place_is_always_in_its_window(data: st.DataObject) -> None:
    height, width = data.draw(st.integers(1, 90)), data.draw(st.integers(1, 90))
    place = Place(0, data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1)))
    random = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    augmentation = GEOMETRY if data.draw(st.booleans()) else AugmentationSettings()
    geometry = Augmenter(augmentation, BANDS).geometry(data.draw(st.integers(4, 32)), random)
    window = window_around(place, (height, width), geometry, random)

    assert (window.height, window.width) == (geometry.side, geometry.side)
    if geometry.points is None:
        whole = Window(0, 0, height, width)
        for inner, outer, low, high in (
            ((window.row, window.stop_row), (0, height), whole.row, whole.stop_row),
            ((window.col, window.stop_col), (0, width), whole.col, whole.stop_col),
        ):
            inside = low <= inner[0] and inner[1] <= high
            around = inner[0] <= outer[0] and outer[1] <= inner[1]
            assert inside or around
    labels = np.zeros((geometry.side, geometry.side), np.int32)
    labels[place.row - window.row, place.col - window.col] = 1
    patch = Patch(np.zeros((*labels.shape, 1), np.float32), np.ones_like(labels, bool), labels)
    assert (geometry.apply(patch).labels == 1).any()


def test_a_place_lies_anywhere_in_its_window() -> None:
    geometry, random = Geometry(6, 6, 0, None), np.random.default_rng(0)
    windows = [window_around(Place(0, 50, 50), (100, 100), geometry, random) for _ in range(2000)]
    found = [Place(0, 50 - window.row, 50 - window.col) for window in windows]
    assert_even(found, pixels(np.ones((6, 6), bool)))


def test_windows_of_an_edge_stay_inside_and_differ() -> None:
    geometry, random = Geometry(6, 6, 0, None), np.random.default_rng(0)
    windows = [window_around(Place(0, 1, 97), (100, 100), geometry, random) for _ in range(400)]
    found = [Place(0, window.row, window.col) for window in windows]
    assert_even(found, {(0, row, col) for row in (0, 1) for col in (92, 93, 94)})


def test_a_turned_window_reaches_a_corner_with_little_beyond_the_image() -> None:
    turned = Augmenter(AugmentationSettings(flip=False, rotate=45), BANDS)
    for seed in range(20):
        random = np.random.default_rng(seed)
        geometry = turned.geometry(64, random)
        window = window_around(Place(0, 0, 0), (500, 500), geometry, random)
        # The nearest point of a turned square to its bounding square's corner is on a side.
        assert -window.row - window.col <= geometry.side / 2 + 1


def test_cutting_hides_and_pads() -> None:
    labels = np.ones((10, 12), int)
    view = view_of(labels, Window(4, 0, 3, 3), buffer=2)
    weights = [np.full((10, 12), 3, np.float32)]
    scenes = ArrayScenes([labels], weights=weights)
    patch = cut(scenes, 0, view, Window(-2, -1, 14, 14))  # type: ignore[arg-type]
    inside = np.pad(np.ones((10, 12), bool), ((2, 2), (1, 1)))
    hidden, near = np.zeros((14, 14), bool), np.zeros((14, 14), bool)
    hidden[6:9, 1:4], near[4:11, 1:6] = True, True
    np.testing.assert_array_equal(patch.valid, inside & ~hidden)
    np.testing.assert_array_equal(patch.labels, np.where(inside & ~near, 1, IGNORE))
    np.testing.assert_array_equal(patch.pixels[..., 0] > 0, inside & ~hidden)
    assert patch.weights is not None
    np.testing.assert_array_equal(patch.weights, np.where(inside, 3, 0))


def test_hard_places_are_drawn_in_proportion_to_their_error() -> None:
    hard = Hardness(np.array([[0, 1, 2], [0, 3, 4], [1, 5, 6]]), np.array([1.0, 0.0, 3.0]))
    random = np.random.default_rng(0)
    found = [hard.draw(random) for _ in range(1000)]
    share = found.count(Place(1, 5, 6)) / 1000
    assert set(found) == {Place(0, 1, 2), Place(1, 5, 6)}
    assert abs(share - 0.75) < 5 * np.sqrt(0.75 * 0.25 / 1000)


def test_the_hardest_places_are_kept() -> None:
    places = [Place(0, number, 0) for number in range(8)]
    hard = Hardness.hardest(places, [0.1, 0.9, 0.2, 0.3, 0.8, 0.0, 0.0, 0.5])
    assert hard.places.tolist() == [[0, 1, 0], [0, 4, 0]]
    assert hard.errors.tolist() == [0.9, 0.8]


def test_hardness_outlives_a_checkpoint(tmp_path: Path) -> None:
    hard = Hardness.hardest([Place(2, 3, 4), Place(0, 1, 2)], [0.25, 0.5], part=1)
    np.savez(tmp_path / "hard.npz", **hard.to_arrays())
    with np.load(tmp_path / "hard.npz") as arrays:
        again = Hardness.from_arrays(arrays)
    np.testing.assert_array_equal(again.places, hard.places)
    np.testing.assert_array_equal(again.errors, hard.errors)


@pytest.mark.parametrize("errors", [[], [0.0]])
def test_where_nothing_is_hard_there_is_no_place(errors: list[float]) -> None:
    hard = Hardness(np.zeros((len(errors), 3), np.int64), np.array(errors))
    assert hard.draw(np.random.default_rng(0)) is None


@pytest.mark.parametrize("errors", [[-1.0], [np.nan], [1.0, 2.0]])
def test_hardness_takes_one_error_a_place(errors: list[float]) -> None:
    with pytest.raises(SettingsError, match="hard places"):
        Hardness(np.zeros((1, 3), np.int64), np.array(errors))


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        ({"balanced": 1.5}, "sampling.balanced is 1.5; pass a share from 0 to 1"),
        ({"hard": -0.1}, "sampling.hard"),
        ({"border": float("nan")}, "sampling.border"),
        ({"balanced": 0.6, "border": 0.6}, "add up to 1.2; lower some of balanced=0.6, border=0.6"),
    ],
)
def test_shares_are_shares(shares: dict[str, float], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        SamplingSettings(**shares)


def test_shares_may_be_all() -> None:
    assert SamplingSettings(balanced=0.7, border=0.2, hard=0.1).foreground == 0

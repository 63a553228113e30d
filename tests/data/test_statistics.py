"""Statistics against the same numbers of whole arrays."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.fakes import MemoryScenes
from tilesegm.data.split import SceneView, band_statistics, class_counts, scene_counts
from tilesegm.data.statistics import cell_side, measure, measure_labels
from tilesegm.errors import OutputError, SettingsError, SourceError
from tilesegm.events import Event, StageProgress
from tilesegm.grid.window import Window


def small_windows(side: int) -> object:
    """Read by windows of about ``side`` pixels, so that small images have seams too."""
    return mock.patch("tilesegm.data.statistics.measure._SIDE", side)


def borders_of(labels: np.ndarray) -> np.ndarray:
    """Border pixels by the definition, one pixel after the other."""
    found = np.zeros(labels.shape, bool)
    height, width = labels.shape
    for row in range(height):
        for col in range(width):
            for r, c in ((row - 1, col), (row + 1, col), (row, col - 1), (row, col + 1)):
                if 0 <= r < height and 0 <= c < width and labels[row, col] >= 0 <= labels[r, c]:
                    found[row, col] |= labels[r, c] != labels[row, col]
    return found


@settings(deadline=None, max_examples=40)
@given(
    height=st.integers(1, 25),
    width=st.integers(1, 25),
    cell=st.integers(1, 9),
    side=st.integers(1, 20),
    seed=st.integers(0, 99),
)
def test_windows_give_what_the_whole_image_gives(
    height: int, width: int, cell: int, side: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    labels = random.integers(-1, 3, (height, width))
    image = random.normal(5000, 1, (height, width, 2)).astype(np.float32)
    scenes = MemoryScenes([labels], [image], classes=3)
    scenes.valid[0] = valid = random.random((height, width)) < 0.8
    labels = np.where(valid, labels, -1)
    with small_windows(side):
        (found,) = measure(scenes, cell=cell)
    border = borders_of(labels)
    for r in range(found.counts.shape[0]):
        for c in range(found.counts.shape[1]):
            part = np.s_[r * cell : (r + 1) * cell, c * cell : (c + 1) * cell]
            assert found.counts[r, c].tolist() == [(labels[part] == k).sum() for k in range(3)]
            assert found.borders[r, c] == border[part].sum()
            assert found.valid[r, c] == valid[part].sum()
            values = image[part][valid[part]].astype(float)
            if len(values):
                assert found.means[r, c] == pytest.approx(values.mean(0), rel=1e-12)
                expected = np.square(values - values.mean(0)).sum(0)
                assert found.squares[r, c] == pytest.approx(expected, rel=1e-6, abs=1e-9)
    assert found.counts.shape[:2] == (-(-height // cell), -(-width // cell))
    np.testing.assert_array_equal(found.sample, np.where(valid[..., None], image, 0))
    np.testing.assert_array_equal(found.sample_valid, valid)


def test_a_corner_on_two_seams_counts_once() -> None:
    labels = np.zeros((4, 4), int)
    labels[1, 1] = 1
    with small_windows(2):
        (found,) = measure(MemoryScenes([labels]), cell=2)
    assert found.borders.tolist() == [[3, 1], [1, 0]]


def test_large_images_are_sampled_thinly() -> None:
    image = np.arange(50 * 70, dtype=np.uint16).reshape(50, 70, 1)
    scenes = MemoryScenes([np.zeros((50, 70))], [image])
    with mock.patch("tilesegm.data.statistics.measure._SAMPLE", 200), small_windows(16):
        (found,) = measure(scenes, cell=8)
    assert found.step == 5
    assert found.sample.dtype == np.uint16
    np.testing.assert_array_equal(found.sample, image[::5, ::5])
    assert scenes.read_pixels == 50 * 70


def test_statistics_of_training_pixels_know_nothing_of_hidden_ones() -> None:
    random = np.random.default_rng(0)
    labels, image = random.integers(0, 3, (96, 64)), random.normal(3, 2, (96, 64, 2))
    views = [SceneView("scene 0", 96, 64, held_out=(Window(0, 0, 32, 64),), buffer=8)]
    before = measure(MemoryScenes([labels], [image]), cell=8)
    labels[:40], image[:40] = 2, 1e6
    after = measure(MemoryScenes([labels], [image]), cell=8)
    assert class_counts(before, views).tolist() == class_counts(after, views).tolist()
    assert band_statistics(before, views) == band_statistics(after, views)
    rest, pixels = labels[40:], image[40:].reshape(-1, 2)
    assert class_counts(after, views).tolist() == [(rest == k).sum() for k in range(3)]
    found = band_statistics(after, views)
    assert found.mean == pytest.approx(pixels.mean(0))
    assert found.deviation == pytest.approx(pixels.std(0))
    assert found.low == pytest.approx(np.percentile(pixels, 1, axis=0), abs=0.05)
    assert found.high == pytest.approx(np.percentile(pixels, 99, axis=0), abs=0.05)


def test_cells_that_touch_the_buffer_are_left_out_whole() -> None:
    statistics = measure(MemoryScenes([np.zeros((64, 64))]), cell=16)
    view = SceneView("scene 0", 64, 64, held_out=(Window(0, 0, 16, 64),), buffer=1)
    assert class_counts(statistics, [view]).tolist() == [32 * 64]


def test_scenes_are_put_together_and_kept_apart() -> None:
    images = [np.full((16, 16, 1), 2.0), np.full((16, 48, 1), 6.0)]
    scenes = MemoryScenes([np.zeros((16, 16)), np.ones((16, 48))], images)
    statistics = measure(scenes, cell=16)
    views = [SceneView("scene 0", 16, 16), SceneView("scene 1", 16, 48)]
    assert scene_counts(statistics, views).tolist() == [[256, 0], [0, 768]]
    found = band_statistics(statistics, views)
    # 256 pixels of 2 and 768 of 6: mean 5, variance (256 * 9 + 768 * 1) / 1024 = 3.
    assert found.mean == pytest.approx((5.0,))
    assert found.deviation == pytest.approx((3.0**0.5,))
    assert (found.low, found.high) == ((2.0,), (6.0,))


def test_nothing_to_measure_is_an_error() -> None:
    statistics = measure(MemoryScenes([np.zeros((20, 20))]), cell=10)
    view = SceneView("scene 0", 20, 20, held_out=(Window(5, 5, 10, 10),))
    with pytest.raises(SettingsError, match="no cell of 10 x 10 pixels is free"):
        band_statistics(statistics, [view])
    with pytest.raises(SettingsError, match="cell is 0 pixels"):
        measure(MemoryScenes([np.zeros((20, 20))]), cell=0)


def test_the_cache_is_of_the_same_scenes_only(tmp_path: Path) -> None:
    labels = [np.eye(20, dtype=int), np.zeros((8, 9), int)]
    scenes, cache = MemoryScenes(labels), tmp_path / "run" / "statistics.npz"
    first = measure(scenes, cell=8, cache=cache)
    read = scenes.read_pixels
    again = measure(scenes, cell=8, cache=cache)
    assert scenes.read_pixels == read
    for one, other in zip(first, again, strict=True):
        for key, value in vars(one).items():
            np.testing.assert_array_equal(getattr(other, key), value)
            assert type(getattr(other, key)) is type(value)
    changed = MemoryScenes([np.ones((20, 20)), labels[1]], identity="2")
    assert measure(changed, cell=8, cache=cache)[0].counts[..., 1].sum() == 400
    assert measure(changed, cell=4, cache=cache)[0].cell == 4
    assert [file.name for file in cache.parent.iterdir()] == ["statistics.npz"]


def test_a_damaged_cache_is_measured_anew(tmp_path: Path) -> None:
    cache, scenes = tmp_path / "statistics.npz", MemoryScenes([np.eye(20, dtype=int)])
    measure(scenes, cache=cache)
    cache.write_bytes(cache.read_bytes()[:200])
    assert measure(scenes, cache=cache)[0].counts.sum() == 400
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write"):
        measure(scenes, cache=tmp_path / "file" / "statistics.npz")


def test_progress_is_told_and_failures_come_through() -> None:
    told: list[Event] = []
    scenes = MemoryScenes([np.zeros((40, 40))])
    with small_windows(16):
        measure(scenes, cell=16, on_event=told.append)
    fractions = [event.fraction for event in told if isinstance(event, StageProgress)]
    assert fractions == pytest.approx([n / 9 for n in range(1, 10)])
    with (
        mock.patch.object(scenes, "read", side_effect=SourceError("a bad block")),
        pytest.raises(SourceError, match="a bad block"),
    ):
        measure(scenes)


@pytest.mark.parametrize(
    ("block", "pixels", "side"),
    [
        (1024, 10**6, 16),
        (1024, 2**30, 64),
        (1024, 33**2 * 2**18, 64),
        (1024, 10**11, 64),
        (1024, 2**28, 32),
        (1000, 10**6, 20),
        (1000, 10**11, 50),
        (100, 10**11, 50),
        (48, 10**11, 48),
        (48, 10**6, 16),
        (10, 10**6, 10),
        (67, 10**6, 16),
        (67, 10**11, 64),
    ],
)
def test_cells_fit_blocks_where_they_can_and_are_as_small_as_memory_allows(
    block: int, pixels: int, side: int
) -> None:
    assert cell_side(block, pixels) == side


def test_labels_alone_have_the_counts_and_borders_of_all() -> None:
    labels = np.random.default_rng(0).integers(-1, 3, (70, 90))
    scenes = MemoryScenes([labels], classes=3)
    (full,), (alone,) = measure(scenes, cell=16), measure_labels(scenes, cell=16)
    np.testing.assert_array_equal(alone.counts, full.counts)
    np.testing.assert_array_equal(alone.borders, full.borders)

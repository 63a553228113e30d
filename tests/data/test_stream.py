"""Samples are functions of their number, exact in what they show and what they are learnt from."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.stream_parts import ALL, ArrayScenes, blotches, make_stream, places_of, view_of
from tilesegm.data.hardness import Hardness
from tilesegm.data.memory_scenes import scenes_in_memory
from tilesegm.data.patch import IGNORE, Sample
from tilesegm.data.sampling import Place
from tilesegm.data.settings import AugmentationSettings, SamplingSettings, SplitSettings
from tilesegm.data.split import make_split
from tilesegm.data.statistics import measure
from tilesegm.data.stream import SampleStream, StreamSettings
from tilesegm.data.training_data import TrainingData
from tilesegm.errors import SettingsError
from tilesegm.grid.window import Window
from tilesegm.model.normalisation import Normalisation

MIXED = SamplingSettings(balanced=0.25, foreground=0.25, border=0.25, hard=0.1)
FLIPS = AugmentationSettings(flip=True)


def assert_equal(first: Sample, second: Sample) -> None:
    np.testing.assert_array_equal(first.pixels, second.pixels)
    np.testing.assert_array_equal(first.labels, second.labels)
    np.testing.assert_array_equal(first.weights, second.weights)


def test_a_sample_does_not_depend_on_those_before_it() -> None:
    labels = [blotches(90, 80, 3), blotches(50, 120, 3, seed=1)]
    first = make_stream(labels, sampling=MIXED, augmentation=ALL)
    tail = [first.sample(index) for index in range(60)][37:]
    again = make_stream(labels, sampling=MIXED, augmentation=ALL)
    for index in reversed(range(37, 60)):
        assert_equal(again.sample(index), tail[index - 37])


def test_threads_make_the_same_samples() -> None:
    stream = make_stream([blotches(90, 80, 3)], sampling=MIXED, augmentation=ALL)
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(stream.sample, range(40)))
    for index, sample in enumerate(found):
        assert_equal(sample, stream.sample(index))


def test_samples_differ_from_each_other_and_between_seeds() -> None:
    labels = [blotches(90, 80, 3)]
    stream = make_stream(labels)
    assert len({stream.sample(index).pixels.tobytes() for index in range(50)}) > 45
    assert (
        StreamSettings(size=8, batch=1, sampling=MIXED, augmentation=ALL).seed
        != stream.settings.seed
    )


def test_a_batch_holds_its_samples() -> None:
    stream = make_stream([blotches(60, 60, 3)], augmentation=ALL)
    batch = stream.batch(3)
    assert batch.pixels.shape == (2, 32, 32, 3)
    assert batch.pixels.dtype == batch.weights.dtype == np.float32
    assert batch.labels.dtype == np.int32
    for position, index in enumerate((6, 7)):
        sample = stream.sample(index)
        np.testing.assert_array_equal(batch.pixels[position], sample.pixels)
        np.testing.assert_array_equal(batch.labels[position], sample.labels)
        np.testing.assert_array_equal(batch.weights[position], sample.weights)


@given(st.integers(0, 2**40), st.booleans())
@settings(max_examples=40, deadline=None)
def test_what_is_shown_and_learnt_is_exactly_what_the_view_says(index: int, flip: bool) -> None:
    labels = [blotches(70, 90, 3), blotches(20, 25, 3, seed=4)]
    views = [
        view_of(labels[0], Window(30, 0, 20, 41), Window(0, 80, 8, 10), buffer=5),
        view_of(labels[1], Window(0, 0, 6, 6), buffer=1),
    ]
    augmentation = FLIPS if flip else AugmentationSettings(flip=False)
    sample = make_stream(labels, views, augmentation=augmentation).sample(index)
    # The image tells of each pixel where it is from, and 0 that it is not shown.
    shown = sample.pixels[..., 0] > 0
    assert (sample.labels[~shown] == IGNORE).all()
    assert not sample.pixels[~shown].any()
    scene, row, col = (sample.pixels[shown].astype(int) - 1).T
    assert len(set(scene.tolist())) == 1
    truth, view = labels[scene[0]], views[scene[0]]
    whole = Window(0, 0, *truth.shape)
    assert view.visible(whole)[row, col].all()
    expected = np.where(view.trainable(whole), truth, IGNORE)[row, col]
    np.testing.assert_array_equal(sample.labels[shown], expected)
    np.testing.assert_array_equal(sample.weights, (sample.labels != IGNORE).astype(np.float32))
    # Nothing that may be shown is left out between the pixels that are.
    around = view.visible(whole)[row.min() : row.max() + 1, col.min() : col.max() + 1]
    assert around.sum() == shown.sum()


@given(st.integers(0, 2**40))
@settings(max_examples=40, deadline=None)
def test_held_out_pixels_never_appear_whatever_is_changed(index: int) -> None:
    labels = [blotches(90, 80, 3)]
    view = view_of(labels[0], Window(20, 30, 40, 30), buffer=4)
    image = np.full((90, 80, 3), 50, np.float32)
    image[~view.visible(Window(0, 0, 90, 80))] = 1e9
    scenes = ArrayScenes(labels, [image])
    sample = make_stream(labels, [view], scenes=scenes, augmentation=ALL).sample(index)
    assert np.abs(sample.pixels).max() < 1e4


def test_every_sample_has_something_to_learn() -> None:
    labels = np.full((100, 100), IGNORE)
    labels[0, 0] = labels[99, 40] = labels[50, 50] = 0
    changed = AugmentationSettings(flip=True, rotate=180, scale=1.0, elastic=8)
    stream = make_stream([labels], augmentation=changed)
    assert all((stream.sample(index).labels == 0).any() for index in range(60))


def test_an_image_smaller_than_a_window_is_padded() -> None:
    labels = np.zeros((10, 50), int)
    sample = make_stream([labels]).sample(0)
    assert (sample.labels == 0).sum() == 10 * 32
    assert (sample.pixels != 0).any(-1).sum() == 10 * 32


def test_normalisation_leaves_missing_pixels_at_0() -> None:
    labels = np.zeros((10, 50), int)
    normalisation = Normalisation((1.0, 2.0, 4.0), (2.0, 1.0, 0.5))
    plain = make_stream([labels]).sample(0)
    sample = make_stream([labels], normalisation=normalisation).sample(0)
    expected = (plain.pixels - (1, 2, 4)) * (2, 1, 0.5)
    expected[plain.labels == IGNORE] = 0
    np.testing.assert_allclose(sample.pixels, expected, rtol=1e-6)


def test_weights_are_those_of_borders_times_those_of_classes() -> None:
    labels = blotches(60, 60, 3)
    ridge = (places_of(0, labels)[..., 2] % 5).astype(np.float32)
    scenes = ArrayScenes([labels], weights=[ridge])
    of_classes = np.array([0.5, 2.0, 10.0], np.float32)
    sample = make_stream([labels], scenes=scenes, class_weights=of_classes).sample(1)
    expected = np.where(sample.labels == IGNORE, 0, of_classes[sample.labels])
    np.testing.assert_array_equal(sample.weights, expected * (sample.pixels[..., 2] % 5))
    assert len(np.unique(sample.weights)) > 4


def test_shares_decide_what_windows_lie_around() -> None:
    labels = np.zeros((200, 200), int)
    labels[100, 100] = 1
    stream = make_stream([labels], sampling=SamplingSettings(balanced=0.3, foreground=0.4))
    rare = sum(stream.place(index) == Place(0, 100, 100) for index in range(2000)) / 2000
    # Half of the balanced share and all of the foreground's; five standard deviations.
    assert abs(rare - 0.55) < 5 * np.sqrt(0.55 * 0.45 / 2000)


def test_a_sample_lies_around_its_place() -> None:
    labels = [blotches(70, 90, 3), blotches(60, 50, 3, seed=4)]
    stream = make_stream(labels, sampling=MIXED, augmentation=FLIPS)
    for index in range(30):
        place = stream.place(index)
        found = stream.sample(index).pixels == (place.scene + 1, place.row + 1, place.col + 1)
        assert found.all(-1).sum() == 1


def test_hard_places_are_returned_to() -> None:
    labels = [blotches(90, 80, 3)]
    stream = make_stream(labels, sampling=SamplingSettings(balanced=0, hard=1))
    before = [stream.place(index) for index in range(20)]
    assert len(set(before)) > 15, "without errors windows lie anywhere"
    stream.hard = Hardness.hardest(before, np.linspace(0, 1, 20).tolist(), part=0.1)
    assert {stream.place(index) for index in range(40)} == set(before[-2:])
    again = make_stream(labels, sampling=SamplingSettings(balanced=0, hard=1))
    again.hard = Hardness.from_arrays(stream.hard.to_arrays())
    assert_equal(again.sample(5), stream.sample(5))


def test_a_hard_place_that_is_held_out_is_not_returned_to() -> None:
    labels = np.zeros((60, 60), int)
    view = view_of(labels, Window(0, 0, 30, 60))
    stream = make_stream([labels], [view], sampling=SamplingSettings(balanced=0, hard=1))
    stream.hard = Hardness(np.array([[0, 10, 10]]), np.array([1.0]))
    assert all(stream.place(index).row >= 30 for index in range(20))


def test_windows_are_mixed_with_others_of_the_same_stream() -> None:
    labels = [np.zeros((64, 64), int), np.ones((64, 64), int)]
    stream = make_stream(labels, augmentation=AugmentationSettings(flip=False, cutmix=1.0))
    scenes = [set(np.unique(stream.sample(index).pixels[..., 0])) for index in range(20)]
    assert {1.0, 2.0} in scenes
    assert_equal(stream.sample(3), stream.sample(3))


def test_the_rarer_a_class_the_more_it_is_pasted() -> None:
    labels = np.zeros((64, 64), int)
    labels[:4, :4] = 1
    stream = make_stream([labels])
    np.testing.assert_allclose(stream._rarity, [16 / 4096, 4080 / 4096])


@pytest.mark.parametrize(
    ("size", "batch", "seed", "said"),
    [
        (0, 1, 0, "schedule.size must be at least 1; received 0"),
        (8, 0, 0, "schedule.batch must be at least 1; received 0"),
        (8, 1, -1, "seed must be at least 0; received -1"),
    ],
)
def test_settings_out_of_range_are_refused(size: int, batch: int, seed: int, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        StreamSettings(size=size, batch=batch, sampling=MIXED, augmentation=ALL, seed=seed)


def test_scenes_statistics_and_split_of_the_package_fit_together() -> None:
    labels = [np.maximum(blotches(128, 160, 3, seed), 0) for seed in (0, 1)]
    images = [places_of(number, array) for number, array in enumerate(labels)]
    with scenes_in_memory(images, labels) as scenes:
        found = measure(scenes, cell=16)
        split = make_split(scenes, found, SplitSettings(block=32), buffer=4)
        data = TrainingData.of(scenes, found, split, 0)
        chosen = StreamSettings(
            size=32, batch=2, sampling=SamplingSettings(border=0.5), augmentation=FLIPS
        )
        stream = SampleStream(data, chosen, Normalisation())
        total = sum(int(view.trainable(Window(0, 0, 128, 160)).sum()) for view in data.views)
        assert stream.places.counts.sum() == total
        assert 0 < total < 2 * 128 * 160
        assert all((stream.sample(index).labels != IGNORE).any() for index in range(20))

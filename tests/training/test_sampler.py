"""Random training windows: repeatable, inside, balanced and labelled rightly."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tilesegm.errors import SettingsError
from tilesegm.grid.window import Window
from tilesegm.source.open import open_source
from tilesegm.training.augment import orient, resample
from tilesegm.training.sample import Sample, measure_normalisation
from tilesegm.training.sampler import Sampler
from tilesegm.training.settings import Augmentation, TrainingSettings


def coordinates(height: int, width: int) -> Sample:
    """An image of which every pixel says where it is, and its labels say the same."""
    row, col = np.mgrid[:height, :width]
    return Sample(np.stack([row, col], -1).astype(np.float32), (row * width + col) % 7)


def rare(height: int = 256, width: int = 256) -> Sample:
    """Class 1 covers 16 pixels of many."""
    labels = np.zeros((height, width), np.uint8)
    labels[100:104, 40:44] = 1
    return Sample(np.zeros((height, width, 1), np.uint8), labels)


def quiet(**changes: object) -> TrainingSettings:
    plain = {"size": 32, "batch": 4, "augmentation": Augmentation(rotate=False)}
    return TrainingSettings(**{**plain, **changes})  # type: ignore[arg-type]


def test_same_seed_same_batches() -> None:
    lively = Augmentation(zoom=0.5, exposure=0.3, tint=0.2)
    first, second, other = (
        list(
            islice(
                Sampler([coordinates(90, 70)], 7, quiet(seed=s, augmentation=lively)).batches(), 3
            )
        )
        for s in (5, 5, 6)
    )
    for (x, y), (again_x, again_y) in zip(first, second, strict=True):
        np.testing.assert_array_equal(x, again_x)
        np.testing.assert_array_equal(y, again_y)
    assert not np.array_equal(first[0][0], other[0][0])


@settings(max_examples=25, deadline=None)
@given(height=st.integers(1, 80), width=st.integers(1, 80), seed=st.integers(0, 99))
def test_pixels_keep_their_labels(height: int, width: int, seed: int) -> None:
    sampler = Sampler(
        [coordinates(height, width)], 7, quiet(seed=seed, augmentation=Augmentation(rotate=True))
    )
    pixels, labels = next(sampler.batches())
    assert pixels.shape == (4, 32, 32, 2)
    expected = (pixels[..., 0] * width + pixels[..., 1]).astype(int) % 7
    known = labels != 255
    np.testing.assert_array_equal(labels[known], expected[known])
    # What lies beyond a small image is not learnt from, everything else is.
    assert known.sum() == 4 * min(height, 32) * min(width, 32)


def test_a_rare_class_is_seen_when_balanced() -> None:
    def share(balance: float) -> float:
        batches = islice(Sampler([rare()], 2, quiet(balance=balance)).batches(), 50)
        return float(np.mean([(y == 1).any((1, 2)).mean() for _, y in batches]))

    # Half of the balanced windows are placed over class 1; of free windows 2.4 % touch it.
    assert share(0.0) < 0.1
    assert 0.4 < share(1.0) < 0.65


def test_ignored_pixels_are_no_class_to_look_for() -> None:
    labels = np.full((128, 128), 255, np.uint8)
    labels[:64] = 0
    sampler = Sampler([Sample(np.zeros((128, 128, 1)), labels)], 2, quiet(balance=1.0))
    batches = list(islice(sampler.batches(), 20))
    assert all((y == 0).any((1, 2)).all() for _, y in batches)


def test_zoom_changes_the_ground_size() -> None:
    sampler = Sampler([coordinates(400, 400)], 7, quiet(augmentation=Augmentation(False, zoom=1.0)))
    reach = np.concatenate(
        [np.ptp(x[..., 0], (1, 2)) + 1 for x, _ in islice(sampler.batches(), 40)]
    )
    assert reach.min() < 18
    assert reach.max() > 60
    assert 0.7 < np.median(reach) / 32 < 1.4


def test_black_stays_black_and_exposure_moves_all_bands() -> None:
    sample = Sample(
        np.stack([np.zeros((64, 64)), np.full((64, 64), 100.0)], -1), np.zeros((64, 64), int)
    )
    sampler = Sampler([sample], 1, quiet(augmentation=Augmentation(False, exposure=0.5)))
    pixels = np.concatenate([x for x, _ in islice(sampler.batches(), 20)])
    assert (pixels[..., 0] == 0).all()
    assert 60 < pixels[..., 1].min() < 75
    assert 135 < pixels[..., 1].max() <= 150.01


def test_the_eight_orientations_differ() -> None:
    array = np.arange(12).reshape(3, 4)
    seen = {orient(array, turn).tobytes() + bytes(orient(array, turn).shape) for turn in range(8)}
    assert len(seen) == 8


def test_resampling_a_ramp_gives_a_ramp() -> None:
    ramp = np.tile(np.arange(8, dtype=np.float32)[:, None, None], (1, 8, 1))
    labels = np.arange(64, dtype=np.int32).reshape(8, 8)
    larger, larger_labels = resample(ramp, labels, 16)
    # Pixel centres: output row r lies at (r + 0.5) / 2 - 0.5 of the input, clamped at its ends.
    expected = np.clip((np.arange(16) + 0.5) / 2 - 0.5, 0, 7)
    np.testing.assert_allclose(larger[:, 3, 0], expected, atol=1e-6)
    np.testing.assert_array_equal(np.unique(larger_labels), np.arange(64))


def test_normalisation_of_known_bands() -> None:
    random = np.random.default_rng(0)
    image = random.normal((10.0, -4.0, 7.0), (2.0, 5.0, 0.0), (300, 300, 3))
    found = measure_normalisation((Sample(image, np.zeros((300, 300), int)),), 255)
    np.testing.assert_allclose(found.offset, (10, -4, 7), atol=0.05)
    np.testing.assert_allclose(found.scale, (0.5, 0.2, 1.0), rtol=0.01)


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        ([], "no samples"),
        ([rare(), coordinates(9, 9)], "different numbers of bands"),
        ([Sample(np.zeros((9, 9, 1)), np.full((9, 9), 3))], r"labels \[3\] are no class of 0 to 1"),
    ],
)
def test_samples_that_do_not_fit(samples: list[Sample], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Sampler(samples, 2, quiet())


def test_missing_pixels_of_a_source_are_not_learnt_from() -> None:
    image = np.random.default_rng(0).integers(1, 99, (40, 50, 2)).astype(np.uint8)
    image[10:20, 5:30] = 0
    with open_source(image, nodata=0) as source:
        sample = Sample(source, np.ones((40, 50), np.uint8))
        assert sample.bands == 2
        pixels, labels = sample.read(Window(8, 0, 20, 50), ignore=255)
        np.testing.assert_array_equal(pixels, image[8:28])
        np.testing.assert_array_equal(labels == 255, (image[8:28] == 0).all(-1))
        assert labels[0, 0] == 1


def test_an_image_and_labels_of_other_sizes() -> None:
    with pytest.raises(SettingsError, match="cover the same pixels"):
        Sample(np.zeros((9, 8, 1)), np.zeros((8, 9), int))

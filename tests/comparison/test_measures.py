"""Scores of sums equal those that an evaluation has."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from tilesegm.comparison.measures import MEASURES, parts_of, rank_measures, scores_of
from tilesegm.errors import SettingsError
from tilesegm.metrics.calibration import count_confidence
from tilesegm.metrics.confusion import mean
from tilesegm.metrics.map_counts import MapCounts, count_measures
from tilesegm.metrics.measures import Measures
from tilesegm.metrics.objects import cut_objects, join_objects
from tilesegm.metrics.pair import make_pair


def counts(seed: int) -> MapCounts:
    """Count a map of three classes that is wrong here and there, with a few unknown pixels."""
    random = np.random.default_rng(seed)
    smooth = gaussian_filter(random.normal(size=(96, 80)), 4)
    truth = np.digitize(smooth, np.quantile(smooth, [0.4, 0.8]))
    predicted = np.digitize(np.roll(smooth, 2, 0), np.quantile(smooth, [0.45, 0.85]))
    truth[random.random(truth.shape) < 0.02] = -1
    pair = make_pair(truth, predicted, 3)
    measures = Measures(band=2, thin=(1,), objects=(2,))
    found = count_measures(pair, measures)
    levels = random.integers(100, 255, truth.shape)
    return replace(
        found,
        objects=join_objects({(0, 0): cut_objects(pair, (2,))}),
        confidence=count_confidence(levels, truth == predicted, truth >= 0, 254),
    )


def test_scores_are_those_of_an_evaluation() -> None:
    first, second = counts(0), counts(1)
    whole = first + second
    assert whole.bands is not None
    assert whole.surfaces is not None
    assert whole.skeletons is not None
    assert whole.objects is not None
    assert whole.confidence is not None
    parts = [parts_of(first), parts_of(second)]
    sums = {name: sum(part[name] for part in parts) for name in parts[0]}
    expected = {
        "mean_iou": 100 * whole.class_scores.mean_iou,
        "mean_dice": 100 * whole.class_scores.mean_dice,
        "boundary_iou": 100 * mean(whole.bands.iou),
        "boundary_f1": 100 * mean(whole.surfaces.boundary_f1(2)),
        "cldice": 100 * whole.skeletons.cldice[0],
        "object_f1": 100 * whole.objects.f1[0],
        "calibration_error": 100 * whole.confidence.expected_calibration_error(),
    }
    for name, value in expected.items():
        assert scores_of(sums, MEASURES[name]) == pytest.approx(value), name
    # Distances are counted in half pixels, upwards.
    exact = mean(whole.surfaces.hausdorff())
    assert exact <= scores_of(sums, MEASURES["hausdorff95"]) <= exact + 0.5


def test_many_sums_are_scored_at_once() -> None:
    parts = [parts_of(counts(seed)) for seed in range(3)]
    for name, measure in MEASURES.items():
        stacked = np.stack([part[measure.part] for part in parts])
        at_once = scores_of({measure.part: stacked}, measure)
        alone = [float(scores_of(part, measure)) for part in parts]
        assert at_once.tolist() == pytest.approx(alone), name


def test_a_class_that_is_not_there_is_no_part_of_a_mean() -> None:
    pair = make_pair(np.array([[0, 0], [1, 1]]), np.array([[0, 2], [1, 1]]), 3)
    parts = parts_of(count_measures(pair, Measures(borders=False)))
    # IoU of class 0 is 1/2 and of class 1 is 1; class 2 has no pixel.
    assert scores_of(parts, MEASURES["mean_iou"]) == pytest.approx(75)


def test_a_border_beyond_the_cap_counts_as_the_cap() -> None:
    truth = np.zeros((4, 200), int)
    truth[:, 100:] = 1
    predicted = np.zeros((4, 200), int)
    predicted[:, 199:] = 1
    found = parts_of(count_measures(make_pair(truth, predicted, 2), Measures()))
    assert scores_of(found, MEASURES["hausdorff95"]) == 64.5


def test_what_ranks_is_read_and_checked() -> None:
    assert [m.name for m in rank_measures("Mean-IoU + boundary_iou")] == [
        "mean_iou",
        "boundary_iou",
    ]
    with pytest.raises(SettingsError, match="did you mean mean_iou"):
        rank_measures("mean_io")
    with pytest.raises(SettingsError, match="pixels and points have no mean"):
        rank_measures("mean_iou+hausdorff95")

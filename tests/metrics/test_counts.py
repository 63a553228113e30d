"""Counts that are added up."""

from __future__ import annotations

import numpy as np

from tilesegm.metrics.counts import AccuracyByBin


def test_accuracy_by_bin() -> None:
    counts = AccuracyByBin(np.array([1, 0, 0]), np.array([4, 4, 0]))
    total = counts + AccuracyByBin(np.array([3, 0, 0]), np.array([4, 4, 0]))
    np.testing.assert_array_equal(total.accuracy, [0.5, 0, np.nan])
    np.testing.assert_array_equal(total.share, [0.5, 0.5, 0])
    assert AccuracyByBin(np.zeros(2, int), np.zeros(2, int)).share.tolist() == [0, 0]

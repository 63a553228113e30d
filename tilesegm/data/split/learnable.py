"""Statistics of what may be learnt from, and of nothing else."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tilesegm.data.split.view import SceneView
from tilesegm.data.statistics.values import BandStatistics, SceneStatistics
from tilesegm.errors import SettingsError

__all__ = ["band_statistics", "class_counts", "scene_counts"]


def class_counts(
    statistics: Sequence[SceneStatistics], views: Sequence[SceneView]
) -> NDArray[np.int64]:
    """Count the labelled pixels of each class that may be learnt from.

    Cells that lie in the buffer or in hidden pixels with any part of theirs are left out whole:
    a little less is counted than may be learnt from, and never anything else.

    Args:
        statistics: one per scene.
        views: use of the pixels of the same scenes.

    Returns:
        ``(K,)``.
    """
    counts: NDArray[np.int64] = scene_counts(statistics, views).sum(axis=0)
    return counts


def scene_counts(
    statistics: Sequence[SceneStatistics], views: Sequence[SceneView]
) -> NDArray[np.int64]:
    """Count as `class_counts` does, for each scene.

    Returns:
        ``(M, K)`` for M scenes.
    """
    return np.array(
        [
            scene.counts[_free(scene, view)].sum(axis=0)
            for scene, view in zip(statistics, views, strict=True)
        ],
        np.int64,
    )


def band_statistics(
    statistics: Sequence[SceneStatistics], views: Sequence[SceneView]
) -> BandStatistics:
    """Find mean, deviation and percentiles of each band over what may be learnt from.

    All valid pixels of the cells that `class_counts` counts, labelled or not. Mean and deviation
    are exact, put together from cells as by Chan, Golub and LeVeque (1983); percentiles are those
    of the sample.

    Args:
        statistics: one per scene.
        views: use of the pixels of the same scenes.

    Raises:
        SettingsError: no whole cell may be learnt from.
    """
    free = [_free(scene, view) for scene, view in zip(statistics, views, strict=True)]
    pairs = list(zip(statistics, free, strict=True))
    sizes = np.concatenate([scene.valid[cells] for scene, cells in pairs])[:, None]
    means = np.concatenate([scene.means[cells] for scene, cells in pairs])
    squares = np.concatenate([scene.squares[cells] for scene, cells in pairs])
    if not sizes.any():
        raise SettingsError(
            f"no cell of {statistics[0].cell} x {statistics[0].cell} pixels is free of held-out "
            f"pixels and their buffer of {max(view.buffer for view in views)}; "
            "take larger blocks or a smaller buffer"
        )
    mean = (sizes * means).sum(axis=0) / sizes.sum()
    spread = (squares + sizes * (means - mean) ** 2).sum(axis=0) / sizes.sum()
    columns = mean, np.sqrt(spread), *_percentiles(pairs)
    return BandStatistics(*(tuple(map(float, values)) for values in columns))


def _free(scene: SceneStatistics, view: SceneView) -> NDArray[np.bool_]:
    """Cells of which every pixel may be learnt from, ``(R, C)``."""
    free: NDArray[np.bool_] = view.shares(scene.cell) == 1.0
    return free


def _percentiles(
    pairs: Sequence[tuple[SceneStatistics, NDArray[np.bool_]]],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """1st and 99th percentile of each band of the sampled pixels in the given cells."""
    samples = []
    for scene, cells in pairs:
        rows, cols = (np.arange(n) * scene.step // scene.cell for n in scene.sample_valid.shape)
        counted = scene.sample_valid & cells[np.ix_(rows, cols)]
        # Scenes may be sampled more or less densely: a pixel stands for step x step.
        samples.append((scene.sample[counted], np.full(int(counted.sum()), scene.step**2)))
    values = np.concatenate([pixels for pixels, _ in samples]).astype(np.float64)
    weights = np.concatenate([stands_for for _, stands_for in samples])
    if not len(values):
        # The lattice missed the few valid pixels there are; cell means are all there is.
        values = np.concatenate([scene.means[cells & (scene.valid > 0)] for scene, cells in pairs])
        weights = np.ones(len(values))
    ends = np.array([_weighted(values[:, band], weights) for band in range(values.shape[1])])
    return ends[:, 0], ends[:, 1]


def _weighted(values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    order = np.argsort(values)
    below = np.cumsum(weights[order])
    places = np.searchsorted(below, np.array([0.01, 0.99]) * below[-1])
    ends: NDArray[np.float64] = values[order][np.minimum(places, len(values) - 1)]
    return ends

"""Objects: connected parts of a class, followed across windows and matched between two maps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from tilesegm.metrics.counts import Counts, ratio
from tilesegm.metrics.pair import WindowPair

__all__ = ["ObjectCounts", "ObjectPart", "cut_objects", "join_objects"]


@dataclass(frozen=True)
class ObjectCounts(Counts):
    """Objects of some classes, ``(len(classes),)`` each."""

    true: NDArray[np.int64]
    predicted: NDArray[np.int64]
    matched: NDArray[np.int64]
    """Pairs whose IoU is above one half: no object can be in two of them."""
    quality: NDArray[np.float64]
    """Sum of the IoU of those pairs."""

    @property
    def f1(self) -> NDArray[np.float64]:
        """``(len(classes),)`` F1 score of objects; NaN for a class without any in the truth."""
        return ratio(2 * self.matched, self.true + self.predicted, where=self.true > 0)

    @property
    def panoptic_quality(self) -> NDArray[np.float64]:
        """``(len(classes),)`` F1 times the mean IoU of matched pairs (Kirillov et al. 2019)."""
        return ratio(2 * self.quality, self.true + self.predicted, where=self.true > 0)


@dataclass(frozen=True)
class _Side:
    """Objects of one map in a window; they are numbered from 1."""

    areas: NDArray[np.int64]
    """``(objects,)``."""
    top: NDArray[np.int32]
    """Numbers along the window's edge, 0 where there is no object."""
    bottom: NDArray[np.int32]
    left: NDArray[np.int32]
    right: NDArray[np.int32]


@dataclass(frozen=True)
class ObjectPart:
    """Objects of one class in a window, of truth and prediction, and where they overlap."""

    true: _Side
    predicted: _Side
    pairs: NDArray[np.int64]
    """``(3, n)``: number in the truth, number in the prediction, common pixels."""


def cut_objects(pair: WindowPair, classes: tuple[int, ...]) -> tuple[ObjectPart, ...]:
    """Label the objects of ``classes`` in a window, without its halo.

    Pixels that share a side are connected; those that share a corner alone are not. Unknown
    pixels belong to no object.
    """
    core = pair.core
    parts = []
    for number in classes:
        true, count_true = scipy.ndimage.label(core.truth == number)
        predicted, count_predicted = scipy.ndimage.label(core.predicted == number)
        common = (true > 0) & (predicted > 0)
        codes, pixels = np.unique(
            (true[common].astype(np.int64) << 32) | predicted[common], return_counts=True
        )
        parts.append(
            ObjectPart(
                _side(true, count_true),
                _side(predicted, count_predicted),
                np.stack([codes >> 32, codes & 0xFFFFFFFF, pixels]),
            )
        )
    return tuple(parts)


def _side(labels: NDArray[Any], count: int) -> _Side:
    areas = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    edges = (labels[0], labels[-1], labels[:, 0], labels[:, -1])
    return _Side(areas, *(edge.astype(np.int32) for edge in edges))


def join_objects(windows: Mapping[tuple[int, int], tuple[ObjectPart, ...]]) -> ObjectCounts:
    """Join objects that windows have cut, and match those of both maps.

    Args:
        windows: by row and column in a grid of windows that lie edge to edge and cover an image.
    """
    classes = len(next(iter(windows.values())))
    rows = [_match({at: parts[n] for at, parts in windows.items()}) for n in range(classes)]
    table = np.array(rows, np.float64).reshape(classes, 4)
    true, predicted, matched = table[:, :3].T.astype(np.int64)
    return ObjectCounts(true, predicted, matched, table[:, 3])


def _match(windows: dict[tuple[int, int], ObjectPart]) -> tuple[int, int, int, float]:
    true, true_areas = _join({at: part.true for at, part in windows.items()})
    predicted, predicted_areas = _join({at: part.predicted for at, part in windows.items()})
    pairs = [
        (true[at][part.pairs[0]], predicted[at][part.pairs[1]], part.pairs[2])
        for at, part in windows.items()
    ]
    first, second, pixels = (np.concatenate(column) for column in zip(*pairs, strict=True))
    # The sum of equal places is what joined objects have in common.
    shape = (max(true_areas.size, 1), max(predicted_areas.size, 1))
    common = coo_array((pixels, (first, second)), shape=shape).tocsr().tocoo()
    first, second = common.coords
    either = true_areas[first] + predicted_areas[second] - common.data
    good = 2 * common.data > either
    # Sorted, so that the sum is rounded alike however the image was cut.
    quality = np.sort(common.data[good] / either[good]).sum()
    return true_areas.size, predicted_areas.size, int(good.sum()), float(quality)


def _join(
    windows: dict[tuple[int, int], _Side],
) -> tuple[dict[tuple[int, int], NDArray[np.int64]], NDArray[np.int64]]:
    """Number objects over all windows.

    Returns:
        For each window the numbers of its objects, from 0 (the first entry stands for none); and
        the areas of all.
    """
    offsets, total = {}, 0
    for at, side in windows.items():
        offsets[at], total = total - 1, total + side.areas.size
    touching = []
    for (row, col), side in windows.items():
        for at, mine, edge in (
            ((row + 1, col), side.bottom, "top"),
            ((row, col + 1), side.right, "left"),
        ):
            if at in windows:
                yours = getattr(windows[at], edge)
                both = (mine > 0) & (yours > 0)
                ends = mine[both] + offsets[row, col], yours[both] + offsets[at]
                touching.append(np.unique(np.stack(ends).astype(np.int64), axis=1))
    links = np.concatenate(touching, axis=1) if touching else np.zeros((2, 0), np.int64)
    graph = coo_array((np.ones(links.shape[1], bool), (links[0], links[1])), shape=(total, total))
    count, joined = connected_components(graph, directed=False) if total else (0, np.zeros(0))
    areas = np.zeros(count, np.int64)
    numbers = {}
    for at, side in windows.items():
        mine = joined[offsets[at] + 1 : offsets[at] + 1 + side.areas.size].astype(np.int64)
        np.add.at(areas, mine, side.areas)
        numbers[at] = np.concatenate([[-1], mine])
    return numbers, areas

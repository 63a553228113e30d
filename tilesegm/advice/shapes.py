"""Shapes in a window of labels: objects, how wide and winding they are, and how near each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from tilesegm.metrics.skeleton import skeletonise

__all__ = ["Shapes", "find_shapes"]

_WIDE = 32.0
"""Width in pixels beyond which nothing is thin, and no centre line is looked for."""
_ROUNDS = 48
"""Rounds of thinning, enough for parts that are three times as wide as that."""
_NEAR = 5
"""Side of the window in which two objects are near: at most one pixel apart."""
_BRANCH = 8
"""Pixels that a piece of centre line needs at least to have a direction."""
_EIGHT = np.ones((3, 3), bool)


@dataclass
class Shapes:
    """Sums over windows of one class."""

    areas: list[NDArray[np.int64]] = field(default_factory=list)
    """Pixels of objects that no edge of a window cuts."""
    cut: int = 0
    """Objects that an edge of a window cuts."""
    near: int = 0
    """Objects with another one at most one pixel apart."""
    pixels: int = 0
    depth: float = 0.0
    """Sum of the distances of all pixels to the nearest one outside."""
    line: int = 0
    """Pixels of centre lines."""
    line_depth: float = 0.0
    """Sum of those distances over centre lines."""
    path: float = 0.0
    """Length of branches of centre lines that are long enough to have a direction."""
    chord: float = 0.0
    """Distance between the ends of those branches."""
    wide: int = 0
    """Pixels in windows where the class is too wide to look for centre lines."""

    @property
    def objects(self) -> int:
        """Objects, or the parts of them that windows show."""
        return self.cut + sum(areas.size for areas in self.areas)

    @property
    def width(self) -> float | None:
        """Mean width in pixels: along centre lines, or for wide ones as if they were strips."""
        if self.line and self.wide < self.pixels / 2:
            return 2.0 * self.line_depth / self.line - 1.0
        return 4.0 * self.depth / self.pixels - 1.0 if self.pixels else None

    @property
    def length(self) -> float | None:
        """Pixels of centre line for each object; None where the class is wide."""
        if not self.line or self.wide >= self.pixels / 2 or not self.objects:
            return None
        return self.line / self.objects

    @property
    def tortuosity(self) -> float | None:
        """Length of branches over the distance of their ends: 1 is straight."""
        return self.path / self.chord if self.chord else None


def find_shapes(shapes: Shapes, mask: NDArray[np.bool_], ids: NDArray[Any] | None) -> None:
    """Add a window.

    Args:
        shapes: of the class, to add to.
        mask: ``(height, width)``, True in the class.
        ids: ``(height, width)`` numbers of its objects; None where pixels that share a side or a
            corner are one object.
    """
    if not mask.any():
        return
    objects = scipy.ndimage.label(mask, _EIGHT)[0] if ids is None else np.where(mask, ids, 0)
    _add_objects(shapes, objects)
    # Beyond the edges of the window the class goes on as it is there.
    depth = scipy.ndimage.distance_transform_edt(np.pad(mask, 1, mode="edge"))[1:-1, 1:-1]
    pixels, total = int(np.count_nonzero(mask)), float(depth[mask].sum())
    shapes.pixels += pixels
    shapes.depth += total
    if 4.0 * total / pixels - 1.0 > _WIDE:
        shapes.wide += pixels
        return
    line, _ = skeletonise(mask, _ROUNDS)
    shapes.line += int(np.count_nonzero(line))
    shapes.line_depth += float(depth[line].sum())
    _add_branches(shapes, line)


def _add_objects(shapes: Shapes, objects: NDArray[Any]) -> None:
    _, numbers = np.unique(objects, return_inverse=True)
    numbers = numbers.reshape(objects.shape)
    if objects.min() != 0:  # no background: the first number is an object, too
        numbers = numbers + 1
    areas = np.bincount(numbers.ravel())
    edges = np.concatenate([numbers[0], numbers[-1], numbers[:, 0], numbers[:, -1]])
    is_cut = np.zeros(areas.size, bool)
    is_cut[edges] = True
    is_cut[0] = True
    shapes.areas.append(areas[~is_cut].astype(np.int64))
    shapes.cut += int(np.count_nonzero(is_cut[1:]))
    high = scipy.ndimage.maximum_filter(numbers, _NEAR)
    low = scipy.ndimage.minimum_filter(np.where(numbers > 0, numbers, areas.size), _NEAR)
    beside = (numbers > 0) & ((high != numbers) | (low != numbers))
    shapes.near += np.unique(numbers[beside]).size


def _add_branches(shapes: Shapes, line: NDArray[np.bool_]) -> None:
    """Measure the pieces of centre lines between their forks."""
    neighbours = scipy.ndimage.convolve(line.astype(np.uint8), np.ones((3, 3), np.uint8)) - line
    piece = line & (neighbours <= 2)
    numbers, count = scipy.ndimage.label(piece, _EIGHT)
    if not count:
        return
    sizes = np.bincount(numbers.ravel(), minlength=count + 1)
    lengths = np.zeros(count + 1)
    for shift, step in (((0, 1), 1.0), ((1, 0), 1.0), ((1, 1), 2**0.5), ((1, -1), 2**0.5)):
        first, second = _shifted(numbers, *shift)
        same = (first > 0) & (first == second)
        lengths += step * np.bincount(first[same], minlength=count + 1)
    around = scipy.ndimage.convolve(piece.astype(np.uint8), np.ones((3, 3), np.uint8)) - piece
    rows, cols = np.nonzero(piece & (around <= 1))
    ends = numbers[rows, cols]
    order = np.argsort(ends, kind="stable")
    rows, cols, ends = rows[order], cols[order], ends[order]
    paired = np.flatnonzero(np.bincount(ends, minlength=count + 1) == 2)
    long = paired[sizes[paired] >= _BRANCH]
    first = np.searchsorted(ends, long)
    shapes.path += float(lengths[long].sum())
    gaps = np.hypot(rows[first] - rows[first + 1], cols[first] - cols[first + 1])
    shapes.chord += float(gaps.sum())


def _shifted(numbers: NDArray[Any], down: int, right: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the numbers of pixels and of those ``down`` below and ``right`` beside them."""
    height, width = numbers.shape
    left, over = max(-right, 0), max(right, 0)
    return (
        numbers[: height - down, left : width - over],
        numbers[down:, left + right : width - over + right],
    )

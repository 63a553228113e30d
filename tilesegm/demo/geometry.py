"""Points, lines and outlines in the plane, as ``(n, 2)`` arrays of x and y."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Box", "Points", "around", "beside", "box", "even", "heading", "points_inside", "rectangle",
    "thick",
]  # fmt: skip

Points = NDArray[np.float64]
Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""


def box(x: float, y: float, radius: float) -> Box:
    """Return the square around a disc."""
    return x - radius, y - radius, x + radius, y + radius


def around(point: Points, distance: float) -> Points:
    """Return a point and its four neighbours at some distance."""
    return np.asarray(point + distance * np.array([(0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)]))


def rectangle(centre: Points, sides: tuple[float, float], angle: float) -> Points:
    """Return the corners of a rectangle whose first side lies at ``angle``."""
    along = np.array([np.cos(angle), np.sin(angle)]) * sides[0] / 2
    across = np.array([-np.sin(angle), np.cos(angle)]) * sides[1] / 2
    corners = np.array([along + across, along - across, -along - across, across - along])
    return np.asarray(centre + corners)


def heading(line: Points) -> float:
    """Return the angle from a line's first point to its last."""
    x, y = line[-1] - line[0]
    return float(np.arctan2(y, x))


def even(line: Points, step: float) -> Points:
    """Return points ``step`` apart along a line."""
    lengths = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    at = np.arange(0, lengths[-1], step)
    return np.stack([np.interp(at, lengths, line[:, axis]) for axis in (0, 1)], 1)


def beside(line: Points, offset: float) -> Points:
    """Return a line moved sideways by ``offset``, to its right as y points downwards."""
    along = np.gradient(line, axis=0)
    normal = np.stack([-along[:, 1], along[:, 0]], 1)
    length = np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
    return np.asarray(line + offset * normal / length)


def thick(line: Points, half: float) -> Points:
    """Return the outline of a line that is ``2 * half`` wide."""
    return np.concatenate([beside(line, half), beside(line, -half)[::-1]])


def points_inside(
    outline: Points, spacing: float, random: np.random.Generator, *, jitter: float
) -> Points:
    """Return jittered points of a grid inside a convex outline, along its first edge."""
    edge = outline[1] - outline[0]
    along = edge / np.linalg.norm(edge)
    turn = np.array([along, (-along[1], along[0])])
    local = outline @ turn.T
    low, high = local.min(0), local.max(0)
    xs, ys = (np.arange(low[a] + spacing / 2, high[a], spacing) for a in (0, 1))
    grid = np.stack(np.meshgrid(xs, ys, indexing="ij"), -1).reshape(-1, 2)
    grid = grid + random.uniform(-jitter, jitter, grid.shape)
    previous = np.roll(local, 1, 0)
    edges, offsets = local - previous, grid[:, None] - previous
    side = edges[:, 0] * offsets[..., 1] - edges[:, 1] * offsets[..., 0]
    return np.asarray(grid[(side >= 0).all(1) | (side <= 0).all(1)] @ turn)

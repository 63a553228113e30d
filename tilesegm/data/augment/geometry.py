"""Flips, turns, scale and deformation of a window, as one change."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.data.augment.points import Points
from tilesegm.data.patch import Patch
from tilesegm.data.settings import AugmentationSettings
from tilesegm.errors import InputError

__all__ = ["Geometry", "displacement", "draw_geometry"]

_ROUNDING = 1e-3
"""Pixels by which a point may leave the window that is read; it is moved back to the edge."""


@dataclass(frozen=True)
class Geometry:
    """One change of place: a window of ``side`` pixels becomes one of ``size`` pixels."""

    size: int
    side: int
    """Side of the square window to read: the least that holds every point of the result."""
    orientation: int
    """0 to 3: quarter turns counter-clockwise; 4 to 7: the same after mirroring left and right."""
    points: Points | None
    """Where pixels are taken from before they are oriented; None takes them as they are."""

    def apply(self, patch: Patch) -> Patch:
        """Move pixels, labels, validity and weights of a ``(side, side)`` patch alike.

        Pixels and weights are linear between pixels, in float32; labels and validity are those of
        the nearest pixel. Valid pixels never take up anything from invalid ones (see
        ``Points.linear_of_valid``). Without points nothing is interpolated and the dtype stays.

        Raises:
            InputError: the patch has another shape.
        """
        if patch.labels.shape != (self.side, self.side):
            raise InputError(
                f"the patch has {patch.labels.shape} pixels; read a window of "
                f"{self.side} x {self.side} for this geometry"
            )
        moved = patch if self.points is None else _resample(patch, self.points)
        if self.orientation == 0:
            return moved
        return Patch(
            self._orient(moved.pixels),
            self._orient(moved.valid),
            self._orient(moved.labels),
            None if moved.weights is None else self._orient(moved.weights),
        )

    def _orient(self, array: NDArray[Any]) -> NDArray[Any]:
        mirrored = array if self.orientation < 4 else array[:, ::-1]
        return np.ascontiguousarray(np.rot90(mirrored, self.orientation % 4))


def draw_geometry(
    size: int, settings: AugmentationSettings, random: np.random.Generator
) -> Geometry:
    """Draw a geometry for windows of ``size`` pixels.

    The result is deformed first, then turned and scaled about its centre, then oriented; all of it
    is one reading between pixels.
    """
    orientation = int(random.integers(8)) if settings.flip else 0
    if not (settings.rotate or settings.scale or settings.elastic):
        return Geometry(size, size, orientation, None)
    angle = np.deg2rad(settings.rotate * random.uniform(-1, 1))
    factor = (1 + settings.scale) ** random.uniform(-1, 1)
    along, across = np.float32(factor * np.cos(angle)), np.float32(factor * np.sin(angle))
    place = np.arange(size, dtype=np.float32) - np.float32((size - 1) / 2)
    rows, cols = place[:, None], place[None, :]
    if settings.elastic:
        shift = displacement(size, settings.elastic, settings.elastic_grain, random)
        rows, cols = rows + shift[0], cols + shift[1]
    # Rows grow downwards, so this turns the picture counter-clockwise for positive angles.
    rows, cols = along * rows + across * cols, along * cols - across * rows
    reach = float(max(np.abs(rows).max(), np.abs(cols).max()))
    side = int(np.ceil(2 * (reach - _ROUNDING))) + 1
    middle = np.float32((side - 1) / 2)
    rows, cols = (np.clip(axis + middle, 0, side - 1) for axis in (rows, cols))
    return Geometry(size, side, orientation, Points(rows, cols, side))


def displacement(
    size: int, largest: float, grain: float, random: np.random.Generator
) -> NDArray[np.float32]:
    """Draw shifts ``(2, size, size)`` of rows and columns in pixels.

    Vectors of one length and random directions on a square lattice are the control points of a
    uniform cubic B-spline, as in free-form deformation (Rueckert et al., IEEE TMI 1999); training
    images are deformed from a coarse lattice alike by Ronneberger et al. (MICCAI 2015). The length
    is even between 0 and ``largest``, which no shift exceeds since splines are weighted means. Two
    control points differ by at most twice the length, so that over a distance ``d`` the shift
    changes by at most ``2 * sqrt(2) * largest / grain * d``: as long as that is below ``d``, up to
    about a third of the grain, nothing folds.

    Args:
        size: side of the window in pixels.
        largest: bound of the shift in pixels.
        grain: distance of control points in pixels.
        random: source of chance; the lattice lies anywhere.
    """
    basis = _basis(np.arange(size) / grain + random.uniform())
    length = largest * random.uniform()
    angle = random.uniform(0, 2 * np.pi, (basis.shape[1], basis.shape[1]))
    control = length * np.stack([np.sin(angle), np.cos(angle)]).astype(np.float32)
    shift: NDArray[np.float32] = basis @ control @ basis.T
    return shift


def _basis(position: NDArray[np.float64]) -> NDArray[np.float32]:
    """Shares ``(len(position), control points)`` of a uniform cubic B-spline."""
    knot = position.astype(np.intp)
    t = position - knot
    shares = np.stack([(1 - t) ** 3, (3 * t - 6) * t**2 + 4, ((3 - 3 * t) * t + 3) * t + 1, t**3])
    basis = np.zeros((len(position), int(knot[-1]) + 4), np.float32)
    basis[np.arange(len(position)), knot + np.arange(4)[:, None]] = shares / 6
    return basis


def _resample(patch: Patch, points: Points) -> Patch:
    pixels, valid = points.linear_of_valid(patch.pixels.astype(np.float32), patch.valid)
    weights = patch.weights
    if weights is not None:
        # Those of held-out pixels must not be seen either.
        weights = points.linear_of_valid(weights[..., None], patch.valid)[0][..., 0]
    labels = points.nearest(patch.labels)
    return replace(patch, pixels=pixels, valid=valid, labels=labels, weights=weights)

"""Where an image lies in another coordinate system, and the way from there to its pixels."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from tilesegm.errors import SourceError
from tilesegm.source.base import ImageInfo
from tilesegm.source.projection import DEGREES, Points, in_degrees, parse_crs, project, turn
from tilesegm.source.reach import Reach
from tilesegm.source.unrolled import is_torn, unrolled
from tilesegm.source.vector.address import PIXELS
from tilesegm.source.vector.shapes import parts_in
from tilesegm.source.visible import visible

__all__ = ["Footprint"]

_LATTICE = 65
"""Points along each side of an image by which it is found elsewhere."""
_ITSELF = Affine.identity()
_POLES = np.array([(0.0, 90.0), (0.0, -90.0)])


class Footprint:
    """An image as it is seen from the coordinate system of shapes.

    Shapes are clipped before they are projected: a projection holds near the image alone. A turn
    around the Earth makes no difference: 181 degrees are -179.
    """

    def __init__(
        self, info: ImageInfo, crs: str | None, *, pixels: Affine = _ITSELF, margin: float = 0.0
    ) -> None:
        """Take an image with a transform, and the system of shapes.

        Args:
            info: of the image.
            crs: of shapes; that of the image when None, and its pixels for `PIXELS`.
            pixels: for `PIXELS` from pixels of the image to coordinates of the shapes.
            margin: pixels around the image that shapes may reach it from.

        Raises:
            SourceError: the image does not lie in the domain of the systems.
        """
        self._info = info
        self._crs, self._here = crs, None if crs == PIXELS else info.georeference.crs
        self._affine = Affine(*(info.georeference.transform or ())) if crs != PIXELS else pixels
        self._same = None in (crs, self._here) or parse_crs(crs) == parse_crs(self._here)
        plane = None if crs == PIXELS else crs or self._here
        self._degrees = in_degrees(plane)
        self._turn = None if plane is None else turn(plane)
        self._turn_here = None if self._here is None else turn(self._here)
        row, col = np.mgrid[
            -margin : info.height + margin : _LATTICE * 1j,
            -margin : info.width + margin : _LATTICE * 1j,
        ]
        ground = self._to_ground(np.column_stack([col.ravel(), row.ravel()]))
        self._middle_here = ground[len(ground) // 2]
        self._range_here = float(ground[:, 0].min()), float(ground[:, 0].max())
        points = ground if self._same else project(self._here, crs, ground)
        self._points = points[np.isfinite(points).all(axis=1)]
        if not len(self._points):
            raise SourceError(
                f"no pixel of {info.uri} has a place in {crs}; check both coordinate systems"
            )
        middle = points[len(points) // 2]
        self._middle = middle if np.isfinite(middle).all() else self._points[len(self._points) // 2]

    @cached_property
    def reaches(self) -> tuple[Reach, ...]:
        """Boxes in the system of shapes; nothing outside of them touches the image."""
        (left, bottom), (right, top) = self._points.min(axis=0), self._points.max(axis=0)
        # Between two points of the lattice the image may bulge by a part of their distance.
        aside, more = 2 * (right - left) / (_LATTICE - 1), 2 * (top - bottom) / (_LATTICE - 1)
        low, high = bottom - more, top + more
        if self._turn is None:
            return (Reach(left - aside, low, right + aside, high),)
        poles = self._poles()
        if poles.any() and not self._degrees:
            low, high = -self._turn, self._turn
        elif self._degrees:
            low, high = (-90.0 if poles[1] else low), (90.0 if poles[0] else high)
        first, last = self._columns(bool(poles.any()))
        turns = [n * self._turn for n in (-1, 0, 1, 2)]
        return tuple(Reach(first + turn, low, last + turn, high, -turn) for turn in turns)

    def place(
        self, polygons: NDArray[Any], features: NDArray[Any]
    ) -> tuple[NDArray[Any], NDArray[np.intp]]:
        """Bring valid polygons to pixels: x counts columns and y rows.

        Args:
            polygons: ``(n,)``.
            features: ``(n,)`` their numbers in the file.

        Returns:
            ``(m,)`` polygons that lie on the image or near it, and ``(m,)`` the place among
            ``polygons`` that each came from, in rising order.

        Raises:
            SourceError: a polygon cannot be projected.
        """
        import shapely

        placed, origins = [], []
        for reach in self.reaches:
            near = np.flatnonzero(reach.touched_by(polygons))
            shapes = polygons[near]
            if self._same:
                ground = shapely.get_coordinates(shapes) + np.array([reach.shift, 0])
            else:
                shapes = self._project(reach.clip(shapes), reach, features[near])
                ground = shapely.get_coordinates(shapes)
            placed.append(shapely.set_coordinates(shapes.copy(), self._to_pixels(ground)))
            origins.append(near)
        order = np.argsort(np.concatenate(origins), kind="stable")
        return np.concatenate(placed)[order], np.concatenate(origins)[order]

    def _project(self, shapes: NDArray[Any], reach: Reach, features: NDArray[Any]) -> NDArray[Any]:
        """Bring shapes to the system of the image."""
        import shapely

        if not len(shapes):
            return shapes
        # An edge that is straight there is curved here: it follows in steps, by parts of a pixel.
        steps = max(256, 8 * max(self._info.height, self._info.width) ** 0.5)
        left, bottom, right, top = np.nan_to_num(shapely.total_bounds(shapes))
        step = max(right - left, top - bottom) / steps or np.inf
        for cut in (False, True):
            if cut:
                seen = shapely.intersection(shapes, visible(reach, self._crs, self._info))
                kinds = shapely.get_dimensions(shapes)
                shapes = np.array([*map(parts_in, seen, kinds), None], dtype=object)[:-1]
            shapes = shapely.segmentize(shapes, step)
            there, owners = shapely.get_coordinates(shapes, return_index=True)
            ground = self._unwrapped(there, project(self._crs, self._here, there), reach)
            lost = ~np.isfinite(ground).all(axis=1)
            if not lost.any():
                return self._laid_out(shapes, shapely.set_coordinates(shapes.copy(), ground))
        raise SourceError(
            f"feature {features[owners[lost][0]]} cannot be projected to the coordinate system of "
            f"{self._info.uri}; check the coordinate systems, or cut the polygon to the image first"
        )

    def _laid_out(self, there: NDArray[Any], here: NDArray[Any]) -> NDArray[Any]:
        """Mend polygons that cross the seam of a cylinder, which the map they come from lacks."""
        import shapely

        if self._turn_here is None or self._turn is not None:
            return here
        for number in np.flatnonzero(is_torn(here, self._turn_here)):
            ends = project(DEGREES, self._crs, _POLES)
            south = not shapely.contains_xy(there[number], *ends[0])
            pole = project(DEGREES, self._here, _POLES)[int(south), 1]
            here[number] = unrolled(here[number], self._turn_here, pole, self._range_here)
        return here

    def _unwrapped(self, there: Points, ground: Points, reach: Reach) -> Points:
        """Add turns around the Earth to projected x until points lie where the image lies."""
        if self._turn_here is None:
            return ground
        expected = self._middle_here[0]
        if self._turn is not None:
            aside = there[:, 0] + reach.shift - self._middle[0]
            expected = expected + aside / self._turn * self._turn_here
        with np.errstate(invalid="ignore"):
            turns = np.nan_to_num(np.round((expected - ground[:, 0]) / self._turn_here))
        ground[:, 0] += turns * self._turn_here
        return ground

    def _columns(self, poles: bool) -> tuple[float, float]:
        """Return the range of x that holds the image; a full turn where it may reach around."""
        assert self._turn is not None
        whole, middle = self._turn, self._middle[0]
        aside = (self._points[:, 0] - middle + whole / 2) % whole - whole / 2
        first, last = aside.min(), aside.max()
        more = 2 * (last - first) / (_LATTICE - 1)
        if not poles and last - first + 2 * more < whole:
            return middle + first - more, middle + last + more
        end = middle + whole / 2
        if self._same or self._turn_here is not None:
            return end - whole, end
        return self._between_seams(end)

    def _between_seams(self, end: float) -> tuple[float, float]:
        """Return a turn that ends at ``end``, or where the map of the image is torn apart."""
        assert self._turn is not None

        def pixels(x: NDArray[np.float64]) -> Points:
            y = np.full(len(x), self._middle[1])
            return self._to_pixels(project(self._crs, self._here, np.column_stack([x, y])))

        x = np.linspace(end - self._turn, end, 721)
        with np.errstate(invalid="ignore"):
            jumps = np.hypot(*np.diff(pixels(x), axis=0).T)
        jumps[~np.isfinite(jumps)] = 0
        at = int(jumps.argmax())
        if jumps[at] < max(self._info.height, self._info.width) / 4:
            return end - self._turn, end
        before, after = x[at], x[at + 1]
        while after - before > 1e-11 * self._turn:
            middle = (before + after) / 2
            here = pixels(np.array([before, middle, after]))
            if np.hypot(*(here[1] - here[0])) < np.hypot(*(here[2] - here[1])):
                before = middle
            else:
                after = middle
        # A little less than a turn, since rounding would throw corners to the other side.
        return after - self._turn, before

    def _poles(self) -> NDArray[np.bool_]:
        """Tell for north and south whether the image holds the pole."""
        if self._here is None:
            return np.zeros(2, bool)
        col, row = self._to_pixels(project(DEGREES, self._here, _POLES)).T
        height, width = self._info.height, self._info.width
        inside: NDArray[np.bool_] = (np.abs(col / width - 0.5) < 0.55) & (
            np.abs(row / height - 0.5) < 0.55
        )
        return inside

    def _to_ground(self, pixels: Points) -> Points:
        return _applied(self._affine, pixels)

    def _to_pixels(self, ground: Points) -> Points:
        return _applied(~self._affine, ground)


def _applied(affine: Affine, points: Points) -> Points:
    x, y = points.T
    with np.errstate(invalid="ignore"):
        return np.column_stack(
            [affine.a * x + affine.b * y + affine.c, affine.d * x + affine.e * y + affine.f]
        )

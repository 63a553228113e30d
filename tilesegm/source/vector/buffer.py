"""Width that lines and points are drawn with, in pixels or in metres on the ground."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from tilesegm.errors import SettingsError, SourceError
from tilesegm.source.base import ImageInfo
from tilesegm.source.projection import DEGREES, Points, project

__all__ = ["Buffer"]

_FORM = re.compile(r"(\d+(?:\.\d+)?)\s*(px|m)?")
_EQUATOR, _ECCENTRICITY = 6_378_137.0, 6.694379990141e-3
"""Of WGS 84: radius in metres, and the square of the first eccentricity."""
_FARTHEST = 1e5


@dataclass(frozen=True)
class Buffer:
    """Distance to either side of lines, and around points."""

    amount: float
    unit: Literal["px", "m"] = "px"

    @classmethod
    def parse(cls, value: float | str) -> Self:
        """Read ``3`` or ``3px`` as pixels of the image, and ``2.5m`` as metres.

        Raises:
            SettingsError: it is another text, or not above 0.
        """
        match = _FORM.fullmatch(str(value).strip())
        amount = float(match[1]) if match else 0.0
        if match is None or not 0 < amount <= _FARTHEST:
            raise SettingsError(
                f"buffer={value!r}; expected pixels such as 3, or metres such as '2.5m', above 0"
            )
        return cls(amount, "m" if match[2] == "m" else "px")

    def __str__(self) -> str:
        return f"{self.amount:g}{self.unit}"

    def reach(self, info: ImageInfo) -> float:
        """Return the pixels by which it reaches into an image from outside, at most.

        Raises:
            SourceError: it has metres, and the image does not say where its pixels lie.
        """
        if self.unit == "px":
            return self.amount
        corners = np.array(
            [[0.0, 0.0], [info.width, 0], [0, info.height], [info.width, info.height]]
        )
        return float(self.amount / self._metres(info, corners).min())

    def drawn(self, shapes: NDArray[Any], info: ImageInfo) -> NDArray[Any]:
        """Make polygons of lines and points; polygons stay as they are.

        Args:
            shapes: in pixels of the image.
            info: of the image.

        Raises:
            SourceError: as `reach`.
        """
        import shapely

        thin = np.flatnonzero(np.isin(shapely.get_dimensions(shapes), (0, 1)))
        if not len(thin):
            return shapes
        shapes = shapes.copy()
        if self.unit == "px":
            shapes[thin] = shapely.buffer(shapes[thin], self.amount, quad_segs=16)
            return shapes
        middles = shapely.get_coordinates(shapely.centroid(shapes[thin]))
        sides = self._metres(info, middles)
        pixels, owners = shapely.get_coordinates(shapes[thin], return_index=True)
        metres = shapely.set_coordinates(shapes[thin], pixels * sides[owners])
        wide = shapely.buffer(metres, self.amount, quad_segs=16)
        there, owners = shapely.get_coordinates(wide, return_index=True)
        shapes[thin] = shapely.set_coordinates(wide, there / sides[owners])
        return shapes

    def _metres(self, info: ImageInfo, places: Points) -> Points:
        """Return width and height in metres of the pixels at ``(n, 2)`` places."""
        place = info.georeference
        if place.pixel_size is not None:
            height, width = place.pixel_size
            return np.full((len(places), 2), (width, height)) * 1e-6
        if place.transform is None or place.crs is None:
            raise SourceError(
                f"a buffer of {self} around lines and points has no meaning on {info.uri}, which "
                "does not say where its pixels lie; give pixels, such as 3"
            )
        steps = np.array([[0.0, 0.0], [1, 0], [0, 1]])
        corners = (places + steps[:, None]).reshape(-1, 2)
        affine = np.array(place.transform).reshape(2, 3)
        ground = corners @ affine[:, :2].T + affine[:, 2]
        degrees = project(place.crs, DEGREES, ground).reshape(3, -1, 2)
        across = degrees[1:] - degrees[0]
        # A pixel is small: the Earth around it is a plane, with its own metres for a degree.
        latitude = np.radians(degrees[0, :, 1])
        bend = 1 - _ECCENTRICITY * np.sin(latitude) ** 2
        east = np.radians(across[..., 0]) * np.cos(latitude) * _EQUATOR / np.sqrt(bend)
        north = np.radians(across[..., 1]) * _EQUATOR * (1 - _ECCENTRICITY) / bend**1.5
        sides: Points = np.hypot(east, north).T
        if not (np.isfinite(sides).all() and (sides > 0).all()):
            raise SourceError(
                f"a buffer of {self} cannot be measured on {info.uri}, parts of which have no "
                "place on the Earth; give pixels, such as 3"
            )
        return sides
